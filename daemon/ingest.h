// From file events to settled files in the catalog.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "daemon/catalog.h"
#include "daemon/file_rules.h"
#include "daemon/folder_calls.h"
#include "daemon/folder_hands.h"
#include "daemon/folder_names.h"
#include "daemon/folder_watcher.h"
#include "daemon/settle_queue.h"
#include "lib/base/clock.h"
#include "lib/base/work_watch.h"

namespace proofline::studio {

// Compares what the watcher finds with the catalog, lets the difference settle, and records it. A
// thread for each watched folder, so that a share which does not answer holds up nobody else; what
// the watcher calls comes on the watcher's. The catalog must outlive it. Memory: the settle queue's
// capacity for each watched folder; a listing waits while its queue is full.
class Ingest : public FolderListener {
 public:
  // `calls` hears of calls that a share may hold for ever, `work` of everything else that should
  // not take long; nobody does if they are null. `hands` are asked where a caller serves other
  // folders too. They must outlive it.
  Ingest(const SettleQueue::Options& options, Catalog& catalog,
         const base::Clock& clock = base::RealClock(), FileRules rules = FileRules(),
         FolderCalls* calls = nullptr, base::WorkWatch* work = nullptr,
         FolderHands* hands = nullptr);
  // As Stop().
  ~Ingest() override;

  void Start();
  // What has not settled is found again by the next start's listing.
  void Stop();

  // A file that was settled is not as it was: it settles again. Blocks while the queue is full,
  // until `stop`.
  void LookAgain(const std::string& root, const std::string& path, const std::stop_token& stop);
  // Paths that are settling.
  std::size_t settling() const;
  // Files under a watched folder that were not found at the last look because the volume they lie
  // on is not there, and when that was noticed first.
  struct Away {
    std::size_t files = 0;
    std::optional<base::WallTime> since;
  };
  Away away(const std::string& root) const;
  // This file is one of them.
  bool IsAway(const std::string& root, const std::string& path) const;

  void OnFolderListed(const std::string& root, const std::string& folder,
                      const std::vector<ListedFile>& files, const std::stop_token& stop) override;
  void OnFolderGone(const std::string& root, const std::string& folder,
                    const std::stop_token& stop) override;
  void OnRootListed(const std::string& root, const std::stop_token& stop) override;
  bool OnFileEvent(const std::string& root, const std::string& path) override;

 private:
  // What settles of one watched folder.
  struct Lane {
    SettleQueue queue;
    // Hashes of their paths.
    std::set<std::size_t> away = {};
    std::optional<base::WallTime> away_since = {};
    std::jthread thread = {};
  };

  // Under the lock.
  Lane& LaneOf(const std::string& root);
  // Waits for room. False when `stop` was requested.
  bool Offer(const std::string& root, const std::string& path, const Reading& reading,
             SettleQueue::Why why, const std::stop_token& stop);
  void Run(const std::string& root, Lane& lane, const std::stop_token& stop);
  std::vector<SettledPath> TakeSettled(const std::string& root, Lane& lane,
                                       std::vector<std::string> due);
  // Whether a settled file is worth recording, and what it is.
  bool Examine(const std::string& root, SettledPath& settled) const;
  // The half of a pair that is not to be the original.
  bool IsLesserHalf(const std::string& path) const;
  // What the rules ignore is not there.
  Reading Read(const std::string& root, const std::string& path, FolderNames& names) const;
  void Classify(SettledPath& settled) const;
  // It was written to of late and has gaps. Asks the file system.
  bool MayBeUnfilled(const std::string& path, const Reading& reading) const;
  bool LiesOnAbsentVolume(const SettledPath& gone) const;
  // Whether a file that has moved is about to be found elsewhere.
  bool IsSettlingElsewhere(const FileStamp& stamp) const;
  void Record(const std::vector<SettledPath>& settled, const std::stop_token& stop);

  const SettleQueue::Options options_;
  Catalog& catalog_;
  const base::Clock& clock_;
  const FileRules rules_;
  FolderCalls own_calls_;
  base::WorkWatch own_work_;
  FolderCalls& calls_;
  base::WorkWatch& work_;
  FolderHands own_hands_{own_calls_};
  FolderHands& hands_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  bool running_ = false;
  // By watched folder; nodes that never move, and stay.
  std::map<std::string, Lane> lanes_;
};

}  // namespace proofline::studio
