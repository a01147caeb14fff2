// Following a stream until it has brought what one waits for.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/target.h"
#include "lib/base/backoff.h"

namespace proofline::cli {

// When to give up; nothing means never.
using WaitLimit = std::optional<base::SteadyTime>;

// What is left until `limit`, not less than nothing.
inline std::optional<base::Duration> TimeLeft(const WaitLimit& limit) {
  if (!limit) return std::nullopt;
  return std::max(base::Duration::zero(),
                  std::chrono::duration_cast<base::Duration>(*limit - base::RealClock().Now()));
}

// Reads the stream that `open(client, context)` begins and gives each message to `on_message`,
// until that answers true (OK) or an error (which is returned). When the stream breaks after it has
// brought something, the daemon is expected to come back: `dial()` is tried again, with pauses.
// `on_away` is told why, once each time. A daemon that was never reached, and every refusal, is
// returned at once. DeadlineExceeded, without a sentence of its own, when `limit` is over. Blocks.
template <typename Service, typename Message>
absl::Status Follow(const std::function<absl::StatusOr<Connection>()>& dial,
                    const std::function<std::unique_ptr<grpc::ClientReader<Message>>(
                        typename Service::Stub&, grpc::ClientContext*)>& open,
                    const WaitLimit& limit,
                    const std::function<absl::StatusOr<bool>(const Message&)>& on_message,
                    const std::function<void(const absl::Status&)>& on_away = nullptr) {
  base::Backoff backoff(std::chrono::milliseconds(200), std::chrono::seconds(2));
  bool reached = false;
  bool away = false;
  while (true) {
    absl::Status broken;
    if (const absl::StatusOr<Connection> connection = dial(); connection.ok()) {
      const Client<Service> client(*connection);
      grpc::ClientContext context;
      if (const auto left = TimeLeft(limit)) {
        rpc::WithDeadline(context, std::chrono::ceil<std::chrono::milliseconds>(*left));
      }
      const auto reader = open(client.stub(), &context);
      Message message;
      while (reader->Read(&message)) {
        reached = true;
        away = false;
        backoff.Reset();
        const absl::StatusOr<bool> done = on_message(message);
        if (done.ok() && !*done) continue;
        context.TryCancel();
        while (reader->Read(&message)) {
        }
        reader->Finish();
        return done.status();
      }
      broken = connection->Explain(reader->Finish());
      if (broken.ok()) broken = absl::UnavailableError(connection->peer + " ended the stream");
    } else {
      broken = connection.status();
    }
    const std::optional<base::Duration> left = TimeLeft(limit);
    if (absl::IsDeadlineExceeded(broken) || (left && *left == base::Duration::zero())) {
      return absl::DeadlineExceededError("");
    }
    if (!reached || (!absl::IsUnavailable(broken) && !absl::IsCancelled(broken))) return broken;
    if (!std::exchange(away, true) && on_away) on_away(broken);
    const base::Duration pause = backoff.Next();
    base::WaitFor({}, left ? std::min(pause, *left) : pause);
  }
}

}  // namespace proofline::cli
