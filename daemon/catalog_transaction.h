// One change of the catalog: reads see what it has written so far, and all of it is committed at
// once.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/record.pb.h"
#include "lib/kv/database.h"

namespace proofline::studio {

// The state that people see: a photo without a file is missing.
v1::LocalPhotoState ShownState(const record::Photo& photo);
// The place where the original is read; the last known one if all are gone; nullptr if none.
const record::Place* MainPlace(const record::Photo& photo);
bool IsMissing(const record::Photo& photo);
// The same bytes for equal messages, maps included.
std::string ExactBytes(const google::protobuf::MessageLite& message);
// What the index of places says of a file, without a photo.
record::PlaceEntry EntryOf(const record::Place& place, record::PlaceKind kind);
// Its file is to be looked at although nothing has happened to it: it could not be read, or waits
// without a place in the queue.
bool WantsAnotherLook(const record::Photo& photo);

// How figures that are counted over all photos change with a photo.
struct CountChanges {
  std::map<v1::LocalPhotoState, std::int64_t> states;
  std::map<std::string, std::int64_t> galleries;
  std::int64_t original_bytes = 0;

  // Adds (`times` 1) or takes away (-1) what a photo counts for.
  void Count(const record::Photo& photo, int times);
};

// Not thread-safe: the catalog makes one at a time, under its lock. Nothing is changed unless
// TakeBatch() is committed.
class CatalogTransaction {
 public:
  explicit CatalogTransaction(const kv::Database& database) : database_(database) {}

  absl::StatusOr<std::optional<std::string>> Get(std::string_view family, std::string_view key);
  // Keys that begin with `prefix`, in order, until `visit` returns false.
  absl::Status Scan(std::string_view family, const std::string& prefix,
                    const std::function<bool(std::string_view, std::string_view)>& visit);
  void Put(std::string_view family, const std::string& key, std::string value);
  void Delete(std::string_view family, const std::string& key);

  // NotFound if there is none.
  absl::StatusOr<record::Photo> Photo(const std::string& id);
  // Stores a photo with every index entry that follows from it, in place of what was stored under
  // its id.
  absl::Status Store(const record::Photo& photo);
  // Removes a photo with its index entries and renditions.
  absl::Status Remove(const std::string& id);

  const CountChanges& counts() const { return counts_; }
  bool empty() const { return written_.empty(); }
  // Something in this column family changes.
  bool touches(std::string_view family) const {
    const auto first = written_.lower_bound({family, std::string()});
    return first != written_.end() && first->first.first == family;
  }
  kv::Batch TakeBatch();

 private:
  using Entries = std::map<std::pair<std::string_view, std::string>, std::string>;

  // What the indexes hold because of a photo.
  static Entries IndexOf(const record::Photo& photo);
  absl::Status Replace(const std::string& id, const record::Photo* photo);

  const kv::Database& database_;
  // Absent value: deleted. The families are the constants of catalog_keys.h.
  std::map<std::pair<std::string_view, std::string>, std::optional<std::string>> written_;
  CountChanges counts_;
};

}  // namespace proofline::studio
