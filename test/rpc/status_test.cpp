#include "lib/rpc/status.h"

#include <string>

#include "lib/rpc/rpc_status.pb.h"
#include "proofline/v1/error.pb.h"
#include "test/catch.h"
#include "test/rpc/test_service.h"

namespace proofline::rpc {

TEST_CASE("a refusal keeps code, sentence, reason and values on its way") {
  const absl::Status sent = Error(absl::StatusCode::kOutOfRange, "go on at byte 42", "WRONG_OFFSET",
                                  {{"committed_bytes", "42"}});
  CHECK(ReasonOf(sent) == "WRONG_OFFSET");
  const absl::Status got = FromGrpc(ToGrpc(sent));
  CHECK(got.code() == absl::StatusCode::kOutOfRange);
  CHECK(got.message() == "go on at byte 42");
  CHECK(ReasonOf(got) == "WRONG_OFFSET");
  CHECK(DetailOf(got, "committed_bytes") == "42");
  CHECK_FALSE(DetailOf(got, "size_bytes").has_value());
  CHECK(got == sent);
}

TEST_CASE("a refusal crosses a real connection with its details") {
  TestService service;
  service.on_report = [](grpc::CallbackServerContext* context, const auto*, auto*) {
    return Refuse(context, Error(absl::StatusCode::kNotFound, "there is no order 7 — ask again",
                                 "ORDER_NOT_FOUND", {{"order", "7"}, {"path", "\xff\xfe"}}));
  };
  Line line(service);
  const absl::Status got = FromGrpc(line.Report());
  CHECK(got.code() == absl::StatusCode::kNotFound);
  CHECK(got.message() == "there is no order 7 — ask again");
  CHECK(ReasonOf(got) == "ORDER_NOT_FOUND");
  CHECK(DetailOf(got, "order") == "7");
  CHECK(DetailOf(got, "path") == "??");
}

TEST_CASE("a refusal too long for a trailer arrives cut, with its reason") {
  std::map<std::string, std::string> details;
  for (int i = 0; i < 40; ++i) details["value" + std::to_string(i)] = std::string(5000, 'v');
  std::string sentence;
  for (int i = 0; i < 4000; ++i) sentence += "é\xff";
  TestService service;
  service.on_report = [&](grpc::CallbackServerContext* context, const auto*, auto*) {
    return Refuse(context, Error(absl::StatusCode::kAborted, sentence, "LONG", details));
  };
  Line line(service);
  const absl::Status got = FromGrpc(line.Report());
  CHECK(got.code() == absl::StatusCode::kAborted);
  CHECK(got.message().size() > 900);
  CHECK(got.message().substr(0, 6) == "é?é?");
  CHECK(ReasonOf(got) == "LONG");
}

TEST_CASE("the wire form is the one of google.rpc.Status and google.rpc.ErrorInfo") {
  const grpc::Status status =
      ToGrpc(Error(absl::StatusCode::kNotFound, "gone", "GONE", {{"a", "b"}}));
  RpcStatus wire;
  REQUIRE(wire.ParseFromString(status.error_details()));
  CHECK(wire.code() == 5);
  CHECK(wire.message() == "gone");
  REQUIRE(wire.details_size() == 1);
  CHECK(wire.details(0).type_url() == "type.googleapis.com/google.rpc.ErrorInfo");
  pb::ErrorInfo info;
  REQUIRE(info.ParseFromString(wire.details(0).value()));
  CHECK(info.reason() == "GONE");
  CHECK(info.domain() == "proofline");
}

TEST_CASE("details from strangers do no harm") {
  const absl::Status got =
      FromGrpc(grpc::Status(grpc::StatusCode::INTERNAL, "odd", std::string("\x0a\xff\xff", 3)));
  CHECK(got.code() == absl::StatusCode::kInternal);
  CHECK(ReasonOf(got).empty());
  CHECK(FromGrpc(grpc::Status::OK).ok());
  CHECK(ToGrpc(absl::OkStatus()).ok());
}

TEST_CASE("people read the other side's sentence, or the transport's in plain words") {
  CHECK(Describe(Error(absl::StatusCode::kUnavailable, "the host is shutting down", "STOPPING")) ==
        "the host is shutting down");
  CHECK(Describe(absl::UnavailableError("connection refused"), "the host at h:1") ==
        "the host at h:1 cannot be reached: see whether it runs and the address is right "
        "(connection refused)");
  CHECK(Describe(grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, "Deadline Exceeded"),
                 "the lab") == "the lab did not answer in time");
  CHECK(Describe(absl::NotFoundError("")) == "the other side refused with NOT_FOUND");
}

TEST_CASE("only what may go away by itself is tried again") {
  CHECK(IsRetryable(absl::UnavailableError("")));
  CHECK(IsRetryable(absl::DeadlineExceededError("")));
  CHECK(IsRetryable(absl::ResourceExhaustedError("")));
  CHECK(IsRetryable(absl::AbortedError("")));
  CHECK_FALSE(IsRetryable(absl::OkStatus()));
  CHECK_FALSE(IsRetryable(absl::InternalError("")));
  CHECK_FALSE(IsRetryable(absl::UnauthenticatedError("")));
}

}  // namespace proofline::rpc
