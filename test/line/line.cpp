#include "test/line/line.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <stdexcept>

#include "lib/base/backoff.h"
#include "lib/base/id.h"
#include "lib/base/unique_fd.h"
#include "lib/rpc/access_key.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/endpoints.h"

namespace proofline::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

constexpr char kStudio[] = "studios/demo";

std::string NameOf(Part part) {
  switch (part) {
    case Part::kHost:
      return "host";
    case Part::kLab:
      return "lab";
    case Part::kPrinter:
      return "printer";
    case Part::kStudio:
      return "studio";
  }
  return {};
}

void WriteText(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::trunc) << text;
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
}

void Require(const grpc::Status& status, const std::string& what) {
  if (!status.ok()) throw std::runtime_error(what + ": " + status.error_message());
}

std::shared_ptr<grpc::Channel> MakeChannelOrThrow(const rpc::ChannelOptions& options) {
  auto channel = rpc::MakeChannel(options);
  if (!channel.ok()) throw std::runtime_error(std::string(channel.status().message()));
  return *channel;
}

void Deadline(grpc::ClientContext& context, std::chrono::milliseconds limit = seconds(10)) {
  context.set_wait_for_ready(true);
  rpc::WithDeadline(context, limit);
}

}  // namespace

int FreePort() {
  static std::minstd_rand random(std::random_device{}());
  std::uniform_int_distribution<int> ports(20000, 31999);
  while (true) {
    const int port = ports(random);
    const base::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
      return port;
    }
  }
}

bool WaitUntil(const std::function<bool()>& done, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    base::WaitFor({}, std::chrono::milliseconds(50));
  }
  return true;
}

Line::Line()
    : sync_port_(FreePort()),
      storefront_port_(FreePort()),
      intake_port_(FreePort()),
      printer_port_(FreePort()) {
  fs::create_directories(watched());
  fs::create_directories(folder_ / "spool");
  MakeCertificate();
  WriteText(folder_ / "lab.key",
            rpc::FormatAccessKey({.names = {"demo"}, .secret = base::NewSecret()}));
  WriteConfigs();
}

Line::~Line() = default;

void Line::MakeCertificate() {
  const RunResult made =
      Run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
           "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
           "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", folder_ / "key.pem", "-out",
           certificate()},
          folder());
  if (made.exit_code != 0) throw std::runtime_error("openssl: " + made.output);
}

void Line::WriteConfigs() {
  const auto local = [](int port) { return "\"127.0.0.1:" + std::to_string(port) + "\"\n"; };
  const std::string tls = "[tls]\ncert_file = \"certificate.pem\"\nkey_file = \"key.pem\"\n";
  WriteText(config(Part::kHost), "state = \"host\"\n[sync]\naddress = " + local(sync_port_) +
                                     "[storefront]\naddress = " + local(storefront_port_) + tls);
  std::string lab =
      "state = \"lab\"\n[lab]\nid = \"lab\"\nname = \"Test lab\"\n[intake]\naddress = " +
      local(intake_port_) + tls +
      "[[studio]]\nid = \"demo\"\nkey_file = \"lab.key\"\n"
      "[[printer]]\nid = \"photo\"\nkind = \"ipp\"\nuri = \"ipp://127.0.0.1:" +
      std::to_string(printer_port_) +
      "/ipp/print\"\n"
      "[[printer]]\nid = \"folder\"\nkind = \"file\"\nfolder = \"printed\"\n";
  const auto product = [&](const std::string& id, const std::string& paper,
                           const std::string& border, const std::string& printer) {
    lab += "[[product]]\nid = \"" + id + "\"\nname = \"Print " + paper + "\"\npaper = \"" + paper +
           "\"\nborder = \"" + border + "\"\nprinters = [\"" + printer + "\"]\n";
  };
  product("4x6", "4x6in", "0mm", "photo");
  product("5x7-bordered", "5x7in", "5mm", "photo");
  product("8x10", "8x10in", "0mm", "photo");
  product("file-4x6", "4x6in", "0mm", "folder");
  fs::create_directories(folder_ / "printed");
  WriteText(config(Part::kLab), lab);
  WriteText(config(Part::kStudio),
            "state = \"studio\"\n[[watch]]\npath = \"watched\"\n[settle]\nquiet = \"300ms\"\n"
            "[host]\naddress = " +
                local(sync_port_) +
                "key_file = \"device.key\"\nca_file = \"certificate.pem\"\n"
                "[[lab]]\nid = \"lab\"\naddress = " +
                local(intake_port_) + "key_file = \"lab.key\"\nca_file = \"certificate.pem\"\n");
}

fs::path Line::state(Part part) const { return folder_ / NameOf(part); }
fs::path Line::config(Part part) const { return folder_ / (NameOf(part) + ".toml"); }
std::string Line::Log(Part part) const { return ReadText(folder_ / (NameOf(part) + ".log")); }

void Line::SetEnvironment(Part part, std::vector<std::string> environment) {
  parts_[part].environment = std::move(environment);
}

void Line::Start(Part part) {
  const fs::path programs = PROOFLINE_PROGRAMS;
  Process::Options options;
  options.output = folder_ / (NameOf(part) + ".log");
  options.environment = parts_[part].environment;
  if (part == Part::kPrinter) {
    StartMessageBus();
    options.environment.push_back("DBUS_SYSTEM_BUS_ADDRESS=unix:path=" + bus_socket().string());
    options.arguments = {"ippeveprinter", "-k", "-d", folder_ / "spool", "-p",
                         std::to_string(printer_port_), "-r", "off", "-a",
                         PROOFLINE_PRINTER_PROFILE,
                         // Without a command it pretends to be busy for some seconds.
                         "-c", "/bin/true", "Photo"};
  } else {
    const std::string program = part == Part::kHost  ? "proofline-hostd"
                                : part == Part::kLab ? "proofline-labd"
                                                     : "proofline-studiod";
    options.arguments = {programs / program, "--config", config(part)};
    fs::remove(state(part) / "endpoints.json");
  }
  parts_[part].process.emplace(options);
  AwaitReady(part);
}

// ippeveprinter wants a system message bus; a private one serves it as well and needs no rights.
void Line::StartMessageBus() {
  if (bus_.has_value()) return;
  bus_.emplace(Process::Options{
      {"dbus-daemon", "--session", "--nofork", "--address=unix:path=" + bus_socket().string()},
      folder_ / "bus.log",
      {}});
  if (!WaitUntil([&] { return TakesConnections(bus_socket()); }, seconds(20))) {
    throw std::runtime_error("the message bus did not start:\n" + ReadText(folder_ / "bus.log"));
  }
}

void Line::AwaitReady(Part part) {
  const auto ready = [&] {
    if (part != Part::kPrinter) return fs::exists(state(part) / "endpoints.json");
    const base::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(printer_port_));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  };
  bool ended = false;
  const bool in_time = WaitUntil(
      [&] {
        ended = !parts_[part].process->running();
        return ended || ready();
      },
      seconds(60));
  if (ended || !in_time) {
    throw std::runtime_error("the " + NameOf(part) + " did not start:\n" + Log(part));
  }
}

void Line::StartAll() {
  Start(Part::kHost);
  EnrolDevice();
  Start(Part::kPrinter);
  Start(Part::kLab);
  Start(Part::kStudio);
}

void Line::EnrolDevice() {
  const auto admin = Admin();
  {
    grpc::ClientContext context;
    Deadline(context);
    v1::CreateStudioRequest request;
    request.set_studio_id("demo");
    request.mutable_studio()->set_display_name("Demo");
    v1::Studio studio;
    Require(admin->CreateStudio(&context, request, &studio), "cannot create the studio");
  }
  grpc::ClientContext context;
  Deadline(context);
  v1::CreateDeviceRequest request;
  request.set_parent(kStudio);
  request.set_device_id("desk");
  v1::CreateDeviceResponse response;
  Require(admin->CreateDevice(&context, request, &response), "cannot create the device");
  WriteText(folder_ / "device.key", response.device_key());
}

int Line::Stop(Part part) {
  parts_[part].process->Signal(SIGTERM);
  return WaitForEnd(part, seconds(60));
}

int Line::WaitForEnd(Part part, seconds limit) {
  const std::optional<int> code = parts_[part].process->Wait(limit);
  if (!code.has_value())
    throw std::runtime_error("the " + NameOf(part) + " does not end:\n" + Log(part));
  return *code;
}

void Line::Kill(Part part) {
  parts_[part].process->Signal(SIGKILL);
  WaitForEnd(part, seconds(60));
}

bool Line::running(Part part) {
  return parts_[part].process.has_value() && parts_[part].process->running();
}

std::vector<fs::path> Line::Pages() const {
  std::vector<fs::path> pages;
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / "spool")) {
    if (entry.is_regular_file() && entry.path().extension() == ".jpg")
      pages.push_back(entry.path());
  }
  std::sort(pages.begin(), pages.end());
  return pages;
}

std::string Line::ControlAddress(Part part) const {
  const auto endpoints = rpc::ReadEndpoints(state(part));
  if (!endpoints.ok()) throw std::runtime_error(std::string(endpoints.status().message()));
  return endpoints->at("control");
}

std::unique_ptr<v1::AdminService::Stub> Line::Admin() const {
  return v1::AdminService::NewStub(MakeChannelOrThrow({.address = ControlAddress(Part::kHost)}));
}
std::unique_ptr<v1::StudioControlService::Stub> Line::Studio() const {
  return v1::StudioControlService::NewStub(
      MakeChannelOrThrow({.address = ControlAddress(Part::kStudio)}));
}
std::unique_ptr<v1::LabControlService::Stub> Line::Lab() const {
  return v1::LabControlService::NewStub(
      MakeChannelOrThrow({.address = ControlAddress(Part::kLab)}));
}

std::string Line::storefront_address() const {
  return "127.0.0.1:" + std::to_string(storefront_port_);
}

std::unique_ptr<v1::StorefrontService::Stub> Line::Storefront(const std::string& session) const {
  rpc::ChannelOptions options;
  options.address = storefront_address();
  options.tls =
      rpc::ChannelTls{.ca_file = certificate(), .cert_file = "", .key_file = "", .server_name = ""};
  options.bearer_token = session;
  return v1::StorefrontService::NewStub(MakeChannelOrThrow(options));
}

std::string Line::SignInWithGalleries(const std::vector<std::string>& galleries) const {
  v1::CreateCustomerRequest request;
  request.set_parent(kStudio);
  request.mutable_customer()->set_display_name("A customer");
  for (const std::string& gallery : galleries) {
    request.mutable_customer()->mutable_share()->add_galleries(gallery);
  }
  v1::Customer customer;
  {
    grpc::ClientContext context;
    Deadline(context);
    Require(Admin()->CreateCustomer(&context, request, &customer), "cannot create the customer");
  }
  grpc::ClientContext context;
  Deadline(context);
  v1::SignInRequest sign_in;
  sign_in.set_identifier(customer.identifier());
  v1::SignInResponse response;
  Require(Storefront()->SignIn(&context, sign_in, &response), "cannot sign in");
  return response.session_token();
}

v1::GetStudioStatusResponse Line::StudioStatus() const {
  grpc::ClientContext context;
  Deadline(context);
  v1::GetStudioStatusResponse status;
  Require(Studio()->GetStudioStatus(&context, {}, &status), "cannot ask the studio daemon");
  return status;
}

v1::GetStudioStatusResponse Line::WaitForPhotos(int64_t photos, seconds limit) const {
  v1::GetStudioStatusResponse status;
  const bool done = WaitUntil(
      [&] {
        status = StudioStatus();
        const int64_t finished = status.published() + status.failed() + status.kept();
        return status.settling() + status.waiting() + status.rendered() == 0 && finished >= photos;
      },
      limit);
  if (!done) {
    throw std::runtime_error("the studio daemon is not done:\n" + status.ShortDebugString() + "\n" +
                             Log(Part::kStudio));
  }
  return status;
}

v1::Order Line::WaitForOrder(const std::string& session, const std::string& order,
                             v1::OrderState state, seconds limit) const {
  v1::Order seen;
  const bool reached = WaitUntil(
      [&] {
        grpc::ClientContext context;
        Deadline(context);
        v1::GetOrderRequest request;
        request.set_name(order);
        Require(Storefront(session)->GetOrder(&context, request, &seen), "cannot get the order");
        return seen.state() == state;
      },
      limit);
  if (!reached) {
    throw std::runtime_error("the order is not where it should be:\n" + seen.ShortDebugString() +
                             "\nlab:\n" + Log(Part::kLab) + "\nstudio:\n" + Log(Part::kStudio));
  }
  return seen;
}

}  // namespace proofline::test
