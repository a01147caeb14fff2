#include "lib/rpc/server.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <future>
#include <string>

#include "lib/base/file.h"
#include "lib/base/unique_fd.h"
#include "lib/rpc/address.h"
#include "test/catch.h"
#include "test/rpc/test_service.h"
#include "test/temp_dir.h"

namespace proofline::rpc {
namespace {

grpc::ByteBuffer Bytes(const std::string& text) {
  const grpc::Slice slice(text);
  return grpc::ByteBuffer(&slice, 1);
}

std::string Text(const grpc::ByteBuffer& bytes) {
  grpc::Slice slice;
  if (!bytes.Valid() || !bytes.DumpToSingleSlice(&slice).ok()) return {};
  return std::string(reinterpret_cast<const char*>(slice.begin()), slice.size());
}

// One request, one answer on a method without generated code; the answer's bytes.
std::string Ask(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                const std::string& request) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  WithDeadline(context, std::chrono::seconds(20));
  grpc::CompletionQueue queue;
  void* tag = nullptr;
  bool ok = false;
  const auto call = stub.PrepareCall(&context, method, &queue);
  call->StartCall(nullptr);
  queue.Next(&tag, &ok);
  grpc::ByteBuffer answer;
  grpc::Status status;
  call->Write(Bytes(request), nullptr);
  queue.Next(&tag, &ok);
  call->Read(&answer, nullptr);
  queue.Next(&tag, &ok);
  call->WritesDone(nullptr);
  queue.Next(&tag, &ok);
  call->Finish(&status, nullptr);
  queue.Next(&tag, &ok);
  INFO(status.error_message());
  CHECK(status.ok());
  return Text(answer);
}

absl::Status Refusal(ServerOptions options) {
  TestService service;
  return Server::Start(options, {&service}).status();
}

base::UniqueFd BoundSocket(const std::string& path, bool listen) {
  base::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un name = {};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.data(), path.size());
  REQUIRE(::bind(fd.get(), reinterpret_cast<sockaddr*>(&name), sizeof(name)) == 0);
  if (listen) REQUIRE(::listen(fd.get(), 1) == 0);
  return fd;
}

}  // namespace

TEST_CASE("a server answers on several addresses and tells their real ports") {
  const test::TempDir dir;
  TestService service;
  const std::string socket = "unix:" + (dir / "control.sock").string();
  ServerOptions options;
  options.addresses = {"127.0.0.1:0", socket};
  Line line(service, options);
  REQUIRE(line.server->addresses().size() == 2);
  CHECK(ParseAddress(line.server->addresses()[0])->port > 0);
  CHECK(line.server->addresses()[1] == socket);
  CHECK(line.Report().ok());
  const auto local = MakeChannel({.address = socket});
  REQUIRE(local.ok());
  grpc::ClientContext context;
  pb::ReportProgressResponse response;
  CHECK(pb::SyncService::NewStub(*local)->ReportProgress(&context, {}, &response).ok());
}

TEST_CASE("a unix socket is the owner's alone and goes with the server") {
  const test::TempDir dir;
  const std::string path = dir / "s";
  TestService service;
  {
    const auto server = Server::Start({.addresses = {"unix:" + path}}, {&service});
    REQUIRE(server.ok());
    struct stat facts = {};
    REQUIRE(::lstat(path.c_str(), &facts) == 0);
    CHECK(S_ISSOCK(facts.st_mode));
    CHECK((facts.st_mode & 0777) == 0600);
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("a socket left by a killed process is replaced, one in use is not") {
  const test::TempDir dir;
  const std::string path = dir / "s";
  BoundSocket(path, true).Reset();
  REQUIRE(std::filesystem::exists(path));
  TestService service;
  auto server = Server::Start({.addresses = {"unix:" + path}}, {&service});
  REQUIRE(server.ok());

  const absl::Status refused = Refusal({.addresses = {"unix:" + path}, .where = "lab.toml"});
  REQUIRE(absl::IsFailedPrecondition(refused));
  CHECK(refused.message() == "cannot listen on unix:" + path +
                                 ": the socket is in use by another program; choose another "
                                 "address in lab.toml");
  const auto channel = MakeChannel({.address = "unix:" + path});
  grpc::ClientContext context;
  pb::ReportProgressResponse response;
  CHECK(pb::SyncService::NewStub(*channel)->ReportProgress(&context, {}, &response).ok());
}

TEST_CASE("what is no socket is never replaced, and a missing folder is named") {
  const test::TempDir dir;
  REQUIRE(base::WriteFileDurably(dir / "precious", "data").ok());
  CHECK(
      absl::IsFailedPrecondition(Refusal({.addresses = {"unix:" + (dir / "precious").string()}})));
  CHECK(base::ReadFile(dir / "precious", 100).value() == "data");
  const absl::Status missing = Refusal({.addresses = {"unix:" + (dir / "no/s").string()}});
  CHECK(absl::IsNotFound(missing));
  CHECK(std::string(missing.message()).find((dir / "no").string()) != std::string::npos);
}

TEST_CASE("a port in use is a sentence that says where to choose another") {
  TestService service;
  Line line(service);
  const std::string address = line.server->addresses().front();
  const absl::Status refused =
      Refusal({.addresses = {"127.0.0.1:0", address}, .where = "host.toml line 4"});
  REQUIRE(absl::IsFailedPrecondition(refused));
  CHECK(refused.message() == "cannot listen on " + address +
                                 ": the port is in use by another program; choose another "
                                 "address in host.toml line 4");
  CHECK(line.Report().ok());
}

TEST_CASE("plain text is refused where other machines can listen") {
  for (const char* address : {"0.0.0.0:0", "[::]:0", "192.0.2.1:1", "photos.example:1"}) {
    INFO(address);
    const absl::Status refused = Refusal({.addresses = {address}, .where = "host.toml"});
    CHECK(absl::IsFailedPrecondition(refused));
    CHECK(std::string(refused.message()).find("without TLS") != std::string::npos);
    const auto client = MakeChannel({.address = address});
    CHECK(absl::IsFailedPrecondition(client.status()));
  }
  TestService service;
  CHECK(Server::Start({.addresses = {"0.0.0.0:0"}, .insecure_allowed = true}, {&service}).ok());
}

TEST_CASE("addresses that cannot be are sentences") {
  CHECK(absl::IsInvalidArgument(Refusal({})));
  CHECK(absl::IsInvalidArgument(Refusal({.addresses = {"nonsense"}})));
  const absl::Status foreign = Refusal({.addresses = {"192.0.2.1:4312"}, .insecure_allowed = true});
  CHECK(absl::IsFailedPrecondition(foreign));
  CHECK(std::string(foreign.message()).find("does not have that address") != std::string::npos);
}

TEST_CASE("health and reflection answer") {
  TestService service;
  Line line(service);
  CHECK(Ask(line.channel, "/grpc.health.v1.Health/Check", "") == "\x08\x01");
  // list_services = "" of grpc.reflection.v1alpha.ServerReflectionRequest.
  const std::string services =
      Ask(line.channel, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
          std::string("\x3a\x00", 2));
  CHECK(services.find("proofline.v1.SyncService") != std::string::npos);
  // file_containing_symbol of the same.
  const std::string symbol = "proofline.v1.SyncService";
  std::string request = "\x22";
  request.push_back(static_cast<char>(symbol.size()));
  request.append(symbol);
  const std::string file =
      Ask(line.channel, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", request);
  CHECK(file.find("sync_service.proto") != std::string::npos);
}

TEST_CASE("a message above the limit ends its call and nothing else") {
  TestService service;
  ServerOptions options;
  options.max_receive_bytes = 100'000;
  Line line(service, options);
  grpc::ClientContext context;
  pb::ReportProgressRequest request;
  request.set_state_message(std::string(200'000, 'x'));
  pb::ReportProgressResponse response;
  CHECK(line.stub->ReportProgress(&context, request, &response).error_code() ==
        grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK(line.Report().ok());
}

TEST_CASE("connections that say nothing stop nobody, and are hung up on") {
  TestService service;
  ServerOptions options;
  options.handshake_timeout = std::chrono::milliseconds(1'000);
  Line line(service, options);
  const std::string address = line.server->addresses().front();
  sockaddr_in name = {};
  name.sin_family = AF_INET;
  name.sin_port =
      htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::vector<base::UniqueFd> idle;
  for (int i = 0; i < 400; ++i) {
    base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0);
    idle.push_back(std::move(fd));
  }
  // Somebody else, on a connection of its own.
  line.Connect();
  CHECK(line.Report().ok());
  // The end of the connection, after whatever the server says first.
  for (const base::UniqueFd& fd : idle) {
    const timeval patience{.tv_sec = 60, .tv_usec = 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    char bytes[256];
    ssize_t got = 1;
    while (got > 0) got = ::recv(fd.get(), bytes, sizeof(bytes), 0);
    REQUIRE((got == 0 || errno == ECONNRESET));
  }
  CHECK(line.Report().ok());
}

TEST_CASE("draining lets calls end, and refuses new ones") {
  TestService service;
  Executor executor(1, 4);
  std::promise<void> begun;
  std::promise<void> go_on;
  service.on_report = [&](grpc::CallbackServerContext* context, const auto*, auto* response) {
    return AnswerOn(executor, context, response,
                    [&]() -> absl::StatusOr<pb::ReportProgressResponse> {
                      begun.set_value();
                      go_on.get_future().wait();
                      return pb::ReportProgressResponse();
                    });
  };
  Line line(service);
  auto call = std::async(std::launch::async, [&] { return line.Report(); });
  begun.get_future().wait();
  auto drained =
      std::async(std::launch::async, [&] { line.server->Drain(std::chrono::seconds(30)); });
  // A new connection is refused as soon as the drain has begun.
  while (true) {
    const auto fresh = MakeChannel({.address = line.server->addresses().front()});
    if (!(*fresh)->WaitForConnected(std::chrono::system_clock::now() +
                                    std::chrono::milliseconds(100))) {
      break;
    }
  }
  go_on.set_value();
  CHECK(call.get().ok());
  drained.get();
  line.server->Drain(std::chrono::seconds(30));
  CHECK(line.Report().error_code() == grpc::StatusCode::UNAVAILABLE);
}

TEST_CASE("draining cancels streams that do not end in time") {
  TestService service;
  Counted done;
  Counted opened;
  service.on_follow = [&] {
    auto stream = OrderWriter::Create({.on_room = {}, .on_done = [&](auto&) { done.Add(); }});
    opened.Add();
    return stream;
  };
  Line line(service);
  grpc::ClientContext context;
  const auto reader = line.stub->FollowDeviceOrders(&context, {});
  REQUIRE(opened.Reaches(1));
  line.server->Drain(std::chrono::milliseconds(50));
  CHECK(done.Reaches(1));
  pb::OrderEvent event;
  CHECK_FALSE(reader->Read(&event));
  CHECK_FALSE(reader->Finish().ok());
}

}  // namespace proofline::rpc
