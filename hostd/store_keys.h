// Every key of the host's store, and the parser beside the formatter where there is one.
//
// A key begins with the studio's id: a studio's records are one contiguous range, its partition,
// and every change of them is atomic within it. The partition "" (no studio has that id) belongs to
// the host: the list of studios, the identifiers' owners, the format.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/digest.h"
#include "lib/kv/key.h"
#include "proofline/v1/photo.pb.h"

namespace proofline::host::keys {

inline constexpr std::string_view kRecords = "records";
inline constexpr std::string_view kRenditions = "renditions";
inline constexpr std::string_view kHostPartition = "";

// The one place where the studio gets into a key.
inline kv::KeyBuilder Partition(std::string_view studio) {
  kv::KeyBuilder key;
  key.Text(studio);
  return key;
}

inline std::string Format() { return Partition(kHostPartition).Text("format").Take(); }
inline std::string Studios() { return Partition(kHostPartition).Text("studio").Take(); }
inline std::string Studio(std::string_view studio) {
  return Partition(kHostPartition).Text("studio").Text(studio).Take();
}
inline std::string Identifiers() { return Partition(kHostPartition).Text("identifier").Take(); }
inline std::string Identifier(std::string_view hash) {
  return Partition(kHostPartition).Text("identifier").Text(hash).Take();
}

inline std::string Counters(std::string_view studio) {
  return Partition(studio).Text("counters").Take();
}
inline std::string FeedGaps(std::string_view studio) {
  return Partition(studio).Text("feed-gaps").Take();
}
inline std::string Devices(std::string_view studio) {
  return Partition(studio).Text("device").Take();
}
inline std::string Device(std::string_view studio, std::string_view device) {
  return Partition(studio).Text("device").Text(device).Take();
}
inline std::string Seen(std::string_view studio, std::string_view device) {
  return Partition(studio).Text("seen").Text(device).Take();
}
inline std::string Position(std::string_view studio, std::string_view device) {
  return Partition(studio).Text("position").Text(device).Take();
}
inline std::string Refusals(std::string_view studio, std::string_view device) {
  return Partition(studio).Text("refusals").Text(device).Take();
}
inline std::string Labs(std::string_view studio) { return Partition(studio).Text("lab").Take(); }
inline std::string Lab(std::string_view studio, std::string_view lab) {
  return Partition(studio).Text("lab").Text(lab).Take();
}

inline std::string Galleries(std::string_view studio) {
  return Partition(studio).Text("gallery").Take();
}
inline std::string Gallery(std::string_view studio, std::string_view gallery) {
  return Partition(studio).Text("gallery").Text(gallery).Take();
}
inline std::string Photos(std::string_view studio) {
  return Partition(studio).Text("photo").Take();
}
inline std::string Photo(std::string_view studio, std::string_view photo) {
  return Partition(studio).Text("photo").Text(photo).Take();
}
inline std::string OpenOrders(std::string_view studio, std::string_view photo) {
  return Partition(studio).Text("open").Text(photo).Take();
}

// Capture times in the order of time; photos without one come last.
inline std::uint64_t OrderOfTime(const proofline::v1::Photo& photo) {
  if (!photo.metadata().has_capture_time()) return UINT64_MAX;
  const auto& time = photo.metadata().capture_time();
  const std::int64_t micros = time.seconds() * 1'000'000 + time.nanos() / 1000;
  return static_cast<std::uint64_t>(micros) ^ (std::uint64_t{1} << 63);
}

// A gallery's photos by capture time, then id. Values are empty.
inline std::string GalleryPhotos(std::string_view studio, std::string_view gallery) {
  return Partition(studio).Text("gallery-photo").Text(gallery).Take();
}
inline std::string GalleryPhoto(std::string_view studio, std::string_view gallery,
                                std::uint64_t order_of_time, std::string_view photo) {
  return Partition(studio)
      .Text("gallery-photo")
      .Text(gallery)
      .Number(order_of_time)
      .Text(photo)
      .Take();
}
// The photo's id.
inline std::optional<std::string> PhotoOfGalleryPhoto(std::string_view key) {
  kv::KeyReader reader(key);
  for (int i = 0; i < 3; ++i) reader.Text();
  reader.Number();
  std::string photo = reader.Text();
  if (!reader.Finish().ok()) return std::nullopt;
  return photo;
}

// Photos by a value of their metadata, gallery by gallery. The value is hashed, so that a key stays
// short; whoever reads checks the photo itself. Values are empty.
inline std::string MatchedGalleries(std::string_view studio, std::string_view field,
                                    std::string_view value) {
  const std::string exact = kv::KeyBuilder().Text(field).Text(value).Take();
  return Partition(studio).Text("match").Text(base::Sha256Of(exact).bytes().substr(0, 16)).Take();
}
inline std::string MatchedPhotos(std::string_view studio, std::string_view field,
                                 std::string_view value, std::string_view gallery) {
  return MatchedGalleries(studio, field, value) + kv::KeyBuilder().Text(gallery).Take();
}
inline std::string MatchedPhoto(std::string_view studio, std::string_view field,
                                std::string_view value, std::string_view gallery,
                                std::string_view photo) {
  return MatchedPhotos(studio, field, value, gallery) + kv::KeyBuilder().Text(photo).Take();
}
struct Match {
  std::string gallery;
  std::string photo;
};
inline std::optional<Match> ReadMatchedPhoto(std::string_view key) {
  kv::KeyReader reader(key);
  for (int i = 0; i < 3; ++i) reader.Text();
  Match match{reader.Text(), reader.Text()};
  if (!reader.Finish().ok()) return std::nullopt;
  return match;
}

// In kRenditions.
inline std::string Rendition(std::string_view studio, std::string_view photo,
                             proofline::v1::RenditionKind kind) {
  return Partition(studio).Text(photo).Number(static_cast<std::uint64_t>(kind)).Take();
}
inline std::string Header(std::string_view studio, const base::Digest& digest) {
  return Partition(studio).Text("header").Text(digest.bytes()).Take();
}

inline std::string HeaderUses(std::string_view studio, const base::Digest& digest) {
  return Partition(studio).Text("header-uses").Text(digest.bytes()).Take();
}

// Prefix of a studio's headers.
inline std::string Headers(std::string_view studio) {
  return Partition(studio).Text("header").Take();
}
inline std::string DigestOfHeader(std::string_view key) {
  kv::KeyReader reader(key);
  reader.Text();
  reader.Text();
  return reader.Text();
}
inline std::string HeadersCounted(std::string_view studio) {
  return Partition(studio).Text("headers-counted").Take();
}

inline std::string Customers(std::string_view studio) {
  return Partition(studio).Text("customer").Take();
}
inline std::string Customer(std::string_view studio, std::string_view customer) {
  return Partition(studio).Text("customer").Text(customer).Take();
}
inline std::string Session(std::string_view studio, std::string_view token_hash) {
  return Partition(studio).Text("session").Text(token_hash).Take();
}
// Sessions by their end, so that old ones are found. The value is the token's hash.
inline std::string SessionEnds(std::string_view studio) {
  return Partition(studio).Text("session-end").Take();
}
inline std::string SessionEnd(std::string_view studio, std::uint64_t end_seconds,
                              std::string_view token_hash) {
  return Partition(studio).Text("session-end").Number(end_seconds).Text(token_hash).Take();
}
inline std::uint64_t SecondsOfSessionEnd(std::string_view key) {
  kv::KeyReader reader(key);
  reader.Text();
  reader.Text();
  return reader.Number();
}

inline std::string Orders(std::string_view studio) {
  return Partition(studio).Text("order").Take();
}
inline std::string Order(std::string_view studio, std::string_view order) {
  return Partition(studio).Text("order").Text(order).Take();
}
inline std::string CustomerOrders(std::string_view studio, std::string_view customer) {
  return Partition(studio).Text("customer-order").Text(customer).Take();
}
inline std::string CustomerOrder(std::string_view studio, std::string_view customer,
                                 std::string_view order) {
  return Partition(studio).Text("customer-order").Text(customer).Text(order).Take();
}
// The last part of an order key of either kind.
inline std::string LastText(std::string_view prefix, std::string_view key) {
  kv::KeyReader reader(key.substr(prefix.size()));
  return reader.Text();
}
inline std::string Request(std::string_view studio, std::string_view customer,
                           std::string_view request_id) {
  return Partition(studio).Text("request").Text(customer).Text(request_id).Take();
}

// Feeds of orders by revision; an order stands once in each, at its last change. `reader` is
// "studio", "device" or "customer", `id` which one. The value is the order's id.
inline std::string Feed(std::string_view studio, std::string_view reader, std::string_view id) {
  return Partition(studio).Text("feed").Text(reader).Text(id).Take();
}
inline std::string FeedEntry(std::string_view studio, std::string_view reader, std::string_view id,
                             std::uint64_t revision) {
  return Partition(studio).Text("feed").Text(reader).Text(id).Number(revision).Take();
}
inline std::uint64_t RevisionOfFeedEntry(std::string_view key) {
  kv::KeyReader reader(key);
  for (int i = 0; i < 4; ++i) reader.Text();
  return reader.Number();
}

}  // namespace proofline::host::keys
