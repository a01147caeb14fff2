#include <string>

#include "lib/base/file.h"
#include "lib/rpc/bearer.h"
#include "test/catch.h"
#include "test/rpc/certificates.h"
#include "test/rpc/test_service.h"
#include "test/temp_dir.h"

namespace proofline::rpc {
namespace {

struct Keys {
  Keys() : ours(dir / "ours"), strangers(dir / "strangers") {
    ours.Sign("server");
    ours.Sign("device");
    strangers.Sign("device");
  }

  ServerOptions ServerWith(bool client_certificates) const {
    ServerOptions options;
    options.tls = ServerTls{ours.cert_file("server"), ours.key_file("server"),
                            client_certificates ? ours.ca_file() : ""};
    return options;
  }
  ChannelOptions ClientTrusting(const Certificates& authority) const {
    ChannelOptions options;
    options.tls = ChannelTls{};
    options.tls->ca_file = authority.ca_file();
    return options;
  }

  test::TempDir dir;
  Certificates ours;
  Certificates strangers;
};

}  // namespace

TEST_CASE("a call over TLS carries its credential") {
  const Keys keys;
  TestService service;
  std::string token;
  service.on_report = [&](grpc::CallbackServerContext* context, const auto*, auto* response) {
    token = BearerToken(*context).value_or("none");
    return Answer(context, response, absl::StatusOr<pb::ReportProgressResponse>(*response));
  };
  ChannelOptions client = keys.ClientTrusting(keys.ours);
  client.bearer_token = "secret-1";
  Line line(service, keys.ServerWith(false), client);
  const grpc::Status status = line.Report();
  INFO(status.error_message());
  CHECK(status.ok());
  CHECK(token == "secret-1");
}

TEST_CASE("a server that a stranger vouches for is not trusted") {
  const Keys keys;
  TestService service;
  Line line(service, keys.ServerWith(false), keys.ClientTrusting(keys.strangers));
  CHECK(line.Report().error_code() == grpc::StatusCode::UNAVAILABLE);
}

TEST_CASE("a plain-text client gets nothing from a TLS server") {
  const Keys keys;
  TestService service;
  Line line(service, keys.ServerWith(false));
  CHECK(line.Report().error_code() == grpc::StatusCode::UNAVAILABLE);
}

TEST_CASE("a server that wants client certificates knows its clients by them") {
  const Keys keys;
  TestService service;
  std::string name;
  service.on_report = [&](grpc::CallbackServerContext* context, const auto*, auto* response) {
    name = ClientCertificateName(*context);
    return Answer(context, response, absl::StatusOr<pb::ReportProgressResponse>(*response));
  };
  SECTION("one of ours gets in") {
    ChannelOptions client = keys.ClientTrusting(keys.ours);
    client.tls->cert_file = keys.ours.cert_file("device");
    client.tls->key_file = keys.ours.key_file("device");
    Line line(service, keys.ServerWith(true), client);
    CHECK(line.Report().ok());
    CHECK(name == "device");
  }
  SECTION("a stranger does not") {
    ChannelOptions client = keys.ClientTrusting(keys.ours);
    client.tls->cert_file = keys.strangers.cert_file("device");
    client.tls->key_file = keys.strangers.key_file("device");
    Line line(service, keys.ServerWith(true), client);
    CHECK_FALSE(line.Report().ok());
  }
  SECTION("nor does one without") {
    Line line(service, keys.ServerWith(true), keys.ClientTrusting(keys.ours));
    CHECK_FALSE(line.Report().ok());
  }
}

TEST_CASE("files that are no certificate or key are named") {
  const Keys keys;
  TestService service;
  const std::string garbage = keys.dir / "garbage";
  REQUIRE(base::WriteFileDurably(garbage, "not PEM").ok());
  const auto start = [&](const std::string& cert, const std::string& key) {
    ServerOptions options{.addresses = {"127.0.0.1:0"}, .tls = ServerTls{cert, key, ""}};
    return Server::Start(options, {&service}).status();
  };
  const std::string cert = keys.ours.cert_file("server");
  const absl::Status no_cert = start(garbage, keys.ours.key_file("server"));
  CHECK(absl::IsInvalidArgument(no_cert));
  CHECK(std::string(no_cert.message()).find(garbage) == 0);
  CHECK(absl::IsInvalidArgument(start(cert, garbage)));
  const absl::Status other = start(cert, keys.ours.key_file("device"));
  CHECK(absl::IsInvalidArgument(other));
  CHECK(std::string(other.message()).find("does not belong") != std::string::npos);
  CHECK(absl::IsNotFound(start(cert, keys.dir / "missing")));
  ChannelOptions client{.address = "127.0.0.1:1", .tls = ChannelTls{.ca_file = garbage}};
  CHECK(absl::IsInvalidArgument(MakeChannel(client).status()));
}

}  // namespace proofline::rpc
