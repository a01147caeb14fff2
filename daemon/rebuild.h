// Building the catalog anew: from the folders, and from what the host remembers.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/catalog.h"
#include "daemon/folder_watcher.h"
#include "daemon/ingest.h"
#include "daemon/proof_publisher.h"

namespace proofline::studio {

// Sees a catalog that is new or built anew through to the end: it is whole when the host has said
// which photos it has and everything in every folder has been looked at since. A thread of its own,
// which sleeps while the catalog is whole. Everything given must outlive it.
class Rebuild {
 public:
  struct Parts {
    Catalog& catalog;
    Ingest& ingest;
    FolderWatcher& watcher;
    ProofPublisher& publisher;
    std::filesystem::path state;  // where copies of the catalog are kept
  };
  explicit Rebuild(const Parts& parts);
  // As Stop().
  ~Rebuild();
  Rebuild(const Rebuild&) = delete;
  Rebuild& operator=(const Rebuild&) = delete;

  void Start();
  void Stop();

  // Begins a rebuild, unless one is under way, and blocks until it is over. Cancelled when `stop`
  // is requested: the rebuild goes on all the same.
  absl::StatusOr<RebuildResult> Run(const std::stop_token& stop);
  // What the catalog waits for, for people; empty when it is whole.
  std::string message() const;

 private:
  absl::Status Begin();
  void Watch(const std::stop_token& stop);
  void EndRound();
  // Everything that was in the folders when the search began has been read.
  bool IsEverythingRead() const;

  const Parts parts_;
  std::mutex begin_mutex_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  // Listings that ended before do not count.
  std::optional<base::WallTime> begun_;
  std::int64_t rounds_ = 0;  // rebuilds that are over
  RebuildResult last_;
  std::jthread thread_;
};

// Moves the catalog of a daemon that is not running to another name beside it, so that the next
// start makes a new one; never deletes anything. The sentence says where it is now.
// FailedPrecondition while a daemon runs on the folder.
absl::StatusOr<std::string> SetCatalogAside(const std::filesystem::path& state);

}  // namespace proofline::studio
