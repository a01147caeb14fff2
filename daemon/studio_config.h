// What the studio daemon's configuration file says.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/file_rules.h"
#include "daemon/folder_watcher.h"
#include "daemon/photo_message.h"
#include "daemon/selection.h"
#include "daemon/settle_queue.h"
#include "daemon/working_hours.h"
#include "lib/base/clock.h"
#include "lib/base/config.h"
#include "lib/imaging/worker_pool.h"
#include "lib/rpc/channel.h"

namespace proofline::studio {

// Another machine that this daemon calls.
struct Peer {
  std::string id;     // of a lab; empty for the host
  std::string title;  // for sentences: "the host at photos.example:7410"
  rpc::ChannelOptions channel;
};

struct StudioConfig {
  std::filesystem::path state;
  std::string log_level;
  std::vector<std::string> roots;  // watched folders: absolute, none inside another
  SettleQueue::Options settle;
  base::Duration scan_interval{};
  base::Duration poll_interval{};
  std::map<std::string, PollMode> poll;  // by root
  FileRules rules;
  std::chrono::milliseconds grace{};
  bool raw_is_original = false;
  DeviceName device;  // as the device key names it
  Peer host;
  std::vector<Peer> labs;
  Preferences preferences;
  WorkingHours hours;
  std::uint64_t upload_rate = 0;      // bytes in a second; 0: no limit
  std::uint64_t lab_upload_rate = 0;  // to all labs together
  imaging::WorkerPool::Options imaging;
  std::uint64_t catalog_cache = 0;  // bytes
  std::string metrics_address;      // empty: none
};

// The keys that a running daemon takes over from a changed file, as base::Program wants them.
std::vector<std::string> LiveStudioKeys();

// Every key of studio.toml.
const base::ConfigTable& StudioConfigTable();

// Reads the file and the key files it names. Errors are one sentence each: those of
// base::LoadConfig and base::ReadSecretFile, and InvalidArgument for keys that are none or belong
// to another studio, watched folders inside one another, and labs that stand there twice.
absl::StatusOr<StudioConfig> LoadStudioConfig(const std::filesystem::path& path);

}  // namespace proofline::studio
