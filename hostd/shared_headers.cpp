#include "hostd/shared_headers.h"

#include "hostd/record.pb.h"
#include "hostd/store_keys.h"

namespace proofline::host {

absl::Status TakeHeader(Transaction& tx, std::string_view studio, const base::Digest& digest,
                        const std::string& header) {
  const std::string key = keys::Header(studio, digest);
  const std::string uses_key = keys::HeaderUses(studio, digest);
  const auto held = tx.Get(keys::kRecords, key);
  if (!held.ok()) return held.status();
  const auto uses = tx.GetRecord<record::HeaderUsesRecord>(keys::kRecords, uses_key);
  if (!uses.ok()) return uses.status();
  // Nobody knows how many renditions an uncounted header has: it is never counted.
  if (held->has_value() && !uses->has_value()) return absl::OkStatus();
  if (!held->has_value()) tx.Put(keys::kRecords, key, header);
  record::HeaderUsesRecord more = uses->value_or(record::HeaderUsesRecord());
  more.set_renditions(more.renditions() + 1);
  tx.PutRecord(keys::kRecords, uses_key, more);
  return absl::OkStatus();
}

absl::Status ReleaseHeader(Transaction& tx, std::string_view studio, std::string_view digest) {
  if (digest.empty()) return absl::OkStatus();
  const auto read = base::Digest::FromBytes(digest);
  if (!read.ok()) return read.status();
  const std::string uses_key = keys::HeaderUses(studio, *read);
  const auto uses = tx.GetRecord<record::HeaderUsesRecord>(keys::kRecords, uses_key);
  if (!uses.ok()) return uses.status();
  if (!uses->has_value()) return absl::OkStatus();
  record::HeaderUsesRecord less = **uses;
  less.set_renditions(less.renditions() - 1);
  if (less.renditions() > 0) {
    tx.PutRecord(keys::kRecords, uses_key, less);
  } else {
    tx.Delete(keys::kRecords, uses_key);
    tx.Delete(keys::kRecords, keys::Header(studio, *read));
  }
  return absl::OkStatus();
}

}  // namespace proofline::host
