// Counting the renditions of JPEG headers in a store from before headers were counted, while it is
// in use.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>

#include "hostd/record_text.h"
#include "hostd/rendition_value.h"
#include "hostd/store.h"
#include "hostd/store_internal.h"
#include "hostd/store_keys.h"
#include "lib/base/backoff.h"
#include "lib/base/kill_point.h"
#include "lib/base/text.h"

namespace proofline::host {

namespace pb = proofline::v1;

namespace {

// Few, because renditions are read whole, and the studio's changes wait for the record.
constexpr std::size_t kPhotosAtOnce = 32;

bool LacksHeader(const record::PhotoRecord& record) {
  return std::any_of(record.renditions().begin(), record.renditions().end(),
                     [](const auto& one) { return one.header_digest().empty(); });
}

}  // namespace

absl::StatusOr<bool> Store::AreHeadersCounted() const {
  const auto format = Find<record::FormatRecord>(keys::Format());
  if (!format.ok()) return format.status();
  return format->has_value() && (*format)->headers_counted();
}

absl::Status Store::CountHeaders(const std::stop_token& stop) {
  const absl::StatusOr<bool> counted = AreHeadersCounted();
  if (!counted.ok()) return counted.status();
  if (*counted) return absl::OkStatus();
  std::string after;
  do {
    const absl::StatusOr<Page<pb::Studio>> studios = ListStudios(after, 100);
    if (!studios.ok()) return studios.status();
    for (const pb::Studio& studio : studios->items) {
      const std::string id(LastPart(studio.name()));
      if (absl::Status done = CountHeadersOf(id, stop); !done.ok()) return done;
    }
    after = studios->next;
  } while (!after.empty());
  // Studios that were made meanwhile have counted from their first photo on.
  const absl::Status noted = writer_->Run(keys::kHostPartition, [](Transaction& tx) {
    auto format = tx.GetRecord<record::FormatRecord>(keys::kRecords, keys::Format());
    if (!format.ok()) return format.status();
    (*format)->set_headers_counted(true);
    tx.PutRecord(keys::kRecords, keys::Format(), **format);
    return absl::OkStatus();
  });
  if (noted.ok()) spdlog::info("every JPEG header of the store is counted now");
  return noted;
}

absl::Status Store::CountHeadersOf(const std::string& studio, const std::stop_token& stop) {
  const auto done = Find<record::HeadersCountedRecord>(keys::HeadersCounted(studio));
  if (!done.ok()) return done.status();
  if (done->has_value()) return absl::OkStatus();
  std::string after;
  bool more = true;
  while (more) {
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    const base::SteadyTime begun = std::chrono::steady_clock::now();
    std::vector<std::string> lacking;
    more = false;
    const absl::Status scanned =
        database_->Scan(keys::kRecords, keys::Photos(studio), after,
                        [&](std::string_view key, std::string_view value) {
                          record::PhotoRecord photo;
                          if (photo.ParseFromArray(value.data(), static_cast<int>(value.size())) &&
                              LacksHeader(photo)) {
                            lacking.emplace_back(LastPart(photo.photo().name()));
                          }
                          after = std::string(key);
                          more = lacking.size() == kPhotosAtOnce;
                          return !more;
                        });
    if (!scanned.ok()) return scanned;
    if (lacking.empty()) break;
    if (absl::Status named = NameHeaders(studio, lacking); !named.ok()) return named;
    base::KillPoint("host.headers.named");
    // Half of the time belongs to everybody else.
    base::WaitFor(stop, std::chrono::steady_clock::now() - begun);
  }
  const absl::Status status =
      writer_->RunAlone(studio, [&](Transaction& tx) { return PutHeaderUses(tx, studio); });
  if (status.ok()) base::KillPoint("host.headers.counted");
  return status;
}

// Notes in the records of photos which headers their renditions lack.
absl::Status Store::NameHeaders(const std::string& studio, const std::vector<std::string>& photos) {
  // Photo and digest of the rendition → digest of its header.
  std::map<std::pair<std::string, std::string>, std::string> headers;
  for (const std::string& id : photos) {
    for (const pb::RenditionKind kind : {pb::RENDITION_KIND_THUMBNAIL, pb::RENDITION_KIND_PROOF}) {
      const absl::StatusOr<std::string> value =
          database_->Get(keys::kRenditions, keys::Rendition(studio, id, kind));
      if (absl::IsNotFound(value.status())) continue;
      if (!value.ok()) return value.status();
      const absl::StatusOr<RenditionValue> parts = ReadRenditionValue(*value);
      if (!parts.ok()) return parts.status();
      if (!parts->header_digest.has_value()) continue;
      headers[{id, std::string(parts->digest.bytes())}] = parts->header_digest->bytes();
    }
  }
  return writer_->Run(studio, [&](Transaction& tx) {
    for (const std::string& id : photos) {
      const std::string key = keys::Photo(studio, id);
      auto photo = tx.GetRecord<record::PhotoRecord>(keys::kRecords, key);
      if (!photo.ok()) return photo.status();
      if (!photo->has_value()) continue;
      bool changed = false;
      for (record::StoredRendition& rendition : *(*photo)->mutable_renditions()) {
        const auto header = headers.find({id, rendition.digest()});
        // One that was replaced since it was read names its header itself.
        if (!rendition.header_digest().empty() || header == headers.end()) continue;
        rendition.set_header_digest(header->second);
        changed = true;
      }
      if (changed) tx.PutRecord(keys::kRecords, key, **photo);
    }
    return absl::OkStatus();
  });
}

// All renditions of the studio name their header: from now on every header is counted.
absl::Status Store::PutHeaderUses(Transaction& tx, const std::string& studio) const {
  std::map<std::string, std::int64_t> uses;
  absl::Status status = database_->Scan(keys::kRecords, keys::Headers(studio), "",
                                        [&](std::string_view key, std::string_view) {
                                          uses[keys::DigestOfHeader(key)] = 0;
                                          return true;
                                        });
  if (!status.ok()) return status;
  bool damaged = false;
  status = database_->Scan(
      keys::kRecords, keys::Photos(studio), "", [&](std::string_view, std::string_view value) {
        record::PhotoRecord photo;
        damaged = !photo.ParseFromArray(value.data(), static_cast<int>(value.size()));
        if (damaged) return false;
        for (const record::StoredRendition& one : photo.renditions()) {
          if (!one.header_digest().empty()) ++uses[one.header_digest()];
        }
        return true;
      });
  if (damaged) {
    return absl::DataLossError("the store holds a photo that cannot be read; restore a backup");
  }
  if (!status.ok()) return status;
  for (const auto& [bytes, renditions] : uses) {
    const absl::StatusOr<base::Digest> digest = base::Digest::FromBytes(bytes);
    if (!digest.ok()) return digest.status();
    if (renditions == 0) {
      tx.Delete(keys::kRecords, keys::Header(studio, *digest));
      tx.Delete(keys::kRecords, keys::HeaderUses(studio, *digest));
      continue;
    }
    record::HeaderUsesRecord record;
    record.set_renditions(renditions);
    tx.PutRecord(keys::kRecords, keys::HeaderUses(studio, *digest), record);
  }
  tx.PutRecord(keys::kRecords, keys::HeadersCounted(studio), record::HeadersCountedRecord());
  return absl::OkStatus();
}

}  // namespace proofline::host
