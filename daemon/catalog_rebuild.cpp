// A catalog that is new, or built anew, and what the host remembers of its photos.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "daemon/catalog.h"
#include "daemon/catalog_keys.h"
#include "daemon/catalog_place.h"
#include "daemon/said.h"
#include "lib/base/check.h"
#include "lib/base/id.h"
#include "lib/base/kill_point.h"
#include "lib/base/text.h"
#include "lib/rpc/resource_name.h"

namespace proofline::studio {

namespace pb = proofline::v1;

namespace {

constexpr std::size_t kReopenedPerCommit = 256;
// The host had it before the first change that this catalog told it of.
constexpr std::int64_t kBeforeFirst = 1;

bool SameRenditions(const record::Photo& photo, const pb::Photo& told) {
  const auto is_told = [&](const pb::Rendition& one) {
    return std::any_of(told.renditions().begin(), told.renditions().end(), [&](const auto& other) {
      return other.kind() == one.kind() && other.digest() == one.digest();
    });
  };
  return photo.renditions_size() > 0 && photo.renditions_size() == told.renditions_size() &&
         std::all_of(photo.renditions().begin(), photo.renditions().end(), is_told);
}

bool SameEdit(const pb::Edit& a, const pb::Edit& b) { return ExactBytes(a) == ExactBytes(b); }

// Its renditions are here as they are to be sent, or have been.
bool HasBeenMade(const record::Photo& photo) { return IsRendered(photo) && !photo.stale(); }

std::string GalleryIdOf(const pb::Photo& told) {
  const auto ids = rpc::ParseResourceName("studios/*/galleries/*/photos/*", told.name());
  return ids.has_value() ? ids->at(1) : std::string();
}

}  // namespace

std::string Catalog::catalog_id() const {
  const std::lock_guard lock(mutex_);
  return catalog_.catalog_id();
}

record::CatalogPhase Catalog::phase() const {
  const std::lock_guard lock(mutex_);
  return catalog_.phase();
}

absl::Status Catalog::PutCatalogRecord(const record::Catalog& catalog) {
  CatalogTransaction transaction(database_);
  transaction.Put(keys::kMeta, keys::CatalogRecord(), catalog.SerializeAsString());
  PutTotals(transaction);
  const absl::Status status = Commit(transaction);
  if (status.ok()) catalog_ = catalog;
  return status;
}

// ---- Reading everything again

absl::Status Catalog::BeginRebuild(const std::filesystem::path& copy) {
  {
    const std::lock_guard lock(mutex_);
    if (absl::Status status = database_.CopyTo(copy); !status.ok()) return status;
    record::Catalog anew = catalog_;
    // The host forgets how far the catalog was under its old name.
    anew.set_catalog_id(base::NewId());
    anew.set_phase(record::CATALOG_PHASE_REOPENING);
    anew.set_reopened(true);
    ForgetTakenOver(anew);
    const std::int64_t heard = totals_.host_sequence();
    totals_.set_host_sequence(0);
    if (absl::Status status = PutCatalogRecord(anew); !status.ok()) {
      totals_.set_host_sequence(heard);
      return status;
    }
  }
  base::KillPoint("studio.rebuild.begun");
  return Reopen();
}

absl::Status Catalog::Reopen() {
  std::vector<std::string> ids;
  absl::Status status = database_.Scan(keys::kPhotos, "", "", [&](std::string_view key, auto) {
    ids.push_back(keys::IdFrom(key));
    return true;
  });
  for (std::size_t at = 0; status.ok() && at < ids.size(); at += kReopenedPerCommit) {
    const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(at);
    const auto end =
        ids.begin() + static_cast<std::ptrdiff_t>(std::min(ids.size(), at + kReopenedPerCommit));
    const std::lock_guard lock(mutex_);
    status = ReopenSome({begin, end});
  }
  if (!status.ok()) return status;
  const std::lock_guard lock(mutex_);
  record::Catalog asking = catalog_;
  asking.set_phase(record::CATALOG_PHASE_ASKING);
  return PutCatalogRecord(asking);
}

absl::Status Catalog::ReopenSome(const std::vector<std::string>& ids) {
  CatalogTransaction transaction(database_);
  for (const std::string& id : ids) {
    absl::StatusOr<record::Photo> photo = transaction.Photo(id);
    if (absl::IsNotFound(photo.status())) continue;  // merged meanwhile
    if (!photo.ok()) return photo.status();
    // A withdrawal that the host has not acknowledged is due again if the host still has the photo.
    if (photo->sequence_withdraws() && IsMissing(*photo)) photo->set_withdraw_due_ms(NowMs());
    photo->set_sequence(0);
    photo->set_sequence_withdraws(false);
    photo->set_published_sequence(0);
    photo->set_offered(false);
    photo->set_with_renditions(true);
    photo->set_stale(true);
    photo->set_attempts(0);
    Requeue(*photo);
    if (absl::Status status = transaction.Store(*photo); !status.ok()) return status;
  }
  return Commit(transaction);
}

// ---- What the host has

absl::Status Catalog::RememberPhotos(
    const google::protobuf::RepeatedPtrField<pb::Photo>& photos,
    const google::protobuf::RepeatedPtrField<pb::Gallery>& galleries) {
  std::map<std::string, std::string> titles;
  for (const pb::Gallery& gallery : galleries) {
    titles[gallery.name().substr(gallery.name().rfind('/') + 1)] = gallery.title();
  }
  const std::lock_guard lock(mutex_);
  PROOFLINE_CHECK(catalog_.phase() == record::CATALOG_PHASE_ASKING,
                  "the host is asked for photos only once");
  CatalogTransaction transaction(database_);
  std::map<std::string, std::string> renamed;
  const record::Catalog before = catalog_;
  absl::Status status;
  for (const pb::Photo& told : photos) {
    const std::string gallery = GalleryIdOf(told);
    status = gallery.empty() ? absl::InternalError(base::Concat(
                                   "the host named a photo \"", Readable(told.name(), 200),
                                   "\", which is no name; look at the host's log"))
                             : Remember(transaction, told, titles[gallery], renamed);
    if (!status.ok()) break;
  }
  if (status.ok()) status = RenameInCustomers(transaction, renamed);
  if (status.ok()) status = CommitTakenOver(transaction, before);
  if (status.ok()) {
    base::KillPoint("studio.rebuild.remembered");
  } else {
    catalog_ = before;
  }
  return status;
}

absl::Status Catalog::CommitTakenOver(CatalogTransaction& transaction,
                                      const record::Catalog& before) {
  if (ExactBytes(catalog_) != ExactBytes(before)) {
    *catalog_.mutable_taken_over_time() = NowMessage();
    transaction.Put(keys::kMeta, keys::CatalogRecord(), catalog_.SerializeAsString());
  }
  PutTotals(transaction);
  return Commit(transaction);
}

absl::Status Catalog::RememberCustomers(
    const google::protobuf::RepeatedPtrField<pb::Customer>& customers) {
  const std::lock_guard lock(mutex_);
  PROOFLINE_CHECK(catalog_.phase() == record::CATALOG_PHASE_ASKING,
                  "the host is asked for customers only once");
  CatalogTransaction transaction(database_);
  const record::Catalog before = catalog_;
  absl::Status status;
  for (const pb::Customer& told : customers) {
    const absl::StatusOr<bool> taken = RememberCustomer(transaction, told);
    status = taken.status();
    if (!status.ok()) break;
    if (*taken) catalog_.set_taken_over_customers(catalog_.taken_over_customers() + 1);
  }
  if (status.ok()) status = CommitTakenOver(transaction, before);
  if (!status.ok()) catalog_ = before;
  return status;
}

TakenOver Catalog::taken_over() const {
  const std::lock_guard lock(mutex_);
  return {catalog_.taken_over_photos(), catalog_.taken_over_customers(),
          catalog_.taken_over_time()};
}

void ForgetTakenOver(record::Catalog& catalog) {
  catalog.clear_taken_over_photos();
  catalog.clear_taken_over_customers();
  catalog.clear_taken_over_time();
}

absl::Status Catalog::Remember(CatalogTransaction& transaction, const pb::Photo& told,
                               const std::string& gallery_title,
                               std::map<std::string, std::string>& renamed) {
  const std::string id = NameOf(told.name());
  absl::StatusOr<record::Photo> known = transaction.Photo(id);
  if (known.ok()) {
    TakeToldAbout(told, *known);
    return transaction.Store(*known);
  }
  if (!absl::IsNotFound(known.status())) return known.status();
  const absl::StatusOr<base::Digest> digest = base::Digest::FromBytes(told.original_digest());
  if (!digest.ok()) return digest.status();
  const absl::StatusOr<std::optional<record::Photo>> twin = FindTwin(
      transaction, *digest, static_cast<std::uint64_t>(told.original_size_bytes()), /*except=*/"");
  if (!twin.ok()) return twin.status();
  // One that has a published sequence here was told under its own id.
  if (twin->has_value() && (*twin)->published_sequence() == 0) {
    renamed[(*twin)->id()] = id;
    return AdoptId(transaction, told, **twin);
  }
  return AddToldPhoto(transaction, told, gallery_title);
}

// The rules would keep it, and the host has it all the same: it was chosen by hand.
void Catalog::TakeForChosen(record::Photo& photo) {
  if (photo.state() != pb::LOCAL_PHOTO_STATE_KEPT) return;
  photo.set_choice(record::SELECTION_CHOICE_IN);
  photo.set_kept(false);
  photo.set_stale(true);
  Requeue(photo);
}

// The photo is known here under the id that the host has.
void Catalog::TakeToldAbout(const pb::Photo& told, record::Photo& photo) {
  photo.set_published_sequence(std::max(photo.published_sequence(), kBeforeFirst));
  photo.set_withdrawn(false);
  const TakenSaid taken = TakeNewerSaid(told, photo);
  if (taken.any()) {
    catalog_.set_taken_over_photos(catalog_.taken_over_photos() + 1);
    Touch(photo);
  }
  if (taken.edit) {
    // The renditions of that edit are the host's; they are made here to be compared.
    *photo.mutable_renditions() = told.renditions();
    photo.set_with_renditions(false);
    photo.set_stale(true);
    Requeue(photo);
    return;
  }
  if (HasBeenMade(photo)) {
    photo.set_with_renditions(!SameRenditions(photo, told));
    return;
  }
  if (photo.state() == pb::LOCAL_PHOTO_STATE_KEPT) {
    // It was to be taken back, and has not been.
    Keep(photo, photo.state_message());
    return;
  }
  *photo.mutable_renditions() = told.renditions();
  photo.set_with_renditions(false);
}

// The original was found before the host could say that it knows it under another id.
absl::Status Catalog::AdoptId(CatalogTransaction& transaction, const pb::Photo& told,
                              const record::Photo& before) {
  record::Photo photo = before;
  photo.set_id(NameOf(told.name()));
  if (TakeNewerSaid(told, photo).any()) {
    catalog_.set_taken_over_photos(catalog_.taken_over_photos() + 1);
  }
  KeepDifferences(told.metadata(), photo);
  const bool edit_was_said = photo.said_ms().contains("edit");
  if (!photo.has_edit() && told.has_edit() && !edit_was_said) *photo.mutable_edit() = told.edit();
  *photo.mutable_create_time() = told.create_time();
  photo.set_released(true);
  TakeForChosen(photo);
  Touch(photo);
  for (const pb::Rendition& rendition : before.renditions()) {
    auto content =
        transaction.Get(keys::kRenditions, keys::Rendition(before.id(), rendition.kind()));
    if (!content.ok()) return content.status();
    if (!content->has_value()) continue;
    transaction.Put(keys::kRenditions, keys::Rendition(photo.id(), rendition.kind()),
                    **std::move(content));
  }
  if (absl::Status status = transaction.Remove(before.id()); !status.ok()) return status;
  const bool made = HasBeenMade(photo);
  TakeToldAbout(told, photo);
  if (!SameEdit(photo.edit(), before.edit())) {
    *photo.mutable_renditions() = told.renditions();
    photo.set_with_renditions(false);
    photo.set_stale(true);
    Requeue(photo);
  } else if (made) {
    QueuePublish(photo, /*with_renditions=*/false);
  } else if (photo.ticket() != 0) {
    // Whoever is rendering it does so for an id that there is not any more, and nothing that the
    // host was told of is here.
    photo.set_kept(false);
    photo.set_stale(true);
    Requeue(photo);
  }
  return transaction.Store(photo);
}

absl::Status Catalog::AddToldPhoto(CatalogTransaction& transaction, const pb::Photo& told,
                                   const std::string& gallery_title) {
  record::Photo photo;
  photo.set_id(NameOf(told.name()));
  // A place of no file, known by nothing but the photo's digest.
  record::Place& place = *photo.add_places();
  place.set_path(told.file_name());
  place.set_gallery(GalleryIdOf(told));
  place.set_gallery_title(gallery_title.empty() ? place.gallery() : gallery_title);
  place.set_gone(true);
  place.set_displaced(true);
  const auto gallery = transaction.Get(keys::kGalleries, keys::Id(place.gallery()));
  if (!gallery.ok()) return gallery.status();
  if (!gallery->has_value()) {
    record::Gallery record;
    record.set_title(place.gallery_title());
    *record.mutable_create_time() = NowMessage();
    transaction.Put(keys::kGalleries, keys::Id(place.gallery()), record.SerializeAsString());
  }
  photo.set_digest(told.original_digest());
  photo.set_digest_current(true);
  photo.set_original_size_bytes(told.original_size_bytes());
  photo.set_width_px(told.width_px());
  photo.set_height_px(told.height_px());
  photo.set_edited_width_px(told.edited_width_px());
  photo.set_edited_height_px(told.edited_height_px());
  *photo.mutable_from_file() = told.metadata();
  photo.set_from_host(true);
  if (told.has_edit()) *photo.mutable_edit() = told.edit();
  // What people said stays so, also where the file happens to say the same.
  TakeNewerSaid(told, photo);
  if (!told.said_times().empty()) {
    catalog_.set_taken_over_photos(catalog_.taken_over_photos() + 1);
  }
  *photo.mutable_renditions() = told.renditions();
  photo.set_state(pb::LOCAL_PHOTO_STATE_PUBLISHED);
  photo.set_published_sequence(kBeforeFirst);
  photo.set_released(true);
  *photo.mutable_create_time() = told.create_time();
  Touch(photo);
  return transaction.Store(photo);
}

absl::Status Catalog::RenameInCustomers(CatalogTransaction& transaction,
                                        const std::map<std::string, std::string>& renamed,
                                        const std::string& made_after) {
  if (renamed.empty()) return absl::OkStatus();
  std::vector<record::Customer> changed;
  // An id begins with its millisecond; those of the same one come in any order.
  constexpr std::size_t kTime = 10;
  const std::string after =
      made_after.empty() ? std::string() : keys::Id(made_after.substr(0, kTime));
  // Nothing else of a transaction that renames photos is about customers.
  const absl::Status status =
      database_.Scan(keys::kCustomers, "", after, [&](std::string_view, std::string_view value) {
        record::Customer customer;
        customer.ParseFromArray(value.data(), static_cast<int>(value.size()));
        bool any = false;
        for (std::string& name : *customer.mutable_customer()->mutable_share()->mutable_photos()) {
          const auto now = renamed.find(NameOf(name));
          if (now == renamed.end()) continue;
          name.replace(name.rfind('/') + 1, std::string::npos, now->second);
          any = true;
        }
        if (any) changed.push_back(std::move(customer));
        return true;
      });
  if (!status.ok()) return status;
  for (record::Customer& customer : changed) {
    // One that is on its way to the host goes once more, as it is now.
    QueueCustomer(customer);
    if (absl::Status stored = StoreCustomer(transaction, customer); !stored.ok()) return stored;
  }
  return absl::OkStatus();
}

absl::Status Catalog::LookAgainAtUnread() {
  std::vector<std::string> unread;
  const absl::Status status = VisitPhotos("", [&](const record::Photo& photo) {
    if (photo.digest().empty() && photo.ticket() == 0 && !IsMissing(photo)) {
      unread.push_back(photo.id());
    }
    return true;
  });
  if (!status.ok()) return status;
  const std::lock_guard lock(mutex_);
  CatalogTransaction transaction(database_);
  for (const std::string& id : unread) {
    absl::StatusOr<record::Photo> photo = transaction.Photo(id);
    if (absl::IsNotFound(photo.status())) continue;
    if (!photo.ok()) return photo.status();
    bool same_size = false;
    const absl::Status scanned =
        transaction.Scan(keys::kDigests, keys::DigestsOfSize(MainPlace(*photo)->size_bytes()),
                         [&](std::string_view, std::string_view) {
                           same_size = true;
                           return false;
                         });
    if (!scanned.ok()) return scanned;
    if (!same_size || photo->ticket() != 0 || !photo->digest().empty()) continue;
    Requeue(*photo);
    if (absl::Status stored = transaction.Store(*photo); !stored.ok()) return stored;
  }
  return Commit(transaction);
}

absl::Status Catalog::FinishRemembering(std::int64_t known_photos) {
  // What was kept or has failed without its digest may be one of them.
  if (known_photos > 0) {
    if (absl::Status status = LookAgainAtUnread(); !status.ok()) return status;
  }
  const std::lock_guard lock(mutex_);
  record::Catalog told = catalog_;
  told.set_known_photos(known_photos);
  // With nothing to be found again a new catalog is whole as it is.
  told.set_phase(known_photos > 0 || told.reopened() ? record::CATALOG_PHASE_SEARCHING
                                                     : record::CATALOG_PHASE_WHOLE);
  return PutCatalogRecord(told);
}

absl::StatusOr<RebuildResult> Catalog::FinishSearch() {
  RebuildResult result;
  const absl::Status status = VisitPhotos("", [&](const record::Photo& photo) {
    if (!IsMissing(photo)) {
      ++result.photos;
    } else if (IsAtHost(photo)) {
      ++result.missing_photos;
    }
    return true;
  });
  if (!status.ok()) return status;
  const std::lock_guard lock(mutex_);
  result.taken_over_photos = catalog_.taken_over_photos();
  result.taken_over_customers = catalog_.taken_over_customers();
  result.known_photos = std::max<std::int64_t>(catalog_.known_photos() - result.missing_photos, 0);
  record::Catalog whole = catalog_;
  whole.set_phase(record::CATALOG_PHASE_WHOLE);
  whole.set_reopened(false);
  if (absl::Status stored = PutCatalogRecord(whole); !stored.ok()) return stored;
  return result;
}

}  // namespace proofline::studio
