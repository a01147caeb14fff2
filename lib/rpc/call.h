// Answering unary calls of gRPC's callback API.
#pragma once

#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <cstddef>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/text.h"
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

// The request of a method that is served raw: parsed only now, when it is known who asks.
// RESOURCE_EXHAUSTED beyond `max_bytes`, INVALID_ARGUMENT for bytes that are no such message.
template <typename Request>
absl::StatusOr<Request> ReadRequest(grpc::ByteBuffer bytes, std::size_t max_bytes) {
  if (bytes.Length() > max_bytes) {
    return Error(
        absl::StatusCode::kResourceExhausted,
        base::Concat("the request has ", bytes.Length(), " bytes; it may have ", max_bytes),
        "REQUEST_TOO_LARGE");
  }
  Request request;
  const grpc::Status read = grpc::SerializationTraits<Request>::Deserialize(&bytes, &request);
  if (read.ok()) return request;
  return Error(absl::StatusCode::kInvalidArgument,
               "the request cannot be read; use a client of this version of the API",
               "REQUEST_UNREADABLE");
}

// As AnswerOn, for a method that is served raw.
template <typename Response, typename Handler>
grpc::ServerUnaryReactor* AnswerRawOn(Executor& executor, grpc::CallbackServerContext* context,
                                      grpc::ByteBuffer* response, Handler handler) {
  return AnswerOn(executor, context, response,
                  [handler = std::move(handler)]() mutable -> absl::StatusOr<grpc::ByteBuffer> {
                    const absl::StatusOr<Response> answer = handler();
                    if (!answer.ok()) return answer.status();
                    grpc::ByteBuffer bytes;
                    bool own = false;
                    const grpc::Status written =
                        grpc::SerializationTraits<Response>::Serialize(*answer, &bytes, &own);
                    if (!written.ok()) return FromGrpc(written);
                    return bytes;
                  });
}

}  // namespace proofline::rpc
