#include "daemon/studio_config.h"

#include <algorithm>
#include <set>
#include <thread>
#include <utility>

#include "daemon/file_stamp.h"
#include "daemon/selection_config.h"
#include "lib/base/file.h"
#include "lib/base/id.h"
#include "lib/base/rate_limit.h"
#include "lib/base/text.h"
#include "lib/rpc/access_key.h"

namespace proofline::studio {
namespace {

using base::ConfigType;
using base::kRequired;

std::vector<base::ConfigRow> MakeRows() {
  std::vector<base::ConfigRow> rows = {
      {"state", ConfigType::kPath, kRequired, "",
       "Folder for the catalog and the control socket; on a local disk, outside the watched "
       "folders."},
      {"log.level", ConfigType::kString, "info", "trace|debug|info|warn|error",
       "How much is logged."},
      {"settle.quiet", ConfigType::kDuration, "2s", "10ms..1h",
       "A file is whole when it has not changed for this long."},
      {"settle.longest", ConfigType::kDuration, "10m", "10ms..7d",
       "A file that never comes to rest is tried after this long."},
      {"scan.interval", ConfigType::kDuration, "1h", "1s..7d",
       "How often all watched folders are looked through, for what no event told of."},
      {"scan.poll_interval", ConfigType::kDuration, "30s", "100ms..1d",
       "How often folders are looked through where the system reports no events: on network shares "
       "and cards, and when it has no watches left."},
      {"files.ignore", ConfigType::kStringList, "", "",
       "Files and folders that are left alone in every watched folder, e.g. [\"*.png\", "
       "\"Exports/\", \"2019/**/test*\"]; hidden and unfinished files, texts, films and the like "
       "are anyway."},
      {"files.grace", ConfigType::kDuration, "1h", "0..365d",
       "How long a photo whose file was deleted stays at the host."},
      {"pairs.original", ConfigType::kString, "jpeg", "jpeg|raw",
       "Which file of a RAW and JPEG pair is the photo's original: what is rendered and sent to "
       "labs."},
      {"host.address", ConfigType::kString, kRequired, "", "The host: name and port."},
      {"host.key_file", ConfigType::kPath, kRequired, "",
       "File with this device's key, as the host gave it."},
      {"host.ca_file", ConfigType::kPath, "", "",
       "Certificate authority of the host (PEM); empty: those the system trusts."},
      {"host.insecure", ConfigType::kBool, "false", "",
       "Plain text instead of TLS; only for a host on this machine."},
      {"work.workers", ConfigType::kInt, "0", "0..256",
       "Photos rendered at the same time; 0: one for each processor core."},
      {"work.priority", ConfigType::kString, "low", "normal|low|idle",
       "Low: after other programs. Idle: only while no other program wants processor or disk."},
      {"work.hours", ConfigType::kString, "", "",
       "Hours in which proofs are made and sent, in local time: \"22:00-06:00\" or "
       "\"12:00-13:00,18:00-24:00\"; empty: always. Orders are always sent."},
      {"upload.rate", ConfigType::kString, "", "",
       "Most that is sent to the host in a second, e.g. \"2MiB/s\"; empty: no limit."},
      {"upload.lab_rate", ConfigType::kString, "", "",
       "Most that is sent to labs in a second; empty: no limit."},
      {"imaging.worker", ConfigType::kPath, "", "",
       "The program that decodes images; empty: proofline-imaging-worker beside this program."},
      {"imaging.memory", ConfigType::kSize, "4GiB", "256MiB..",
       "Most memory of one worker process."},
      {"imaging.time_limit", ConfigType::kDuration, "60s", "1s..1h",
       "Longest time for one attempt at one photo."},
      {"imaging.max_megapixels", ConfigType::kInt, "400", "1..100000",
       "Photos with more megapixels are refused."},
      {"catalog.cache", ConfigType::kSize, "64MiB", "8MiB..", "Memory for the catalog's cache."},
      {"metrics.address", ConfigType::kString, "", "",
       "Address of the metrics page, e.g. 127.0.0.1:9401; empty: none."},
  };
  const auto after = std::find_if(rows.begin(), rows.end(), [](const base::ConfigRow& row) {
    return row.key == "imaging.worker";
  });
  const std::vector<base::ConfigRow> selection = SelectionRows();
  rows.insert(after, selection.begin(), selection.end());
  return rows;
}

std::vector<base::ConfigArray> MakeArrays() {
  std::vector<base::ConfigArray> arrays = {
      {"watch",
       "A folder whose originals are taken, with everything under it.",
       {{"path", ConfigType::kPath, kRequired, "", "The folder."},
        {"poll", ConfigType::kString, "auto", "auto|always|never",
         "Whether it is looked through every scan.poll_interval; auto: where the system reports no "
         "events."},
        {"ignore", ConfigType::kStringList, "", "",
         "Files and folders in it that are left alone, as files.ignore."}}},
      {"lab",
       "A lab that prints this studio's orders.",
       {{"id", ConfigType::kString, kRequired, "", "The lab's identifier."},
        {"address", ConfigType::kString, kRequired, "", "The lab: name and port."},
        {"key_file", ConfigType::kPath, kRequired, "",
         "File with this studio's key at the lab, as the lab gave it."},
        {"ca_file", ConfigType::kPath, "", "",
         "Certificate authority of the lab (PEM); empty: those the system trusts."},
        {"insecure", ConfigType::kBool, "false", "",
         "Plain text instead of TLS; only for a lab on this machine."}}},
  };
  for (base::ConfigArray& array : SelectionArrays()) arrays.push_back(std::move(array));
  return arrays;
}

absl::Status Wrong(const base::Config& config, std::string_view key, std::string_view sentence) {
  return absl::InvalidArgumentError(base::Concat(config.Where(key), ": ", sentence));
}

// The parts that the host and labs have in common; `prefix` stands before the keys.
rpc::ChannelOptions ChannelFrom(const base::Config& config, const std::string& prefix,
                                const std::string& key) {
  rpc::ChannelOptions channel;
  channel.address = config.GetString(prefix + "address");
  channel.bearer_token = key;
  if (!config.GetBool(prefix + "insecure")) {
    channel.tls.emplace();
    channel.tls->ca_file = config.GetPath(prefix + "ca_file").string();
  }
  return channel;
}

absl::Status ReadHost(const base::Config& config, StudioConfig& studio) {
  const std::filesystem::path& file = config.GetPath("host.key_file");
  const absl::StatusOr<std::string> text = base::ReadSecretFile(file);
  if (!text.ok()) return text.status();
  const std::optional<rpc::AccessKey> key = rpc::ParseAccessKey(*text, 2);
  if (!key.has_value()) {
    return Wrong(config, "host.key_file",
                 base::Concat(file.string(),
                              " does not hold a device key (STUDIO.DEVICE.SECRET); copy the key "
                              "again from where the host showed it, or have the host make a new "
                              "one"));
  }
  studio.device = {key->names[0], key->names[1]};
  studio.host.channel = ChannelFrom(config, "host.", *text);
  studio.host.title = base::Concat("the host at ", studio.host.channel.address);
  return absl::OkStatus();
}

absl::Status ReadLabs(const base::Config& config, StudioConfig& studio) {
  std::set<std::string> seen;
  for (const base::Config& lab : config.GetTables("lab")) {
    Peer peer;
    peer.id = lab.GetString("id");
    if (!base::IsValidId(peer.id)) {
      return Wrong(lab, "id",
                   base::Concat("\"", peer.id,
                                "\" is no lab identifier: it has 1 to 63 lower-case "
                                "letters, digits and hyphens"));
    }
    if (!seen.insert(peer.id).second) {
      return Wrong(lab, "id", base::Concat("the lab \"", peer.id, "\" stands there twice"));
    }
    const std::filesystem::path& file = lab.GetPath("key_file");
    const absl::StatusOr<std::string> text = base::ReadSecretFile(file);
    if (!text.ok()) return text.status();
    const std::optional<rpc::AccessKey> key = rpc::ParseAccessKey(*text, 1);
    if (!key.has_value() || key->names[0] != studio.device.studio) {
      return Wrong(lab, "key_file",
                   base::Concat(file.string(), " does not hold a lab key of the studio \"",
                                studio.device.studio, "\" (", studio.device.studio,
                                ".SECRET); copy the key again from where the lab showed it"));
    }
    peer.channel = ChannelFrom(lab, "", *text);
    peer.title = base::Concat("the lab \"", peer.id, "\" at ", peer.channel.address);
    studio.labs.push_back(std::move(peer));
  }
  return absl::OkStatus();
}

absl::Status ReadRoots(const base::Config& config, StudioConfig& studio) {
  const std::vector<base::Config>& watches = config.GetTables("watch");
  if (watches.empty()) {
    return Wrong(config, "state", "no folder is watched; add a [[watch]] with a path");
  }
  std::map<std::string, std::vector<std::string>> ignore_in;
  for (const base::Config& watch : watches) {
    std::string root = watch.GetPath("path").lexically_normal().string();
    while (root.size() > 1 && root.back() == '/') root.pop_back();
    for (const std::string& other : studio.roots) {
      if (IsWithin(root, other) || IsWithin(other, root)) {
        return Wrong(watch, "path",
                     base::Concat("the watched folders ", root, " and ", other,
                                  " lie inside one another; watch the outer one only"));
      }
    }
    if (IsWithin(studio.state.string(), root)) {
      return Wrong(config, "state",
                   base::Concat("the state folder ", studio.state.string(),
                                " lies in the watched folder ", root, "; choose another one"));
    }
    const std::string& poll = watch.GetString("poll");
    studio.poll[root] = poll == "always"  ? PollMode::kAlways
                        : poll == "never" ? PollMode::kNever
                                          : PollMode::kAuto;
    ignore_in[root] = watch.GetStringList("ignore");
    studio.roots.push_back(std::move(root));
  }
  studio.rules = FileRules(config.GetStringList("files.ignore"), std::move(ignore_in));
  return absl::OkStatus();
}

absl::Status ReadLimits(const base::Config& config, StudioConfig& studio) {
  absl::StatusOr<WorkingHours> hours = WorkingHours::Parse(config.GetString("work.hours"));
  if (!hours.ok()) {
    return Wrong(config, "work.hours",
                 base::Concat("\"work.hours\" ", base::ToStd(hours.status().message())));
  }
  studio.hours = *std::move(hours);
  for (const auto& [key, rate] : {std::pair{"upload.rate", &studio.upload_rate},
                                  std::pair{"upload.lab_rate", &studio.lab_upload_rate}}) {
    const absl::StatusOr<std::uint64_t> value = base::ParseRate(config.GetString(key));
    if (!value.ok()) {
      return Wrong(config, key,
                   base::Concat("\"", key, "\" ", base::ToStd(value.status().message())));
    }
    *rate = *value;
  }
  return absl::OkStatus();
}

void ReadWork(const base::Config& config, StudioConfig& studio) {
  const auto number = [&](std::string_view key) { return static_cast<int>(config.GetInt(key)); };
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  const int workers = number("work.workers");
  studio.imaging.workers = std::clamp(workers == 0 ? cores : workers, 1, 256);
  const std::string& priority = config.GetString("work.priority");
  studio.imaging.nice = priority == "normal" ? 0 : priority == "low" ? 10 : 19;
  studio.imaging.worker_path = config.GetPath("imaging.worker");
  studio.imaging.memory_limit = config.GetSize("imaging.memory");
  studio.imaging.time_limit = config.GetDuration("imaging.time_limit");
  studio.imaging.max_pixels =
      static_cast<std::uint64_t>(config.GetInt("imaging.max_megapixels")) * 1'000'000;
}

}  // namespace

std::vector<std::string> LiveStudioKeys() {
  return {"rule", "gallery", "renditions.", "watermark.", "work.hours", "upload."};
}

const base::ConfigTable& StudioConfigTable() {
  static const base::ConfigTable table{MakeRows(), MakeArrays()};
  return table;
}

absl::StatusOr<StudioConfig> LoadStudioConfig(const std::filesystem::path& path) {
  const absl::StatusOr<base::Config> config = base::LoadConfig(path, StudioConfigTable());
  if (!config.ok()) return config.status();
  StudioConfig studio;
  studio.state = config->GetPath("state").lexically_normal();
  studio.log_level = config->GetString("log.level");
  studio.settle.quiet = config->GetDuration("settle.quiet");
  studio.settle.longest = config->GetDuration("settle.longest");
  if (studio.settle.longest < studio.settle.quiet) {
    return Wrong(*config, "settle.longest", "\"settle.longest\" is shorter than \"settle.quiet\"");
  }
  studio.scan_interval = config->GetDuration("scan.interval");
  studio.poll_interval = config->GetDuration("scan.poll_interval");
  studio.grace = config->GetDuration("files.grace");
  studio.raw_is_original = config->GetString("pairs.original") == "raw";
  studio.catalog_cache = config->GetSize("catalog.cache");
  studio.metrics_address = config->GetString("metrics.address");
  ReadWork(*config, studio);
  if (absl::Status status = ReadLimits(*config, studio); !status.ok()) return status;
  absl::StatusOr<Preferences> preferences = ReadPreferences(*config);
  if (!preferences.ok()) return preferences.status();
  studio.preferences = *std::move(preferences);
  if (absl::Status status = ReadRoots(*config, studio); !status.ok()) return status;
  if (absl::Status status = ReadHost(*config, studio); !status.ok()) return status;
  if (absl::Status status = ReadLabs(*config, studio); !status.ok()) return status;
  return studio;
}

}  // namespace proofline::studio
