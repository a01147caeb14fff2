// Answering unary calls of gRPC's callback API.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/rpc/executor.h"
#include "lib/rpc/status.h"

namespace proofline::rpc {

// Answers at once, for handlers that neither block nor compute for long:
//   return Answer(context, response, rules_.Check(*request));
template <typename Response>
grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, Response* response,
                                 absl::StatusOr<Response> result) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const grpc::Status status = ToGrpc(result.status());
  if (result.ok()) *response = *std::move(result);
  reactor->Finish(status);
  return reactor;
}

// A refusal, whatever the response type.
inline grpc::ServerUnaryReactor* Refuse(grpc::CallbackServerContext* context,
                                        const absl::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpc(status));
  return reactor;
}

// Answers from a thread of the executor with what `handler()` returns, an absl::StatusOr<Response>.
// Request, response and context stay valid for the handler. A call cancelled before its turn is
// not handled. A full executor answers RESOURCE_EXHAUSTED.
//   return AnswerOn(executor_, context, response, [=, this] { return GetPhoto(*request); });
template <typename Response, typename Handler>
grpc::ServerUnaryReactor* AnswerOn(Executor& executor, grpc::CallbackServerContext* context,
                                   Response* response, Handler handler) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  // Nothing of the call may be touched after Finish: gRPC may have freed it by then.
  const absl::Status taken =
      executor.Run([context, response, reactor, handler = std::move(handler)]() mutable {
        if (context->IsCancelled()) {
          reactor->Finish(grpc::Status::CANCELLED);
          return;
        }
        absl::StatusOr<Response> result = handler();
        const grpc::Status status = ToGrpc(result.status());
        if (result.ok()) *response = *std::move(result);
        reactor->Finish(status);
      });
  if (!taken.ok()) reactor->Finish(ToGrpc(taken));
  return reactor;
}

}  // namespace proofline::rpc
