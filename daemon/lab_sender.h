// Brings shares of orders to their labs, and hears how far they are.
#pragma once

#include <grpcpp/channel.h>

#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/catalog.h"
#include "daemon/folder_file.h"
#include "daemon/folder_hands.h"
#include "daemon/order_book.h"
#include "lib/base/rate_limit.h"
#include "lib/rpc/metrics.h"
#include "proofline/v1/lab_intake_service.grpc.pb.h"

namespace proofline::studio {

// The link to one lab, with two threads: one opens jobs, sends the originals the lab lacks, and
// closes or cancels jobs, one share after the other; one asks what the lab can make and follows its
// feed of jobs. Both try for ever. What has been reached is durable in the book, so that a restart
// goes on from there: opening a job again finds the same job, and an upload goes on after the last
// byte that the lab has synced.
//
// While the catalog is being built anew an original that is not found is waited for.
//
// Only originals of ordered lines are ever opened, read-only, and only if they are what was
// ordered. One whose folder is away or does not answer has its share wait, and the others go on.
// `hands` are asked for originals (its own, if null). `limit` is what may go in a second, if there
// is a limit; labs may share one. Everything given must outlive it.
class LabSender {
 public:
  LabSender(std::string lab, std::shared_ptr<grpc::Channel> channel, std::string peer,
            Catalog& catalog, OrderBook& book, rpc::Metrics& metrics,
            base::RateLimit* limit = nullptr, FolderHands* hands = nullptr);
  // As Stop().
  ~LabSender();
  LabSender(const LabSender&) = delete;
  LabSender& operator=(const LabSender&) = delete;

  void Start();
  void Stop();

 private:
  // An original that is there and is what was ordered.
  struct Original {
    std::string path;
    std::optional<FolderFile> file;
    std::int64_t size_bytes = 0;
  };
  // Why lines cannot be made, by number.
  using Problems = std::map<int, std::string>;

  void RunShares(const std::stop_token& stop);
  void RunFeed(const std::stop_token& stop);
  absl::Status Follow(const std::stop_token& stop, bool& heard);
  absl::Status TakeManifest(const std::stop_token& stop);
  // OK: there is nothing more to do for the share at the moment.
  absl::Status Work(const record::Share& share, const std::stop_token& stop);
  absl::Status Send(const record::Share& share, const std::stop_token& stop);
  absl::Status SendOriginals(const record::Share& share, const v1::Job& job,
                             const std::stop_token& stop);
  absl::Status SendOriginal(const record::Share& share, const v1::OrderLine& line,
                            const std::string& job, const std::stop_token& stop);
  absl::Status Ask(const record::Share& share, const std::stop_token& stop);
  absl::Status Cancel(const record::Share& share, const std::stop_token& stop);
  absl::Status CheckOriginals(const record::Share& share, const std::stop_token& stop,
                              Problems& problems);
  // The sentence for the line if there is no such original; an error if it cannot be known now.
  absl::StatusOr<std::optional<std::string>> OpenOriginal(const v1::OrderLine& line,
                                                          const std::stop_token& stop,
                                                          Original& original);
  // Whether a file that is not at its path any more may still exist.
  absl::StatusOr<bool> IsAway(const OriginalPlaces::File& file, const std::stop_token& stop);
  absl::Status Fail(const record::Share& share, const Problems& problems);

  const std::string lab_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::LabIntakeService::Stub> stub_;
  const std::string peer_;
  Catalog& catalog_;
  OrderBook& book_;
  base::RateLimit* const limit_;
  FolderCalls own_calls_;
  FolderHands own_hands_{own_calls_};
  FolderHands& hands_;
  rpc::Counter& sent_bytes_;
  std::jthread shares_;
  std::jthread feed_;
};

}  // namespace proofline::studio
