// The host's durable record: studios, devices, photos, renditions, customers, orders.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "hostd/identifier_claims.h"
#include "hostd/record.pb.h"
#include "lib/base/clock.h"
#include "lib/base/digest.h"
#include "proofline/v1/gallery.pb.h"
#include "proofline/v1/lab.pb.h"
#include "proofline/v1/order.pb.h"
#include "proofline/v1/photo.pb.h"
#include "proofline/v1/studio.pb.h"
#include "proofline/v1/sync_service.pb.h"

namespace proofline::kv {
class Database;
}

namespace proofline::host {

class PartitionWriter;
class Transaction;

// One page of a list. `next` is where the next page begins, empty after the last one.
template <typename T>
struct Page {
  std::vector<T> items;
  std::string next;
};

// The content of one rendition of a published photo, checked: header and body together have
// `digest`.
struct PublishedRendition {
  proofline::v1::RenditionKind kind{};
  base::Digest digest;
  // Absent when the body is the whole file.
  std::optional<base::Digest> header_digest;
  std::shared_ptr<const std::string> header;
  std::string body;
};

// One change of a device's catalog, checked as far as that goes without the store.
struct PublishedChange {
  enum class Kind { kPhoto, kWithdrawal, kGallery, kCustomer, kRefused };

  std::int64_t sequence = 0;
  Kind kind = Kind::kRefused;
  // For kPhoto whole, with its name; for kWithdrawal the name alone.
  proofline::v1::Photo photo;
  std::vector<PublishedRendition> renditions;
  // The title of a gallery that is new.
  std::string gallery_title;
  // For kGallery: name and title.
  proofline::v1::Gallery gallery;
  // For kCustomer. The hash is empty when the identifier stays as it is.
  proofline::v1::Customer customer;
  std::string identifier_hash;
  IdentifierClaim identifier_claim;
  // For kRefused.
  proofline::v1::PublishRefusal refusal;
};

struct PublishedPack {
  std::string studio;
  std::string device;
  std::string catalog_id;
  std::vector<PublishedChange> changes;  // in rising order of sequence, at least one
};

struct PublishOutcome {
  std::int64_t last_sequence = 0;
  std::vector<proofline::v1::PublishRefusal> refusals;
  int stored = 0;  // entries
  // Names of customers whose sessions have ended: revoked, or given a new identifier.
  std::vector<std::string> ended_customers;
};

// Where a device's publishing goes on.
struct PublishPosition {
  std::int64_t last_sequence = 0;
  // Refusals that the device may not have heard.
  std::vector<proofline::v1::PublishRefusal> refusals;
  // Of entries up to this sequence there may have been more; 0 when it has heard all.
  std::int64_t unsure_sequence = 0;
};

// A rendition as it was made.
struct RenditionFile {
  base::Digest digest;
  std::string content;
};

struct PhotoCondition {
  // Absent: all.
  std::function<bool(const proofline::v1::Photo&)> accept;
  // Photos looked at for one page; a page may come out short, even empty, with a `next`.
  int max_examined = 5000;
};

// An order to be taken: lines complete, as order_rules made them.
struct NewOrder {
  proofline::v1::Order order;  // customer, lines, note; the rest is set here
  std::string request_id;
  base::Digest request_digest;
};

// Which orders a feed is about.
struct FeedOf {
  std::string kind;  // "studio", "device" or "customer"
  std::string id;    // of the device or customer; "studio" for the studio's own
};

// Thread-safe. Everything blocks on the disk except where it says so; what changes is durable when
// the call returns. Ids (studio, device, photo, …) are the last parts of resource names and valid
// by base::IsValidId. Errors without a sentence here: NotFound for what is not there, Unavailable,
// ResourceExhausted, DataLoss from the disk. Each studio is a partition: changes are atomic within
// it, and follow one another.
class Store {
 public:
  // `clock` must outlive the store. FailedPrecondition for a store of another format; otherwise as
  // the engine says, one sentence each.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const std::filesystem::path& folder,
                                                     std::uint64_t cache_bytes,
                                                     const base::Clock& clock);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Told after every durable change of an order: quick, never blocking. Set before serving.
  void SetOrderListener(std::function<void(const std::string& studio, std::int64_t revision)> told);

  // Since when the oldest change waits to be durable; nothing when none does.
  std::optional<base::SteadyTime> oldest_change() const;

  // Studios. Lists are by id.
  absl::StatusOr<proofline::v1::Studio> CreateStudio(proofline::v1::Studio studio);
  absl::StatusOr<proofline::v1::Studio> GetStudio(std::string_view studio) const;
  absl::StatusOr<Page<proofline::v1::Studio>> ListStudios(std::string_view after, int limit) const;
  absl::StatusOr<proofline::v1::Studio> RenameStudio(std::string_view studio,
                                                     std::string_view display_name);
  absl::StatusOr<proofline::v1::Usage> GetUsage(std::string_view studio) const;

  // Devices.
  absl::StatusOr<proofline::v1::Device> CreateDevice(proofline::v1::Device device,
                                                     const base::Digest& key_hash);
  // With last_seen_time and last_sequence.
  absl::StatusOr<proofline::v1::Device> GetDevice(std::string_view studio,
                                                  std::string_view device) const;
  absl::StatusOr<Page<proofline::v1::Device>> ListDevices(std::string_view studio,
                                                          std::string_view after, int limit) const;
  absl::StatusOr<proofline::v1::Device> RevokeDevice(std::string_view studio,
                                                     std::string_view device);
  // Nothing if there is no such device.
  absl::StatusOr<std::optional<record::DeviceRecord>> FindDevice(std::string_view studio,
                                                                 std::string_view device) const;
  // Notes that the device spoke, at most once a minute, without waiting for the disk.
  void TouchDevice(const std::string& studio, const std::string& device);

  // Labs and their products, as devices report them.
  absl::Status PutLab(const proofline::v1::Lab& lab);
  absl::StatusOr<std::vector<proofline::v1::Lab>> ListLabs(std::string_view studio) const;

  // Publishing. Opening makes the catalog the device's own: another one's position is forgotten.
  // Refusals up to `heard_sequence` are not told again.
  absl::StatusOr<PublishPosition> OpenCatalog(std::string_view studio, std::string_view device,
                                              std::string_view catalog_id,
                                              std::int64_t heard_sequence = 0);
  // Stores a pack. Does not block. `done` comes once the pack is durable: on another thread, in the
  // order of the packs of one studio, and must be quick. A change that is refused leaves nothing
  // behind, the others are stored; those up to the device's position are not looked at. Aborted if
  // the catalog is no longer the device's, PermissionDenied if the device is revoked.
  void Publish(PublishedPack pack, std::function<void(absl::StatusOr<PublishOutcome>)> done);
  // A header that is durable; null if there is none.
  absl::StatusOr<std::shared_ptr<const std::string>> FindHeader(const std::string& studio,
                                                                const base::Digest& digest) const;

  // Counts the renditions of every JPEG header, once in the life of a store that is from before
  // headers were counted, so that those nobody needs any more go. Takes long, works beside
  // everything else, may be stopped or killed at any time and goes on where it was. Cancelled when
  // `stop` is requested.
  absl::Status CountHeaders(const std::stop_token& stop);
  absl::StatusOr<bool> AreHeadersCounted() const;

  // Photos. Nothing if there is none.
  absl::StatusOr<std::optional<proofline::v1::Photo>> FindPhoto(std::string_view studio,
                                                                std::string_view photo) const;
  // The photos of a device by id, after the id `after`. A page ends after 1 MiB of records or after
  // many photos of other devices: it may come out short, even empty, with a `next`.
  absl::StatusOr<Page<proofline::v1::Photo>> ListDevicePhotos(std::string_view studio,
                                                              std::string_view device,
                                                              std::string_view after,
                                                              int limit) const;
  // Nothing if the photo has no such rendition.
  absl::StatusOr<std::optional<RenditionFile>> ReadRendition(
      const std::string& studio, std::string_view photo, proofline::v1::RenditionKind kind) const;
  // The gallery with all of its photos counted.
  absl::StatusOr<std::optional<proofline::v1::Gallery>> FindGallery(std::string_view studio,
                                                                    std::string_view gallery) const;
  // By id.
  absl::StatusOr<Page<proofline::v1::Gallery>> ListGalleries(std::string_view studio,
                                                             std::string_view after,
                                                             int limit) const;
  // By capture time, then id.
  absl::StatusOr<Page<proofline::v1::Photo>> ListGalleryPhotos(
      std::string_view studio, std::string_view gallery, std::string_view after, int limit,
      const PhotoCondition& condition) const;
  // Where a photo stands in its gallery: positions compare as photos are listed.
  static std::string PositionInGallery(const proofline::v1::Photo& photo);
  // Galleries (ids) with photos that have this value, and the photos (ids) of one of them. May hold
  // too many: ask the photo.
  absl::StatusOr<std::vector<std::string>> MatchedGalleries(
      std::string_view studio, const proofline::v1::MetadataMatch& match) const;
  absl::StatusOr<std::vector<std::string>> MatchedPhotos(std::string_view studio,
                                                         const proofline::v1::MetadataMatch& match,
                                                         std::string_view gallery) const;

  // Customers. The hash is that of the normalised identifier.
  // Makes an identifier a customer's, before the customer itself is stored: nobody else gets it
  // while the claim is held, however long that takes, so hold it until the customer is durable.
  // A claim whose customer was never stored is free after a minute. AlreadyExists when it is
  // another one's.
  absl::StatusOr<IdentifierClaim> ClaimIdentifier(std::string_view studio,
                                                  std::string_view customer,
                                                  std::string_view identifier_hash);
  absl::StatusOr<proofline::v1::Customer> CreateCustomer(proofline::v1::Customer customer,
                                                         std::string_view identifier_hash);
  absl::StatusOr<proofline::v1::Customer> GetCustomer(std::string_view studio,
                                                      std::string_view customer) const;
  absl::StatusOr<Page<proofline::v1::Customer>> ListCustomers(std::string_view studio,
                                                              std::string_view after,
                                                              int limit) const;
  // The customers that a device has brought, by id; pages as those of ListDevicePhotos.
  absl::StatusOr<Page<proofline::v1::Customer>> ListDeviceCustomers(std::string_view studio,
                                                                    std::string_view device,
                                                                    std::string_view after,
                                                                    int limit) const;
  absl::StatusOr<proofline::v1::Customer> UpdateCustomer(
      std::string_view studio, std::string_view customer,
      const std::function<absl::Status(proofline::v1::Customer&)>& change);
  absl::StatusOr<std::optional<record::CustomerRecord>> FindCustomer(
      std::string_view studio, std::string_view customer) const;
  absl::StatusOr<std::optional<record::IdentifierRecord>> FindIdentifier(
      std::string_view identifier_hash) const;
  // Whether any identifier has ever been given out.
  absl::StatusOr<bool> HasIdentifiers() const;

  // Sessions, by the hash of their token. Creating one notes that the customer signed in.
  absl::Status CreateSession(std::string_view studio, std::string_view token_hash,
                             const record::SessionRecord& session);
  absl::StatusOr<std::optional<record::SessionRecord>> FindSession(
      std::string_view studio, std::string_view token_hash) const;
  absl::Status DeleteSession(std::string_view studio, std::string_view token_hash);

  // Orders.
  // The order that the request has made, now or before. AlreadyExists (reason REQUEST_ID_REUSED)
  // for another order under the same request id; Aborted if a photo or device is no longer as the
  // lines say: check them again.
  absl::StatusOr<proofline::v1::Order> CreateOrder(std::string_view studio, const NewOrder& order);
  // The order that a request has made before, if any; errors as CreateOrder.
  absl::StatusOr<std::optional<proofline::v1::Order>> FindOrderOfRequest(
      std::string_view studio, std::string_view customer, std::string_view request_id,
      const base::Digest& request_digest) const;
  absl::StatusOr<proofline::v1::Order> GetOrder(std::string_view studio,
                                                std::string_view order) const;
  // Newest first; of one customer, or of all if empty.
  absl::StatusOr<Page<proofline::v1::Order>> ListOrders(std::string_view studio,
                                                        std::string_view customer,
                                                        std::string_view after, int limit) const;
  // `change` gets the order as it is and returns whether it changed it; changes of a studio never
  // overlap. Revision, times and etag are set here.
  absl::StatusOr<proofline::v1::Order> UpdateOrder(
      std::string_view studio, std::string_view order,
      const std::function<absl::StatusOr<bool>(proofline::v1::Order&)>& change);
  // The orders of a feed after a revision, in its order, until `visit` returns false.
  absl::Status ReadFeed(
      std::string_view studio, const FeedOf& feed, std::int64_t after_revision,
      const std::function<bool(std::int64_t revision, proofline::v1::Order)>& visit) const;
  // A revision that this store has never given out, though it is not above the last one: whoever
  // knows it followed the store that this one is an older copy of.
  absl::StatusOr<bool> IsForeignRevision(std::string_view studio, std::int64_t revision) const;
  // The last revision that was given out.
  absl::StatusOr<std::int64_t> OrderRevision(std::string_view studio) const;

 private:
  struct HeaderCache;
  struct PackRun;

  Store(kv::Database database, const base::Clock& clock);

  template <typename Record>
  absl::StatusOr<std::optional<Record>> Find(std::string_view key) const;
  absl::StatusOr<proofline::v1::Device> FullDevice(std::string_view studio,
                                                   const record::DeviceRecord& record) const;
  absl::Status ApplyPack(Transaction& tx, PackRun& run) const;
  absl::Status CountHeadersOf(const std::string& studio, const std::stop_token& stop);
  absl::Status NameHeaders(const std::string& studio, const std::vector<std::string>& photos);
  absl::Status PutHeaderUses(Transaction& tx, const std::string& studio) const;
  google::protobuf::Timestamp NowStamp() const;
  // Deletes a few sessions that have ended.
  absl::Status DropEndedSessions(Transaction& tx, std::string_view studio) const;

  const base::Clock& clock_;
  // Names this opening of the store.
  const std::string opening_;
  std::unique_ptr<kv::Database> database_;
  std::unique_ptr<HeaderCache> headers_;
  IdentifierClaims claims_;
  std::function<void(const std::string&, std::int64_t)> told_;
  std::mutex seen_mutex_;
  std::map<std::pair<std::string, std::string>, base::SteadyTime> seen_;
  // The last member: it runs changes until it is gone.
  std::unique_ptr<PartitionWriter> writer_;
};

}  // namespace proofline::host
