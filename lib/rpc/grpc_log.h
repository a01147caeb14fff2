// What gRPC itself has to say.
#pragma once

namespace proofline::rpc {

// Sends gRPC's own log lines to ours, as debug lines: whatever they report comes back to us as a
// status too, and people get that. From any thread; works once, calling it again is fine.
void RouteGrpcLog();

}  // namespace proofline::rpc
