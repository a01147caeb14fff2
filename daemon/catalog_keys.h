// Every column family and key of the studio daemon's store. Never change what exists: stores on
// photographers' machines hold it; add, and raise kFormatVersion if older daemons could not live
// with it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/kv/key.h"
#include "proofline/v1/photo.pb.h"

namespace proofline::studio::keys {

inline constexpr int kFormatVersion = 1;

// Single records: the catalog, totals, order totals.
inline constexpr std::string_view kMeta = "default";
// photo id → record.Photo. Everything else about photos follows from these.
inline constexpr std::string_view kPhotos = "photos";
// folder, name → record.PlaceEntry.
inline constexpr std::string_view kPlaces = "places";
// inode, path → photo id. Without the device number, which many file systems change at each mount.
inline constexpr std::string_view kInodes = "inodes";
// size, digest, photo id → nothing.
inline constexpr std::string_view kDigests = "digests";
// ticket → photo id: what waits to be rendered, in order of arrival.
inline constexpr std::string_view kWaiting = "waiting";
// sequence → record.PendingChange: what waits to be published.
inline constexpr std::string_view kPublish = "publish";
// gallery id → record.Gallery.
inline constexpr std::string_view kGalleries = "galleries";
// gallery id, photo id → nothing.
inline constexpr std::string_view kMembers = "members";
// time in milliseconds, photo id → nothing: what is to be withdrawn from the host, and when.
inline constexpr std::string_view kWithdrawals = "withdrawals";
// photo id, rendition kind → the JPEG.
inline constexpr std::string_view kRenditions = "renditions";
// order id → record.Order.
inline constexpr std::string_view kOrders = "orders";
// order id, lab id → record.Share.
inline constexpr std::string_view kShares = "shares";
// order id, lab id → nothing: shares that are not finished or not reported.
inline constexpr std::string_view kOpenShares = "open_shares";
// lab id → record.LabLink.
inline constexpr std::string_view kLabs = "labs";
// customer id → record.Customer.
inline constexpr std::string_view kCustomers = "customers";
// kind of key, key → customer id: what else customers are found by.
inline constexpr std::string_view kCustomerKeys = "customer_keys";

inline constexpr std::array kColumnFamilies = {
    kPhotos,     kPlaces, kInodes, kDigests,    kWaiting, kPublish,   kGalleries,    kMembers,
    kRenditions, kOrders, kShares, kOpenShares, kLabs,    kCustomers, kCustomerKeys, kWithdrawals};

inline std::string CatalogRecord() { return kv::KeyBuilder().Text("catalog").Take(); }
inline std::string Totals() { return kv::KeyBuilder().Text("totals").Take(); }
inline std::string OrderTotals() { return kv::KeyBuilder().Text("order_totals").Take(); }

inline std::string Counts() { return kv::KeyBuilder().Text("counts").Take(); }

// A photo, gallery, order or lab by its id.
inline std::string Id(std::string_view id) { return kv::KeyBuilder().Text(id).Take(); }
inline std::string IdFrom(std::string_view key) { return kv::KeyReader(key).Text(); }

inline std::string Place(std::string_view folder, std::string_view name) {
  return kv::KeyBuilder().Text(folder).Text(name).Take();
}
// Prefix of the places directly in a folder.
inline std::string PlacesIn(std::string_view folder) {
  return kv::KeyBuilder().Text(folder).Take();
}
// Prefix of the places in all folders under a folder, itself not included: a text key without its
// two bytes of terminator is a prefix of every text that begins alike.
inline std::string PlacesUnder(std::string_view folder) {
  std::string text(folder);
  if (text != "/") text += '/';
  std::string key = kv::KeyBuilder().Text(text).Take();
  key.resize(key.size() - 2);
  return key;
}
// Prefix of the places in a folder whose names begin like this.
inline std::string PlacesNamed(std::string_view folder, std::string_view beginning) {
  std::string key = kv::KeyBuilder().Text(folder).Text(beginning).Take();
  key.resize(key.size() - 2);
  return key;
}
struct FolderAndName {
  std::string folder;
  std::string name;
};
inline FolderAndName PlaceFrom(std::string_view key) {
  kv::KeyReader reader(key);
  FolderAndName place;
  place.folder = reader.Text();
  place.name = reader.Text();
  return place;
}

inline std::string Inode(std::uint64_t inode) { return kv::KeyBuilder().Number(inode).Take(); }
inline std::string Inode(std::uint64_t inode, std::string_view path) {
  return kv::KeyBuilder().Number(inode).Text(path).Take();
}

inline std::string DigestsOfSize(std::uint64_t size) {
  return kv::KeyBuilder().Number(size).Take();
}
inline std::string Digest(std::uint64_t size, std::string_view digest) {
  return kv::KeyBuilder().Number(size).Text(digest).Take();
}
inline std::string Digest(std::uint64_t size, std::string_view digest, std::string_view photo) {
  return kv::KeyBuilder().Number(size).Text(digest).Text(photo).Take();
}
inline std::string PhotoFromDigest(std::string_view key) {
  kv::KeyReader reader(key);
  reader.Number();
  reader.Text();
  return reader.Text();
}

inline std::string Number(std::uint64_t number) { return kv::KeyBuilder().Number(number).Take(); }
inline std::uint64_t NumberFrom(std::string_view key) { return kv::KeyReader(key).Number(); }

inline std::string Withdrawal(std::int64_t due_ms, std::string_view photo) {
  return kv::KeyBuilder().Number(static_cast<std::uint64_t>(due_ms)).Text(photo).Take();
}
struct DueWithdrawal {
  std::int64_t due_ms = 0;
  std::string photo;
};
inline DueWithdrawal WithdrawalFrom(std::string_view key) {
  kv::KeyReader reader(key);
  DueWithdrawal due;
  due.due_ms = static_cast<std::int64_t>(reader.Number());
  due.photo = reader.Text();
  return due;
}

inline std::string Rendition(std::string_view photo, v1::RenditionKind kind) {
  return kv::KeyBuilder().Text(photo).Number(static_cast<std::uint64_t>(kind)).Take();
}

// Two ids: gallery and photo, or order and lab.
inline std::string Pair(std::string_view first, std::string_view second) {
  return kv::KeyBuilder().Text(first).Text(second).Take();
}
struct TwoIds {
  std::string first;
  std::string second;
};
inline TwoIds PairFrom(std::string_view key) {
  kv::KeyReader reader(key);
  TwoIds ids;
  ids.first = reader.Text();
  ids.second = reader.Text();
  return ids;
}

}  // namespace proofline::studio::keys
