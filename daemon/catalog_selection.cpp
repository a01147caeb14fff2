// What the preferences decide about the photos of the catalog.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "daemon/catalog.h"
#include "daemon/catalog_keys.h"
#include "daemon/catalog_place.h"
#include "lib/base/kill_point.h"
#include "lib/base/text.h"
#include "lib/imaging/edit_message.h"
#include "lib/imaging/geometry.h"
#include "lib/rpc/status.h"

namespace proofline::studio {

namespace pb = proofline::v1;

namespace {

// Photos that are decided about in one commit: others wait for no longer than that.
constexpr std::size_t kDecidedPerCommit = 256;

Choice ChoiceOf(const record::Photo& photo) {
  switch (photo.choice()) {
    case record::SELECTION_CHOICE_IN:
      return Choice::kIn;
    case record::SELECTION_CHOICE_OUT:
      return Choice::kOut;
    default:
      return Choice::kRules;
  }
}

}  // namespace

void TakeFacts(const imaging::ImageFacts& facts, const imaging::Edit& edit, record::Photo& photo) {
  photo.set_digest(std::string(facts.digest.bytes()));
  photo.set_digest_current(true);
  photo.set_original_size_bytes(static_cast<std::int64_t>(facts.size_bytes));
  photo.set_format(facts.format);
  photo.set_width_px(facts.width);
  photo.set_height_px(facts.height);
  const pb::Metadata before = photo.from_file();
  *photo.mutable_from_file() = MetadataFromFacts(facts);
  photo.set_sidecar_unread(false);
  // What the host had and the file does not say was entered by people.
  if (photo.from_host()) KeepDifferences(before, photo);
  photo.set_from_host(false);
  const imaging::EditedSize edited = imaging::SizeAfterEdit({facts.width, facts.height}, edit);
  photo.set_edited_width_px(std::max(1, static_cast<int>(std::lround(edited.width))));
  photo.set_edited_height_px(std::max(1, static_cast<int>(std::lround(edited.height))));
}

PhotoFacts Catalog::FactsOf(const record::Photo& photo) const {
  const pb::Metadata metadata = MergedMetadata(photo);
  PhotoFacts facts;
  facts.now = clock_.WallNow();
  if (const record::Place* place = MainPlace(photo)) {
    facts.gallery = place->gallery();
    facts.gallery_title = place->gallery_title();
    facts.path = place->path();
    facts.root = place->root();
    facts.size_bytes = static_cast<std::int64_t>(place->size_bytes());
    facts.written = base::WallTime(std::chrono::duration_cast<base::WallTime::duration>(
        std::chrono::nanoseconds(place->mtime_ns())));
  }
  facts.choice = ChoiceOf(photo);
  // What the host has went through before its gallery was told to wait.
  facts.released = photo.released() || IsAtHost(photo);
  facts.inspected = photo.digest_current() && !photo.format().empty() && !photo.sidecar_unread();
  facts.format = photo.format();
  facts.pixels = std::int64_t{photo.width_px()} * photo.height_px();
  facts.rating = metadata.rating();
  facts.label = metadata.label();
  facts.keywords.assign(metadata.keywords().begin(), metadata.keywords().end());
  return facts;
}

Selection Catalog::Decide(const record::Photo& photo) const {
  return Select(FactsOf(photo), *preferences_);
}

std::shared_ptr<const Preferences> Catalog::preferences() const {
  const std::lock_guard lock(mutex_);
  return preferences_;
}

Selection Catalog::Explain(const record::Photo& photo) const {
  const std::lock_guard lock(mutex_);
  return Decide(photo);
}

PhotoFacts Catalog::FactsAfter(const RenderTask& task, const imaging::ImageFacts& inspected) const {
  record::Photo photo = task.record;
  TakeFacts(inspected, task.edit, photo);
  const std::lock_guard lock(mutex_);
  return FactsOf(photo);
}

void Catalog::Keep(record::Photo& photo, const std::string& why) {
  photo.set_state(pb::LOCAL_PHOTO_STATE_KEPT);
  photo.set_state_message(Readable(why, 2'000));
  photo.set_ticket(0);
  photo.set_kept(true);
  // Also what is on its way: it may have reached the host by now.
  if (IsAtHost(photo)) {
    const bool stale = photo.stale();
    QueueWithdrawal(photo);
    // Its file is here: what was made of it stays good.
    photo.set_stale(stale);
  }
  if (!photo.sequence_withdraws()) photo.set_sequence(0);
  photo.set_with_renditions(false);
}

void Catalog::Remake(record::Photo& photo) {
  // What was never made is compared with other originals first: it may be a copy of one.
  if (photo.renditions_size() > 0) photo.set_stale(true);
  Requeue(photo);
}

bool Catalog::ApplyToKept(record::Photo& photo, const Selection& selection) {
  const bool made = photo.renditions_size() > 0 && photo.digest_current() && !photo.stale();
  const bool as_wanted = made && (photo.recipe().empty() || photo.recipe() == selection.Recipe());
  const bool wants_others = !selection.renditions.empty() && !as_wanted;
  if (selection.needs_inspection || (!selection.waits && wants_others)) {
    Remake(photo);
    return true;
  }
  if (selection.sent && !selection.waits) {
    photo.set_kept(false);
    QueuePublish(photo, /*with_renditions=*/true);
    return true;
  }
  const std::string why = Readable(selection.reason, 2'000);
  if (photo.state_message() == why) return false;
  photo.set_state_message(why);
  return true;
}

bool Catalog::ApplySelection(record::Photo& photo) {
  // Nothing is known of it but what the host has; it is decided about when it is found.
  if (photo.from_host()) return false;
  // Whoever waits to be rendered is decided about then; whoever failed, when it is tried again,
  // unless the host has an older revision of it.
  if (photo.state() == pb::LOCAL_PHOTO_STATE_WAITING) return false;
  const bool failed = photo.state() == pb::LOCAL_PHOTO_STATE_FAILED;
  if (failed && !IsAtHost(photo)) return false;
  const Selection selection = Decide(photo);
  if (failed && (selection.waits || selection.needs_inspection || selection.sent)) return false;
  if (photo.state() == pb::LOCAL_PHOTO_STATE_KEPT) return ApplyToKept(photo, selection);
  // What was made already need not wait until the user asks.
  if (selection.waits) return false;
  if (selection.needs_inspection) {
    Remake(photo);
    return true;
  }
  if (!selection.sent) {
    Keep(photo, selection.reason);
    return true;
  }
  const bool as_wanted = photo.recipe().empty() || photo.recipe() == selection.Recipe();
  if (photo.state() == pb::LOCAL_PHOTO_STATE_REFUSED || as_wanted) return false;
  Remake(photo);
  return true;
}

absl::Status Catalog::StoreKept(CatalogTransaction& transaction, const RenderTask& task,
                                const imaging::ImageFacts* inspected, const std::string& why,
                                record::Photo& photo) {
  const bool from_host = photo.from_host();
  if (inspected != nullptr) TakeFacts(*inspected, task.edit, photo);
  if (from_host) {
    photo.set_state(pb::LOCAL_PHOTO_STATE_KEPT);
    TakeForChosen(photo);
  } else {
    Keep(photo, why);
    photo.set_stale(photo.renditions_size() > 0);
  }
  Touch(photo);
  ApplySelection(photo);
  return transaction.Store(photo);
}

absl::Status Catalog::FinishKept(const RenderTask& task, const imaging::ImageFacts* inspected,
                                 const std::string& why) {
  return Looking([&] { return FinishKeptLooking(task, inspected, why); });
}

absl::Status Catalog::FinishKeptLooking(const RenderTask& task,
                                        const imaging::ImageFacts* inspected,
                                        const std::string& why) {
  CatalogTransaction transaction(database_);
  absl::StatusOr<std::optional<record::Photo>> taken = TakenPhoto(transaction, task);
  if (!taken.ok()) return taken.status();
  if (taken->has_value()) {
    record::Photo& photo = **taken;
    absl::StatusOr<std::optional<record::Photo>> twin = std::optional<record::Photo>();
    if (inspected != nullptr && MayBeCopy(photo)) {
      twin = FindTwin(transaction, inspected->digest, inspected->size_bytes, photo.id());
    }
    if (!twin.ok()) return twin.status();
    absl::Status status;
    if (twin->has_value()) {
      status = MergeInto(transaction, photo, **std::move(twin));
    } else {
      status = StoreKept(transaction, task, inspected, why, photo);
    }
    PutTotals(transaction);
    if (status.ok()) status = Commit(transaction);
    if (!status.ok()) return status;
  }
  GiveBack(task);
  return absl::OkStatus();
}

absl::StatusOr<std::int64_t> Catalog::DecideAbout(
    const std::vector<std::string>& ids, const std::function<void(record::Photo&)>& first) {
  const std::lock_guard lock(mutex_);
  CatalogTransaction transaction(database_);
  std::int64_t changed = 0;
  for (const std::string& id : ids) {
    absl::StatusOr<record::Photo> photo = transaction.Photo(id);
    if (absl::IsNotFound(photo.status())) continue;  // merged meanwhile
    if (!photo.ok()) return photo.status();
    const std::string before = photo->SerializeAsString();
    if (first) first(*photo);
    ApplySelection(*photo);
    if (photo->SerializeAsString() == before) continue;
    Touch(*photo);
    ++changed;
    if (absl::Status status = transaction.Store(*photo); !status.ok()) return status;
  }
  if (changed == 0) return 0;
  PutTotals(transaction);
  if (absl::Status status = Commit(transaction); !status.ok()) return status;
  base::KillPoint("studio.selection.decided");
  return changed;
}

absl::StatusOr<std::int64_t> Catalog::DecideInGroups(
    const std::vector<std::string>& ids, const std::function<void(record::Photo&)>& first) {
  std::int64_t changed = 0;
  for (std::size_t at = 0; at < ids.size(); at += kDecidedPerCommit) {
    const auto end =
        ids.begin() + static_cast<std::ptrdiff_t>(std::min(ids.size(), at + kDecidedPerCommit));
    const absl::StatusOr<std::int64_t> some =
        DecideAbout({ids.begin() + static_cast<std::ptrdiff_t>(at), end}, first);
    if (!some.ok()) return some.status();
    changed += *some;
  }
  return changed;
}

absl::StatusOr<std::int64_t> Catalog::UsePreferences(const Preferences& preferences) {
  const std::string fingerprint = preferences.Fingerprint();
  {
    const std::lock_guard lock(mutex_);
    preferences_ = std::make_shared<const Preferences>(preferences);
    if (totals_.preferences() == fingerprint && !preferences.UseAge()) return 0;
  }
  const absl::StatusOr<std::int64_t> changed = Redecide();
  if (!changed.ok()) return changed;
  const std::lock_guard lock(mutex_);
  totals_.set_preferences(fingerprint);
  CatalogTransaction transaction(database_);
  PutTotals(transaction);
  if (absl::Status status = Commit(transaction); !status.ok()) return status;
  return changed;
}

absl::StatusOr<std::int64_t> Catalog::Redecide() {
  std::vector<std::string> affected;
  // Looked at without the lock; who turns out to be affected is decided about again under it.
  const std::shared_ptr<const Preferences> preferences = this->preferences();
  const absl::Status status =
      database_.Scan(keys::kPhotos, "", "", [&](std::string_view, std::string_view value) {
        record::Photo photo;
        if (!photo.ParseFromArray(value.data(), static_cast<int>(value.size()))) return true;
        const std::lock_guard lock(mutex_);
        // What it would queue is numbered by the totals, which must stay as they are here.
        const record::Totals totals = totals_;
        const std::uint64_t ticket = next_ticket_;
        const std::int64_t newest = newest_pending_;
        if (ApplySelection(photo)) affected.push_back(photo.id());
        totals_ = totals;
        next_ticket_ = ticket;
        newest_pending_ = newest;
        return true;
      });
  if (!status.ok()) return status;
  return DecideInGroups(affected, nullptr);
}

absl::StatusOr<std::int64_t> Catalog::SelectPhotos(const std::vector<std::string>& ids,
                                                   record::SelectionChoice choice) {
  for (const std::string& id : ids) {
    if (const absl::Status status = GetPhoto(id).status(); !status.ok()) return status;
  }
  return DecideInGroups(ids, [choice](record::Photo& photo) { photo.set_choice(choice); });
}

absl::StatusOr<std::int64_t> Catalog::ProcessGallery(const std::string& gallery) {
  std::vector<std::string> held;
  const absl::Status status =
      database_.Scan(keys::kMembers, keys::Id(gallery), "", [&](std::string_view key, auto) {
        const std::string id = keys::PairFrom(key).second;
        const absl::StatusOr<record::Photo> photo = GetPhoto(id);
        if (photo.ok() && !photo->released()) held.push_back(id);
        return true;
      });
  if (!status.ok()) return status;
  std::int64_t released = 0;
  const absl::StatusOr<std::int64_t> changed = DecideInGroups(held, [&](record::Photo& photo) {
    // Those that wait for a worker may be about to find that their gallery waits.
    if (Decide(photo).waits && (photo.state() == pb::LOCAL_PHOTO_STATE_KEPT || photo.ticket() != 0))
      ++released;
    photo.set_released(true);
  });
  if (!changed.ok()) return changed;
  return released;
}

bool Catalog::HasGallery(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  return counted_.galleries.contains(id);
}

bool Catalog::MayWork() const { return !totals_.paused() && !resting_; }

void Catalog::SetResting(bool resting) {
  const std::lock_guard lock(mutex_);
  resting_ = resting;
  work_changed_.notify_all();
}

}  // namespace proofline::studio
