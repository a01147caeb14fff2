// Where everything lies in the lab's store: the names of its column families and all keys.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/digest.h"
#include "lib/kv/database.h"
#include "lib/kv/key.h"

namespace proofline::lab::keys {

// Version of this layout; a store of another version is refused.
inline constexpr std::uint32_t kFormatVersion = 1;

inline constexpr std::string_view kMeta = "meta";          // format; the feed's last revision
inline constexpr std::string_view kJobs = "jobs";          // job → record::Job
inline constexpr std::string_view kItems = "items";        // job, line → record::Item
inline constexpr std::string_view kIdentity = "identity";  // studio, order, device → job
inline constexpr std::string_view kFeed = "feed";          // revision → record::FeedEntry
inline constexpr std::string_view kOpen = "open";          // job → nothing, while it is not over
inline constexpr std::string_view kNeeds = "needs";        // studio, digest, job → nothing
inline constexpr std::string_view kPrinters = "printers";  // printer → record::Printer
inline constexpr std::string_view kFollowed = "followed";  // studio, device → record::Followed
inline constexpr std::string_view kRemoved = "removed";    // job → record::RemovedJob

inline std::vector<kv::Database::ColumnFamily> ColumnFamilies() {
  std::vector<kv::Database::ColumnFamily> families;
  for (const std::string_view name :
       {kMeta, kJobs, kItems, kIdentity, kFeed, kOpen, kNeeds, kPrinters, kFollowed, kRemoved}) {
    families.push_back({std::string(name), false});
  }
  return families;
}

inline std::string Format() { return kv::KeyBuilder().Text("format").Take(); }
inline std::string Revision() { return kv::KeyBuilder().Text("revision").Take(); }

inline std::string FeedGaps() { return kv::KeyBuilder().Text("feed_gaps").Take(); }

inline std::string Job(std::string_view job) { return kv::KeyBuilder().Text(job).Take(); }
inline std::string Printer(std::string_view printer) {
  return kv::KeyBuilder().Text(printer).Take();
}
// The identifier in a key made by Job() or Printer(); empty if it is none.
inline std::string IdOf(std::string_view key) {
  kv::KeyReader reader(key);
  std::string id = reader.Text();
  return reader.Finish().ok() ? id : std::string();
}

// With the job alone it is the prefix of all of its items.
inline std::string Items(std::string_view job) { return kv::KeyBuilder().Text(job).Take(); }
inline std::string Item(std::string_view job, int line) {
  return kv::KeyBuilder().Text(job).Number(static_cast<std::uint64_t>(line)).Take();
}

inline std::string Identity(std::string_view studio, std::string_view order,
                            std::string_view device) {
  return kv::KeyBuilder().Text(studio).Text(order).Text(device).Take();
}

inline std::string Followed(std::string_view studio, std::string_view device) {
  return kv::KeyBuilder().Text(studio).Text(device).Take();
}

inline std::string Feed(std::int64_t revision) {
  return kv::KeyBuilder().Number(static_cast<std::uint64_t>(revision)).Take();
}
inline std::int64_t RevisionOf(std::string_view feed_key) {
  return static_cast<std::int64_t>(kv::KeyReader(feed_key).Number());
}

inline std::string NeedsOf(std::string_view studio, const base::Digest& digest) {
  return kv::KeyBuilder().Text(studio).Text(digest.bytes()).Take();
}
inline std::string Needs(std::string_view studio, const base::Digest& digest,
                         std::string_view job) {
  return kv::KeyBuilder().Text(studio).Text(digest.bytes()).Text(job).Take();
}
inline std::string JobOfNeeds(std::string_view key) {
  kv::KeyReader reader(key);
  reader.Text();
  reader.Text();
  return reader.Text();
}

}  // namespace proofline::lab::keys
