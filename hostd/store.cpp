#include "hostd/store.h"

#include <spdlog/spdlog.h>

#include <climits>

#include "hostd/partition_writer.h"
#include "hostd/record_text.h"
#include "hostd/store_internal.h"
#include "hostd/store_keys.h"
#include "lib/base/id.h"
#include "lib/base/text.h"
#include "lib/rpc/resource_name.h"
#include "lib/rpc/status.h"

namespace proofline::host {

namespace pb = proofline::v1;

namespace {

constexpr int kFormatVersion = 1;
constexpr int kWriterThreads = 2;
constexpr base::Duration kSeenInterval = std::chrono::minutes(1);

absl::Status CheckFormat(kv::Database& database) {
  const absl::StatusOr<std::string> value = database.Get(keys::kRecords, keys::Format());
  record::FormatRecord format;
  if (absl::IsNotFound(value.status())) {
    format.set_version(kFormatVersion);
    format.set_headers_counted(true);
    kv::Batch batch;
    batch.Put(keys::kRecords, keys::Format(), format.SerializeAsString());
    return database.Commit(std::move(batch));
  }
  if (!value.ok()) return value.status();
  if (!format.ParseFromString(*value) || format.version() != kFormatVersion) {
    return absl::FailedPreconditionError(base::Concat(
        "the store ", database.path().string(), " has format ", format.version(),
        ", this program knows format ", kFormatVersion, "; use the program that wrote it"));
  }
  return absl::OkStatus();
}

absl::Status NoStudio(std::string_view studio) {
  return rpc::Error(absl::StatusCode::kNotFound,
                    base::Concat("there is no studio ", studio, "; create it first"),
                    "STUDIO_NOT_FOUND", {{"studio", std::string(studio)}});
}

absl::Status NoDevice(std::string_view studio, std::string_view device) {
  return rpc::Error(absl::StatusCode::kNotFound,
                    base::Concat("the studio ", studio, " has no device ", device,
                                 "; list its devices to see what it has"),
                    "DEVICE_NOT_FOUND",
                    {{"studio", std::string(studio)}, {"device", std::string(device)}});
}

}  // namespace

Store::Store(kv::Database database, const base::Clock& clock)
    : clock_(clock),
      opening_(base::NewId()),
      database_(std::make_unique<kv::Database>(std::move(database))),
      headers_(std::make_unique<HeaderCache>()),
      writer_(std::make_unique<PartitionWriter>(*database_, kWriterThreads)) {}

Store::~Store() = default;

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const std::filesystem::path& folder,
                                                   std::uint64_t cache_bytes,
                                                   const base::Clock& clock) {
  kv::Database::Options options;
  options.cache_bytes = cache_bytes;
  options.column_families = {{.name = std::string(keys::kRecords), .blob_files = false},
                             {.name = std::string(keys::kRenditions), .blob_files = true}};
  absl::StatusOr<kv::Database> database = kv::Database::Open(folder, options);
  if (!database.ok()) return database.status();
  if (absl::Status status = CheckFormat(*database); !status.ok()) return status;
  return std::unique_ptr<Store>(new Store(*std::move(database), clock));
}

void Store::SetOrderListener(
    std::function<void(const std::string& studio, std::int64_t revision)> told) {
  told_ = std::move(told);
}

google::protobuf::Timestamp Store::NowStamp() const { return TimestampOf(clock_.WallNow()); }

std::optional<base::SteadyTime> Store::oldest_change() const { return writer_->oldest(); }

absl::StatusOr<pb::Studio> Store::CreateStudio(pb::Studio studio) {
  const std::string id(LastPart(studio.name()));
  *studio.mutable_create_time() = NowStamp();
  const absl::Status status = writer_->Run(keys::kHostPartition, [&](Transaction& tx) {
    const auto existing = tx.GetRecord<pb::Studio>(keys::kRecords, keys::Studio(id));
    if (!existing.ok()) return existing.status();
    if (existing->has_value()) {
      return rpc::Error(absl::StatusCode::kAlreadyExists,
                        base::Concat("there is a studio ", id, " already; choose another name"),
                        "STUDIO_EXISTS", {{"studio", id}});
    }
    tx.PutRecord(keys::kRecords, keys::Studio(id), studio);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return studio;
}

absl::StatusOr<pb::Studio> Store::GetStudio(std::string_view studio) const {
  const auto found = Find<pb::Studio>(keys::Studio(studio));
  if (!found.ok()) return found.status();
  if (!found->has_value()) return NoStudio(studio);
  return **found;
}

absl::StatusOr<Page<pb::Studio>> Store::ListStudios(std::string_view after, int limit) const {
  return ReadPage<pb::Studio, pb::Studio>(
      *database_, keys::Studios(), after.empty() ? "" : keys::Studio(after), limit,
      [](pb::Studio studio) -> absl::StatusOr<pb::Studio> { return studio; },
      [](const pb::Studio& studio) { return std::string(LastPart(studio.name())); });
}

absl::StatusOr<pb::Studio> Store::RenameStudio(std::string_view studio,
                                               std::string_view display_name) {
  pb::Studio result;
  const absl::Status status = writer_->Run(keys::kHostPartition, [&](Transaction& tx) {
    const auto existing = tx.GetRecord<pb::Studio>(keys::kRecords, keys::Studio(studio));
    if (!existing.ok()) return existing.status();
    if (!existing->has_value()) return NoStudio(studio);
    result = **existing;
    result.set_display_name(std::string(display_name));
    tx.PutRecord(keys::kRecords, keys::Studio(studio), result);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return result;
}

absl::StatusOr<pb::Usage> Store::GetUsage(std::string_view studio) const {
  if (const auto known = GetStudio(studio); !known.ok()) return known.status();
  const auto counters = Find<record::CountersRecord>(keys::Counters(studio));
  if (!counters.ok()) return counters.status();
  const record::CountersRecord figures = counters->value_or(record::CountersRecord());
  pb::Usage usage;
  usage.set_name(rpc::MakeResourceName("studios/*/usage", {studio}));
  usage.set_photos(figures.photos());
  usage.set_rendition_bytes(figures.rendition_bytes());
  usage.set_galleries(figures.galleries());
  usage.set_customers(figures.customers());
  usage.set_orders(figures.orders());
  return usage;
}

absl::StatusOr<pb::Device> Store::CreateDevice(pb::Device device, const base::Digest& key_hash) {
  const auto ids = rpc::ParseResourceName("studios/*/devices/*", device.name());
  PROOFLINE_CHECK(ids.has_value(), "a device has a name");
  const std::string& studio = ids->at(0);
  const std::string& id = ids->at(1);
  if (const auto known = GetStudio(studio); !known.ok()) return known.status();
  *device.mutable_create_time() = NowStamp();
  const absl::Status status = writer_->Run(studio, [&](Transaction& tx) {
    const auto existing =
        tx.GetRecord<record::DeviceRecord>(keys::kRecords, keys::Device(studio, id));
    if (!existing.ok()) return existing.status();
    if (existing->has_value()) {
      return rpc::Error(absl::StatusCode::kAlreadyExists,
                        base::Concat("the studio ", studio, " has a device ", id,
                                     " already; choose another name"),
                        "DEVICE_EXISTS", {{"studio", studio}, {"device", id}});
    }
    record::DeviceRecord made;
    *made.mutable_device() = device;
    made.set_key_hash(std::string(key_hash.bytes()));
    tx.PutRecord(keys::kRecords, keys::Device(studio, id), made);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return device;
}

absl::StatusOr<pb::Device> Store::FullDevice(std::string_view studio,
                                             const record::DeviceRecord& record) const {
  pb::Device device = record.device();
  const std::string_view id = LastPart(device.name());
  const auto seen = Find<record::SeenRecord>(keys::Seen(studio, id));
  if (!seen.ok()) return seen.status();
  if (seen->has_value()) *device.mutable_last_seen_time() = (*seen)->last_seen_time();
  const auto position = Find<record::PositionRecord>(keys::Position(studio, id));
  if (!position.ok()) return position.status();
  if (position->has_value()) device.set_last_sequence((*position)->last_sequence());
  return device;
}

absl::StatusOr<std::optional<record::DeviceRecord>> Store::FindDevice(
    std::string_view studio, std::string_view device) const {
  return Find<record::DeviceRecord>(keys::Device(studio, device));
}

absl::StatusOr<pb::Device> Store::GetDevice(std::string_view studio,
                                            std::string_view device) const {
  const auto found = FindDevice(studio, device);
  if (!found.ok()) return found.status();
  if (!found->has_value()) return NoDevice(studio, device);
  return FullDevice(studio, **found);
}

absl::StatusOr<Page<pb::Device>> Store::ListDevices(std::string_view studio, std::string_view after,
                                                    int limit) const {
  if (const auto known = GetStudio(studio); !known.ok()) return known.status();
  return ReadPage<record::DeviceRecord, pb::Device>(
      *database_, keys::Devices(studio), after.empty() ? "" : keys::Device(studio, after), limit,
      [&](const record::DeviceRecord& found) { return FullDevice(studio, found); },
      [](const pb::Device& device) { return std::string(LastPart(device.name())); });
}

absl::StatusOr<pb::Device> Store::RevokeDevice(std::string_view studio, std::string_view device) {
  const absl::Status status = writer_->Run(studio, [&](Transaction& tx) {
    auto existing =
        tx.GetRecord<record::DeviceRecord>(keys::kRecords, keys::Device(studio, device));
    if (!existing.ok()) return existing.status();
    if (!existing->has_value()) return NoDevice(studio, device);
    (*existing)->mutable_device()->set_revoked(true);
    tx.PutRecord(keys::kRecords, keys::Device(studio, device), **existing);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return GetDevice(studio, device);
}

void Store::TouchDevice(const std::string& studio, const std::string& device) {
  {
    const std::lock_guard lock(seen_mutex_);
    const base::SteadyTime now = clock_.Now();
    const auto [at, is_new] = seen_.try_emplace({studio, device}, now);
    if (!is_new && now - at->second < kSeenInterval) return;
    at->second = now;
  }
  record::SeenRecord seen;
  *seen.mutable_last_seen_time() = NowStamp();
  writer_->Submit(
      studio,
      [key = keys::Seen(studio, device), seen](Transaction& tx) {
        tx.PutRecord(keys::kRecords, key, seen);
        return absl::OkStatus();
      },
      [](const absl::Status& status) {
        if (!status.ok())
          spdlog::warn("a device's last call was not noted: {}", base::ToStd(status.message()));
      });
}

absl::Status Store::PutLab(const pb::Lab& lab) {
  const auto ids = rpc::ParseResourceName("studios/*/labs/*", lab.name());
  PROOFLINE_CHECK(ids.has_value(), "a lab has a name");
  const std::string key = keys::Lab(ids->at(0), ids->at(1));
  return writer_->Run(ids->at(0), [&](Transaction& tx) {
    const auto existing = tx.GetRecord<pb::Lab>(keys::kRecords, key);
    if (!existing.ok()) return existing.status();
    const bool is_same = existing->has_value() && ExactBytes(**existing) == ExactBytes(lab);
    if (!is_same) tx.PutRecord(keys::kRecords, key, lab);
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<pb::Lab>> Store::ListLabs(std::string_view studio) const {
  absl::StatusOr<Page<pb::Lab>> page = ReadPage<pb::Lab, pb::Lab>(
      *database_, keys::Labs(studio), "", INT_MAX,
      [](pb::Lab lab) -> absl::StatusOr<pb::Lab> { return lab; },
      [](const pb::Lab& lab) { return lab.name(); });
  if (!page.ok()) return page.status();
  return std::move(page->items);
}

}  // namespace proofline::host
