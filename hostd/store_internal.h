// What the store's parts share among themselves: reading records of the embedded engine.
#pragma once

#include <climits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "hostd/partition_writer.h"
#include "hostd/store.h"
#include "hostd/store_keys.h"
#include "lib/base/check.h"
#include "lib/kv/database.h"

namespace proofline::host {

template <typename Record>
absl::StatusOr<std::optional<Record>> ReadRecord(const kv::Database& database,
                                                 std::string_view key) {
  absl::StatusOr<std::string> value = database.Get(keys::kRecords, key);
  if (absl::IsNotFound(value.status())) return std::optional<Record>();
  if (!value.ok()) return value.status();
  return ParseRecord<Record>(std::optional<std::string>(*std::move(value)));
}

template <typename Record>
absl::StatusOr<std::optional<Record>> Store::Find(std::string_view key) const {
  return ReadRecord<Record>(*database_, key);
}

// The records behind `prefix` after `start_after` (a whole key, or empty), at most `limit`, each
// through `convert` (Record → StatusOr<Item>); `position` names where the page after an item
// begins.
template <typename Record, typename Item, typename Convert, typename Position>
absl::StatusOr<Page<Item>> ReadPage(const kv::Database& database, std::string_view prefix,
                                    std::string_view start_after, int limit, const Convert& convert,
                                    const Position& position) {
  Page<Item> page;
  absl::Status failure;
  const absl::Status scanned = database.Scan(
      keys::kRecords, prefix, start_after, [&](std::string_view, std::string_view value) {
        if (static_cast<int>(page.items.size()) == limit) {
          page.next = position(page.items.back());
          return false;
        }
        auto record = ParseRecord<Record>(std::optional<std::string>(value));
        absl::StatusOr<Item> item =
            record.ok() ? convert(std::move(**record)) : absl::StatusOr<Item>(record.status());
        if (!item.ok()) {
          failure = item.status();
          return false;
        }
        page.items.push_back(*std::move(item));
        return true;
      });
  if (!failure.ok()) return failure;
  if (!scanned.ok()) return scanned;
  return page;
}

// Of the records behind `prefix` those that `is_wanted` (Record → bool); `take` (Record → Item)
// gives the item, whose name ends with where the page after it begins. A page may end early, even
// empty, for no call reads or tells too much.
template <typename Record, typename Item, typename IsWanted, typename Take>
absl::StatusOr<Page<Item>> ReadSparsePage(const kv::Database& database, std::string_view prefix,
                                          std::string_view start_after, int limit,
                                          const IsWanted& is_wanted, const Take& take) {
  constexpr int kMostExamined = 5'000;
  constexpr std::size_t kMostBytes = std::size_t{1} << 20;
  Page<Item> page;
  absl::Status damage;
  int examined = 0;
  std::size_t bytes = 0;
  std::string last;
  const absl::Status scanned = database.Scan(
      keys::kRecords, prefix, start_after, [&](std::string_view, std::string_view value) {
        if (static_cast<int>(page.items.size()) == limit || examined == kMostExamined ||
            bytes >= kMostBytes) {
          page.next = last;
          return false;
        }
        ++examined;
        auto record = ParseRecord<Record>(std::optional<std::string>(value));
        damage = record.status();
        if (!damage.ok()) return false;
        const bool wanted = is_wanted(**record);
        Item item = take(std::move(**record));
        last = std::string(LastPart(item.name()));
        if (!wanted) return true;
        bytes += value.size();
        page.items.push_back(std::move(item));
        return true;
      });
  if (!damage.ok()) return damage;
  if (!scanned.ok()) return scanned;
  return page;
}

// AlreadyExists (IDENTIFIER_IN_USE) unless the identifier is the customer's: looked at in the
// change that stores the customer.
absl::Status CheckClaim(const Transaction& tx, std::string_view studio, std::string_view customer,
                        std::string_view identifier_hash);

// Durable JPEG headers by studio and digest, up to a fixed size; beyond it all are forgotten and
// read again. Thread-safe.
struct Store::HeaderCache {
  static constexpr std::size_t kMaxBytes = std::size_t{16} << 20;

  std::shared_ptr<const std::string> Find(const std::string& key) {
    const std::lock_guard lock(mutex);
    const auto found = headers.find(key);
    return found == headers.end() ? nullptr : found->second;
  }
  void Add(const std::string& key, std::shared_ptr<const std::string> header) {
    const std::lock_guard lock(mutex);
    if (bytes + header->size() > kMaxBytes) {
      headers.clear();
      bytes = 0;
    }
    const std::size_t size = key.size() + header->size();
    if (headers.emplace(key, std::move(header)).second) bytes += size;
  }

  std::mutex mutex;
  std::unordered_map<std::string, std::shared_ptr<const std::string>> headers;
  std::size_t bytes = 0;
};

}  // namespace proofline::host
