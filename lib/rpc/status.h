// Refusals that both people and programs can read, inside the process and over the wire.
//
// Inside, a refusal is an absl::Status: its code, a sentence for people, and as payload an
// ErrorInfo with a reason in UPPER_SNAKE_CASE and the offending values. Over the wire it is a
// grpc::Status whose details are a google.rpc.Status with google.rpc.ErrorInfo, as any gRPC library
// reads it. Everything here is thread-safe and never blocks.
#pragma once

#include <grpcpp/support/status.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace proofline::rpc {

// The type URL under which an ErrorInfo travels and sits in an absl::Status.
inline constexpr std::string_view kErrorInfoUrl = "type.googleapis.com/google.rpc.ErrorInfo";

// A refusal. `sentence` says what happened, to which thing, and what to do; never a secret. Values
// longer than 512 bytes are cut. `code` must not be kOk.
absl::Status Error(absl::StatusCode code, std::string_view sentence, std::string_view reason,
                   const std::map<std::string, std::string>& details = {});

// For the answer of a call. OK becomes OK. Sentence and details are cut to what fits into a
// trailer; the reason always fits.
grpc::Status ToGrpc(const absl::Status& status);

// From the answer of a call; details that are no google.rpc.Status are dropped.
absl::Status FromGrpc(const grpc::Status& status);

// The reason, empty if the status carries none.
std::string ReasonOf(const absl::Status& status);
// A value by name, e.g. "committed_bytes".
std::optional<std::string> DetailOf(const absl::Status& status, std::string_view name);

// The same call may work later, unchanged: UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED,
// ABORTED.
bool IsRetryable(const absl::Status& status);

// One sentence for people. What the other side said stands as it is; what the transport itself
// reports (cannot connect, took too long, …) is put into plain words. `peer` names the other side:
// "the host at photos.example:4312".
std::string Describe(const absl::Status& status, std::string_view peer = "the other side");
std::string Describe(const grpc::Status& status, std::string_view peer = "the other side");

}  // namespace proofline::rpc
