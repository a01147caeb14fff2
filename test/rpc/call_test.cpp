#include "lib/rpc/call.h"

#include <future>
#include <string>
#include <thread>
#include <vector>

#include "lib/rpc/bearer.h"
#include "lib/rpc/executor.h"
#include "lib/rpc/retry.h"
#include "test/catch.h"
#include "test/rpc/test_service.h"

namespace proofline::rpc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

}  // namespace

TEST_CASE("an executor runs everything it took, also when it stops, and refuses the rest") {
  Executor executor(1, 2);
  std::promise<void> begun;
  std::promise<void> go_on;
  int ran = 0;
  REQUIRE(executor
              .Run([&] {
                begun.set_value();
                go_on.get_future().wait();
                ++ran;
              })
              .ok());
  begun.get_future().wait();
  CHECK(executor.Run([&] { ++ran; }).ok());
  CHECK(executor.Run([&] { ++ran; }).ok());
  const absl::Status full = executor.Run([&] { ran += 100; });
  CHECK(absl::IsResourceExhausted(full));
  CHECK(ReasonOf(full) == "BUSY");
  CHECK(executor.waiting() == 2);
  go_on.set_value();
  executor.Stop();
  executor.Stop();
  CHECK(ran == 3);
  const absl::Status late = executor.Run([&] { ran += 100; });
  CHECK(absl::IsUnavailable(late));
  CHECK(ReasonOf(late) == "STOPPING");
  CHECK(ran == 3);
}

TEST_CASE("answers come from the executor, and a full one says so") {
  TestService service;
  Executor executor(1, 1);
  std::promise<void> begun;
  std::promise<void> go_on;
  std::atomic<bool> block = true;
  service.on_report = [&](grpc::CallbackServerContext* context,
                          const pb::ReportProgressRequest* request, auto* response) {
    return AnswerOn(executor, context, response,
                    [&, request]() -> absl::StatusOr<pb::ReportProgressResponse> {
                      if (block.exchange(false)) {
                        begun.set_value();
                        go_on.get_future().wait();
                      }
                      if (request->order().empty()) return absl::NotFoundError("no such order");
                      pb::ReportProgressResponse answer;
                      answer.set_order_state(pb::ORDER_STATE_RECEIVED);
                      return answer;
                    });
  };
  Line line(service);
  auto running = std::async(std::launch::async, [&] { return line.Report(); });
  begun.get_future().wait();
  auto waiting = std::async(std::launch::async, [&] { return line.Report(); });
  while (executor.waiting() == 0) std::this_thread::yield();
  CHECK(ReasonOf(FromGrpc(line.Report())) == "BUSY");
  go_on.set_value();
  CHECK(running.get().error_code() == grpc::StatusCode::NOT_FOUND);
  CHECK(waiting.get().error_message() == "no such order");
  grpc::ClientContext context;
  pb::ReportProgressRequest request;
  request.set_order("studios/s/orders/1");
  pb::ReportProgressResponse response;
  CHECK(line.stub->ReportProgress(&context, request, &response).ok());
  CHECK(response.order_state() == pb::ORDER_STATE_RECEIVED);
}

TEST_CASE("a call that is given up while it waits is not handled") {
  TestService service;
  Executor executor(1, 4);
  std::promise<void> begun;
  std::promise<void> go_on;
  std::atomic<int> handled = 0;
  std::promise<grpc::CallbackServerContext*> second;
  service.on_report = [&](grpc::CallbackServerContext* context, const auto*, auto* response) {
    auto* reactor =
        AnswerOn(executor, context, response, [&]() -> absl::StatusOr<pb::ReportProgressResponse> {
          ++handled;
          return pb::ReportProgressResponse();
        });
    second.set_value(context);
    return reactor;
  };
  REQUIRE(executor
              .Run([&] {
                begun.set_value();
                go_on.get_future().wait();
              })
              .ok());
  begun.get_future().wait();
  Line line(service);
  std::stop_source stop;
  auto call = std::async(std::launch::async, [&] {
    ClientCall client(stop.get_token());
    pb::ReportProgressResponse response;
    return line.stub->ReportProgress(client.context(), {}, &response);
  });
  grpc::CallbackServerContext* context = second.get_future().get();
  stop.request_stop();
  CHECK(call.get().error_code() == grpc::StatusCode::CANCELLED);
  while (!context->IsCancelled()) std::this_thread::yield();
  go_on.set_value();
  line.server->Drain(seconds(20));
  CHECK(handled == 0);
}

TEST_CASE("a credential is read from a call, and everything else is refused without repeating it") {
  TestService service;
  absl::StatusOr<std::string> token;
  service.on_report = [&](grpc::CallbackServerContext* context, const auto*, auto* response) {
    token = BearerToken(*context);
    if (!token.ok()) return Refuse(context, token.status());
    return Answer(context, response, absl::StatusOr<pb::ReportProgressResponse>(*response));
  };
  Line line(service);
  const auto call = [&](const std::vector<std::string>& headers) {
    grpc::ClientContext context;
    for (const std::string& header : headers) context.AddMetadata("authorization", header);
    pb::ReportProgressResponse response;
    return FromGrpc(line.stub->ReportProgress(&context, {}, &response));
  };
  CHECK(call({"Bearer abc"}).ok());
  CHECK(*token == "abc");
  CHECK(call({"bearer  xyz "}).ok());
  CHECK(*token == "xyz");
  const std::vector<std::vector<std::string>> wrong = {{},
                                                       {"Basic secret"},
                                                       {"Bearer "},
                                                       {"Bearer"},
                                                       {"Bearer secret", "Bearer other"},
                                                       {"Bearer " + std::string(2000, 'x')}};
  for (const auto& headers : wrong) {
    const absl::Status status = call(headers);
    CHECK(status.code() == absl::StatusCode::kUnauthenticated);
    CHECK(ReasonOf(status) == "CREDENTIAL_MISSING");
    CHECK(std::string(status.message()).find("secret") == std::string::npos);
  }
}

TEST_CASE("a client's credential goes with every call of its channel") {
  TestService service;
  std::string token;
  service.on_report = [&](grpc::CallbackServerContext* context, const auto*, auto* response) {
    token = BearerToken(*context).value_or("none");
    return Answer(context, response, absl::StatusOr<pb::ReportProgressResponse>(*response));
  };
  Line line(service, {}, {.bearer_token = "device-1"});
  CHECK(line.Report().ok());
  CHECK(token == "device-1");
  CHECK(absl::IsInvalidArgument(
      MakeChannel({.address = "127.0.0.1:1", .bearer_token = "two\nlines"}).status()));
}

TEST_CASE("a call is repeated until it works") {
  TestService service;
  std::atomic<int> calls = 0;
  service.on_report = [&](grpc::CallbackServerContext* context, const auto*, auto* response) {
    if (++calls < 4) return Refuse(context, absl::UnavailableError("not yet"));
    return Answer(context, response, absl::StatusOr<pb::ReportProgressResponse>(*response));
  };
  Line line(service);
  base::Backoff backoff(milliseconds(1), milliseconds(2));
  int failures = 0;
  RetryOptions options;
  options.on_failure = [&](const absl::Status& failure) {
    ++failures;
    CHECK(absl::IsUnavailable(failure));
  };
  pb::ReportProgressResponse response;
  const absl::Status status =
      CallWithRetry({}, backoff, options, [&](grpc::ClientContext* context) {
        return line.stub->ReportProgress(context, {}, &response);
      });
  CHECK(status.ok());
  CHECK(calls == 4);
  CHECK(failures == 3);
}

TEST_CASE("what cannot get better is not repeated, and patience ends") {
  base::Backoff backoff(milliseconds(1), milliseconds(2));
  int calls = 0;
  const absl::Status refused = CallWithRetry({}, backoff, {}, [&](grpc::ClientContext*) {
    ++calls;
    return ToGrpc(Error(absl::StatusCode::kNotFound, "no", "ORDER_NOT_FOUND"));
  });
  CHECK(ReasonOf(refused) == "ORDER_NOT_FOUND");
  CHECK(calls == 1);
  RetryOptions options;
  options.give_up_after = milliseconds(20);
  const absl::Status tired = CallWithRetry({}, backoff, options, [&](grpc::ClientContext*) {
    return grpc::Status(grpc::StatusCode::ABORTED, "again");
  });
  CHECK(absl::IsAborted(tired));
}

TEST_CASE("a stop ends repeated calls at once, in an attempt and in a wait") {
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
  std::stop_source stop;
  base::Backoff backoff(seconds(600), seconds(600));
  RetryOptions options;
  options.attempt_timeout = seconds(600);
  auto call = std::async(std::launch::async, [&] {
    return CallWithRetry(stop.get_token(), backoff, options, [&](grpc::ClientContext* context) {
      pb::ReportProgressResponse response;
      return line.stub->ReportProgress(context, {}, &response);
    });
  });
  begun.get_future().wait();
  stop.request_stop();
  CHECK(absl::IsCancelled(call.get()));
  go_on.set_value();

  std::stop_source second;
  options.on_failure = [&](const absl::Status&) { second.request_stop(); };
  CHECK(absl::IsCancelled(CallWithRetry(
      second.get_token(), backoff, options,
      [&](grpc::ClientContext*) { return grpc::Status(grpc::StatusCode::UNAVAILABLE, ""); })));
}

TEST_CASE("nobody at the address is UNAVAILABLE, in plain words") {
  std::string address;
  {
    TestService service;
    Line line(service);
    address = line.server->addresses().front();
  }
  const auto channel = MakeChannel({.address = address});
  grpc::ClientContext context;
  pb::ReportProgressResponse response;
  const grpc::Status status =
      pb::SyncService::NewStub(*channel)->ReportProgress(&context, {}, &response);
  CHECK(status.error_code() == grpc::StatusCode::UNAVAILABLE);
  CHECK(Describe(status, "the host").find("the host cannot be reached") == 0);
}

}  // namespace proofline::rpc
