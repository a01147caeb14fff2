// The catalog: the durable truth about every photo of this device.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/catalog_transaction.h"
#include "daemon/catalog_values.h"
#include "daemon/customer_changes.h"
#include "daemon/file_stamp.h"
#include "daemon/photo_message.h"
#include "daemon/record.pb.h"
#include "daemon/selection.h"
#include "daemon/settle_queue.h"
#include "lib/base/clock.h"
#include "lib/base/digest.h"
#include "lib/imaging/edit.h"
#include "lib/imaging/rendition.h"
#include "lib/kv/database.h"
#include "lib/rpc/feed.h"

namespace proofline::studio {

// Thread-safe. Every change is durable when its method returns OK; a change that fails has not
// happened. Methods block on the disk, and those that wait say so. Errors are those of
// kv::Database, unless a method names more.
//
// Photos keep their id for ever: through renames and moves (the same inode, size and time, or the
// same digest, at a new path while the old path is gone) and through new content at the same path.
// Two files with one digest are two places of one photo. A RAW file and the camera's JPEG (or HEIF)
// beside it, named alike, are one photo: one of them is its original, the other its companion. An
// XMP sidecar belongs to the photo that is named like it.
class Catalog {
 public:
  struct Options {
    std::filesystem::path path;
    std::uint64_t cache_bytes = std::uint64_t{64} << 20;
    DeviceName device;
    // How long a photo whose file is gone stays at the host.
    std::chrono::milliseconds grace = std::chrono::hours(1);
    // The original of a pair is the RAW file, not the picture beside it.
    bool raw_is_original = false;
    // A catalog that is new asks the host first which photos it has; see phase().
    bool ask_host = false;
    // Reads a path below a watched folder; kUnknown if that does not answer. ReadPath() if it is
    // not set.
    std::function<Reading(const std::string& root, const std::string& path)> look = nullptr;
  };

  // Opens or makes the catalog. Besides the errors of kv::Database::Open: FailedPrecondition for a
  // catalog of another device or of a newer format. What a new catalog in its place would mend says
  // so. The clock must outlive it.
  static absl::StatusOr<std::unique_ptr<Catalog>> Open(const Options& options,
                                                       const base::Clock& clock);
  ~Catalog();
  Catalog(const Catalog&) = delete;
  Catalog& operator=(const Catalog&) = delete;

  const DeviceName& device() const { return options_.device; }
  bool raw_is_original() const { return options_.raw_is_original; }
  // Names this catalog to the host; random, another one after BeginRebuild().
  std::string catalog_id() const;
  // The store, for the order book, which keeps its records in column families of its own.
  kv::Database& database() { return database_; }

  // ---- Files

  // The files that are known directly in a folder, by name.
  absl::Status KnownFilesIn(const std::string& folder,
                            const std::function<void(const KnownFile&)>& visit) const;
  // Every known file in a folder and under it that is not known to be gone, until `visit` returns
  // false.
  absl::Status KnownPathsUnder(const std::string& folder,
                               const std::function<bool(const std::string& path)>& visit) const;
  // The folders at and under `root` that hold known files. Costs one look-up per folder.
  absl::Status KnownFoldersUnder(const std::string& root,
                                 const std::function<bool(const std::string& folder)>& visit) const;
  // Nothing also when the disk fails.
  std::optional<KnownFile> FindFile(const std::string& path) const;
  // Whether a file is about to be recorded at another path than it was.
  using FoundElsewhere = std::function<bool(const FileStamp& stamp)>;
  // Takes what the settle queue let go, all in one durable change. New files become photos, files
  // that are gone stop being places.
  absl::Status RecordSettled(const std::vector<SettledPath>& settled,
                             const FoundElsewhere& elsewhere = nullptr);

  // ---- Photos whose files are gone

  // Blocks until the grace time of a photo is over. False when `stop` is requested.
  bool WaitForDueWithdrawal(const std::stop_token& stop);
  // Photos whose grace time is over, some of them.
  absl::StatusOr<std::vector<record::Photo>> DueWithdrawals() const;
  absl::Status PutOffWithdrawal(const std::string& photo, base::Duration by);
  // Has the host take the photo away from customers, unless its file has come back.
  absl::Status Withdraw(const std::string& photo);

  // ---- Rendering

  // Blocks until a photo waits and work is not paused, then takes it out of the others' sight.
  // Nothing when `stop` is requested. Errors of the disk are logged and waited out.
  std::optional<RenderTask> TakeWaiting(const std::stop_token& stop);
  // The original's digest is known before rendering. True if that was all there was to do: it is
  // another place of a photo, or its content is as it was; false if it must be rendered (the task
  // stays taken). Waits while a file of the same size is being rendered that may be the same;
  // Cancelled when `stop` is requested meanwhile.
  absl::StatusOr<bool> FinishIfKnown(const RenderTask& task, const base::Digest& digest,
                                     const std::stop_token& stop = {});
  absl::Status FinishRendered(const RenderTask& task, const imaging::Renditions& rendered,
                              bool sent);
  // The selection has nothing made of it. `inspected` is what was found in it, if it was looked
  // into.
  absl::Status FinishKept(const RenderTask& task, const imaging::ImageFacts* inspected,
                          const std::string& why);
  // `unreadable`: worth another try at the next hint although the file has not changed.
  absl::Status FinishFailed(const RenderTask& task, const std::string& reason, bool unreadable);
  // The file is not as it was when it settled: it waits for the settle queue, which is to be told.
  absl::Status FinishUnsettled(const RenderTask& task);
  // Nothing was done; the photo waits as before.
  void Release(const RenderTask& task);

  // ---- Selection

  // From now on these decide; until the first call every photo gets the usual renditions and is
  // sent. Photos about which they decide otherwise than was decided before are made anew, sent or
  // kept; how many. Costs one comparison when the last preferences were the same.
  absl::StatusOr<std::int64_t> UsePreferences(const Preferences& preferences);
  std::shared_ptr<const Preferences> preferences() const;
  // Decides again about all photos: time has passed. Returns how many have changed.
  absl::StatusOr<std::int64_t> Redecide();
  // What is decided about a photo as it is recorded.
  Selection Explain(const record::Photo& photo) const;
  // What can be decided by after the original was looked into.
  PhotoFacts FactsAfter(const RenderTask& task, const imaging::ImageFacts& inspected) const;
  // Forces photos in or out, or gives them back to the rules; how many have changed. NotFound for
  // an id that there is not.
  absl::StatusOr<std::int64_t> SelectPhotos(const std::vector<std::string>& ids,
                                            record::SelectionChoice choice);
  // Lets the photos go on that wait in a gallery until the user asks; how many.
  absl::StatusOr<std::int64_t> ProcessGallery(const std::string& gallery);
  // Resting is like being paused, but not remembered: the hours to work are over.
  void SetResting(bool resting);

  // ---- Publishing

  // What the host says when a stream opens: everything up to `last_sequence` is there. A host that
  // has less than it acknowledged once gets the rest again, rendered anew.
  // `refusals` are those of entries up to it that may not have been heard of; entries up to
  // `unsure_sequence` that are in neither are sent again.
  absl::Status HostOpened(std::int64_t last_sequence,
                          const std::map<std::int64_t, Refusal>& refusals = {},
                          std::int64_t unsure_sequence = 0);
  // Blocks until a change with a sequence greater than `after` may be pending and work is not
  // paused; false when `stop` is requested.
  bool WaitForPending(std::int64_t after, const std::stop_token& stop);
  // The next pending changes after `after`, in order, of about `max_bytes` together but at least
  // one if there is one.
  absl::StatusOr<std::vector<PendingPublish>> NextPending(std::int64_t after,
                                                          std::size_t max_bytes);
  // Everything up to `last_sequence` is durable at the host, or refused.
  absl::Status Acknowledge(std::int64_t last_sequence,
                           const std::map<std::int64_t, Refusal>& refusals);
  // Bytes that went to the host; made durable with the next acknowledgement.
  void CountSentBytes(std::int64_t bytes);
  std::int64_t last_sequence() const;
  // The last sequence that is recorded as acknowledged.
  std::int64_t host_sequence() const;

  // ---- People

  // NotFound if there is none.
  absl::StatusOr<record::Photo> GetPhoto(const std::string& id) const;
  absl::StatusOr<record::Photo> GetPhotoAt(const std::string& path) const;
  // Photos after the id `start_after`, by id; `gallery` empty and `state` unspecified mean all.
  absl::StatusOr<std::vector<record::Photo>> ListPhotos(const std::string& gallery,
                                                        v1::LocalPhotoState state,
                                                        const std::string& start_after,
                                                        int max) const;
  absl::StatusOr<std::vector<LocalGallery>> ListGalleries(const std::string& start_after,
                                                          int max) const;
  // Photos of this device are in it.
  bool HasGallery(const std::string& id) const;
  // The thumbnail as it was last made; NotFound if there is none.
  absl::StatusOr<std::string> GetThumbnail(const std::string& id) const;
  // Lets `change` work on the record and stores it. A new edit has the photo rendered anew, new
  // metadata is published without renditions. Aborted if `etag` is neither empty nor the record's.
  // Returns the record as stored.
  absl::StatusOr<record::Photo> Update(const std::string& id, const std::string& etag,
                                       const std::function<absl::Status(record::Photo&)>& change);
  // What people change on many photos at once; the index is that of the id. First as if, then for
  // good: an error of CheckUpdate() or NotFound for an id leaves everything as it is. UpdateMany()
  // makes the changes durable in groups, leaves out photos that are gone by now, and returns how
  // many records have changed; after an error the groups before it are changed.
  using IndexedChange = std::function<absl::Status(std::size_t index, record::Photo&)>;
  absl::Status CheckUpdate(const std::vector<std::string>& ids, const IndexedChange& change) const;
  absl::StatusOr<std::int64_t> UpdateMany(const std::vector<std::string>& ids,
                                          const IndexedChange& change);
  // Every photo of a gallery, or of all if it is empty, by id, until `visit` returns false.
  absl::Status VisitPhotos(const std::string& gallery,
                           const std::function<bool(const record::Photo&)>& visit) const;
  // NotFound if no photo has ever been in it.
  absl::StatusOr<record::Gallery> GetGallery(const std::string& id) const;
  // Photos that come into the gallery from now on are changed so before anything else; only what
  // people can enter. Adds to what was set before.
  absl::Status SetLaterMetadata(const std::string& gallery,
                                const std::function<absl::Status(record::Photo&)>& change);
  // Failed and refused photos wait again; all of them if `ids` is empty. Returns how many.
  absl::StatusOr<std::int64_t> Retry(const std::vector<std::string>& ids);
  absl::Status SetPaused(bool paused);
  bool paused() const;
  // Blocks while work is paused; false when `stop` is requested.
  bool WaitWhilePaused(const std::stop_token& stop);

  // Where the original with this digest and size lies. NotFound if neither the photo nor another
  // with the same content is known.
  absl::StatusOr<OriginalPlaces> FindOriginal(const std::string& photo, const base::Digest& digest,
                                              std::int64_t size) const;

  // ---- Customers made here; see CustomerBook

  // NotFound if there is none.
  absl::StatusOr<record::Customer> GetCustomer(const std::string& id) const;
  // Customers after the id `start_after`, by id.
  absl::StatusOr<std::vector<record::Customer>> ListCustomers(const std::string& start_after,
                                                              int max) const;
  // Lets `change` look and store, with nobody else in between; what it has stored becomes durable
  // and waits for the host, all of it, if it returns OK.
  absl::Status ChangeCustomers(const std::function<absl::Status(CustomerChanges&)>& change);

  // ---- Built anew; catalog_rebuild.cpp

  // Until the host has been asked (REOPENING, ASKING) what is found is rendered but nothing may be
  // published: photos that the host knows are to get back the ids they have there. While it is
  // SEARCHING, originals of such photos may not have been found yet.
  record::CatalogPhase phase() const;
  // Has every photo read again and compared with what the host says it has. Keeps what people
  // entered, and first a copy of the catalog as it is in the folder `copy`. Nothing may be
  // published meanwhile. After an error the catalog may be REOPENING: Reopen() goes on with it, and
  // so does the next Open().
  absl::Status BeginRebuild(const std::filesystem::path& copy);
  absl::Status Reopen();
  // Takes up photos that the host has, in one durable change: those that are here keep (or get) the
  // host's id, the others are photos without a file until one with their digest is found. Telling
  // the same photos again changes nothing. Only while ASKING.
  absl::Status RememberPhotos(const google::protobuf::RepeatedPtrField<v1::Photo>& photos,
                              const google::protobuf::RepeatedPtrField<v1::Gallery>& galleries);
  // The same for customers that this device has brought to the host, without what they type.
  absl::Status RememberCustomers(const google::protobuf::RepeatedPtrField<v1::Customer>& customers);
  TakenOver taken_over() const;
  // The host has said everything: it has this many photos.
  absl::Status FinishRemembering(std::int64_t known_photos);
  // Everything in the folders has been looked at: the catalog is whole.
  absl::StatusOr<RebuildResult> FinishSearch();

  CatalogCounts counts() const;
  // Rings after every change that counts or people can see.
  const rpc::FeedSignal& changes() const { return changes_; }

 private:
  Catalog(const Options& options, const base::Clock& clock, kv::Database database);

  absl::Status Load();
  absl::Status LoadCatalogRecord();
  absl::Status LoadCounts();
  absl::StatusOr<bool> LoadStoredCounts();
  void StoreCounts();
  // Commits and wakes whoever waits for what has changed. Under the lock.
  absl::Status Commit(CatalogTransaction& transaction);
  google::protobuf::Timestamp NowMessage() const;
  void Touch(record::Photo& photo) const;

  // What the file system says of paths that a change turns on. Asked for without the lock: a share
  // may not answer for long.
  struct Looks {
    std::map<std::string, Reading> known;  // by path
    std::vector<record::Place> wanted;
  };
  // Lets `change` work under the lock, again and again until it has asked IsStillThere() nothing
  // that is not known; Commit() makes nothing durable before. Takes the lock.
  // `wait` may wait with the lock before.
  absl::Status Looking(const std::function<absl::Status()>& change,
                       const std::function<void(std::unique_lock<std::mutex>&)>& wait = nullptr);
  // The file lies there with the content that is recorded. Only within Looking().
  bool IsStillThere(const record::Place& place);

  // One call of RecordSettled().
  struct Settling {
    CatalogTransaction& transaction;
    const std::vector<SettledPath>& settled;
    const FoundElsewhere& elsewhere;
    // Paths of sidecars that are new, changed or gone.
    std::set<std::string> sidecars;
  };
  // A photo that a renderer has taken.
  struct Taken {
    std::uint64_t size = 0;
    // Nothing until it was read.
    std::optional<base::Digest> digest;
    bool rendering = false;
    // What it was before its file was written anew.
    std::string was;
  };

  // catalog_files.cpp; under the lock.
  absl::Status RecordLooking(const std::vector<SettledPath>& settled,
                             const FoundElsewhere& elsewhere);
  static absl::StatusOr<std::optional<record::PlaceEntry>> EntryAt(CatalogTransaction& transaction,
                                                                   const std::string& path);
  static void PutBareEntry(CatalogTransaction& transaction, const SettledPath& file,
                           record::PlaceKind kind);
  static bool IsElsewhere(const Settling& settling, const record::Place& place);
  absl::Status TakeFile(Settling& settling, const SettledPath& file);
  absl::Status TakeGone(Settling& settling, const SettledPath& file);
  absl::Status TakeKnownPath(Settling& settling, const SettledPath& file, record::Photo photo);
  absl::Status TakeNewPath(Settling& settling, const SettledPath& file);
  absl::StatusOr<bool> TakeSameInode(Settling& settling, const SettledPath& file);
  absl::Status AddPhoto(Settling& settling, const SettledPath& file);
  absl::Status AddPhotoAt(Settling& settling, const record::Place& place);
  record::Place MakePlace(CatalogTransaction& transaction, const SettledPath& file,
                          absl::Status& status) const;
  absl::Status StoreMoved(Settling& settling, const record::Photo& before, record::Photo photo);

  // catalog_pairs.cpp; under the lock.
  static absl::Status NamedLike(
      CatalogTransaction& transaction, const std::string& folder, std::string_view stem,
      const std::function<void(const std::string& path, const record::PlaceEntry& entry)>& visit);
  absl::StatusOr<bool> TakePairOf(Settling& settling, const SettledPath& file);
  absl::Status TakeKnownCompanion(Settling& settling, const SettledPath& file, record::Photo photo);
  absl::StatusOr<bool> TakeMovedCompanion(Settling& settling, const SettledPath& file,
                                          record::Photo photo);
  // A companion takes the place of an original that is gone: one that lay beside it, or, for
  // nullptr, any.
  bool PromoteCompanion(record::Photo& photo, const record::Place* beside);
  std::vector<record::Place> TakeStrays(record::Photo& photo);
  static absl::Status TakeSidecar(Settling& settling, const SettledPath& file);
  absl::Status GiveSidecar(Settling& settling, const std::string& path);
  absl::Status ChooseSidecar(CatalogTransaction& transaction, record::Photo& photo);

  // catalog_withdraw.cpp; under the lock.
  std::int64_t NowMs() const;
  void QueueWithdrawal(record::Photo& photo);
  absl::Status WithdrawLooking(const std::string& id);
  void TakeWithdrawn(std::int64_t sequence, const Refusal* refusal, record::Photo& photo);

  // catalog_work.cpp; under the lock.
  void Requeue(record::Photo& photo);
  void QueuePublish(record::Photo& photo, bool with_renditions);
  // Before the change that waits gives way to another one, or to none.
  void GiveUpPending(record::Photo& photo) const;
  void Unmake(record::Photo& photo, const std::string& message);
  absl::StatusOr<std::optional<RenderTask>> NextWaiting();
  absl::Status FinishKnown(const RenderTask& task, const base::Digest& digest, bool& known);
  absl::Status FinishRenderedLooking(const RenderTask& task, const imaging::Renditions& rendered,
                                     bool sent);

  // catalog_selection.cpp; under the lock.
  PhotoFacts FactsOf(const record::Photo& photo) const;
  Selection Decide(const record::Photo& photo) const;
  // Brings a photo's state in line with what is decided about it; true if that changed it.
  bool ApplySelection(record::Photo& photo);
  bool ApplyToKept(record::Photo& photo, const Selection& selection);
  void Keep(record::Photo& photo, const std::string& why);
  void Remake(record::Photo& photo);
  absl::Status StoreKept(CatalogTransaction& transaction, const RenderTask& task,
                         const imaging::ImageFacts* inspected, const std::string& why,
                         record::Photo& photo);
  absl::Status FinishKeptLooking(const RenderTask& task, const imaging::ImageFacts* inspected,
                                 const std::string& why);
  bool MayWork() const;
  // Not under the lock: takes it, once for each commit. `first` may change the photos before.
  absl::StatusOr<std::int64_t> DecideAbout(const std::vector<std::string>& ids,
                                           const std::function<void(record::Photo&)>& first);
  absl::StatusOr<std::int64_t> DecideInGroups(const std::vector<std::string>& ids,
                                              const std::function<void(record::Photo&)>& first);
  absl::StatusOr<std::optional<record::Photo>> FindTwin(CatalogTransaction& transaction,
                                                        const base::Digest& digest,
                                                        std::uint64_t size,
                                                        const std::string& except) const;
  // A photo whose file was written anew, and waits to be read, had this content and may have it
  // still: `photo`, which is new, waits behind it then.
  absl::StatusOr<bool> WaitBehindTwin(CatalogTransaction& transaction, const base::Digest& digest,
                                      std::uint64_t size, record::Photo& photo);
  // Nobody but this device can know it: it may still turn out to be another place of a photo.
  bool MayBeCopy(const record::Photo& photo) const;
  absl::Status MergeInto(CatalogTransaction& transaction, const record::Photo& from,
                         record::Photo into);
  // What people said about a copy before it was known to be one goes to its photo.
  void TakeSaid(const record::Photo& from, record::Photo& into);
  absl::StatusOr<std::optional<record::Photo>> TakenPhoto(CatalogTransaction& transaction,
                                                          const RenderTask& task);
  // Takes the renditions over; true if the host has exactly these.
  bool TakeRenditions(CatalogTransaction& transaction, const imaging::Renditions& rendered,
                      record::Photo& photo);
  void GiveBack(const RenderTask& task);
  // Another taken photo may turn out to be the same.
  bool MayBeRendering(const RenderTask& task, const base::Digest& digest) const;
  // Notes what a stream has brought of photos that have changed again since. `arrived`: those that
  // carried_ need not hold any more once the transaction is committed.
  absl::Status AcknowledgeCarried(CatalogTransaction& transaction, std::int64_t last_sequence,
                                  const std::map<std::int64_t, Refusal>& refusals,
                                  std::vector<std::string>& arrived) const;
  absl::Status AcknowledgeSome(std::int64_t last_sequence,
                               const std::map<std::int64_t, Refusal>& refusals, bool& done);
  absl::Status Renumber(std::int64_t above);
  absl::Status RepublishAfter(std::int64_t last_sequence);
  absl::Status QueueAgain(CatalogTransaction& transaction, const record::PendingChange& change);
  absl::Status RequeueUnsure(std::int64_t unsure_sequence,
                             const std::map<std::int64_t, Refusal>& refusals);
  absl::StatusOr<record::Photo> UpdateIn(CatalogTransaction& transaction, const std::string& id,
                                         const std::string& etag,
                                         const std::function<absl::Status(record::Photo&)>& change,
                                         bool& changed);

  // catalog_rebuild.cpp; under the lock, except LookAgainAtUnread().
  absl::Status LookAgainAtUnread();
  absl::Status ReopenSome(const std::vector<std::string>& ids);
  absl::Status PutCatalogRecord(const record::Catalog& catalog);
  absl::Status CommitTakenOver(CatalogTransaction& transaction, const record::Catalog& before);
  absl::Status Remember(CatalogTransaction& transaction, const v1::Photo& told,
                        const std::string& gallery_title,
                        std::map<std::string, std::string>& renamed);
  void TakeToldAbout(const v1::Photo& told, record::Photo& photo);
  void TakeForChosen(record::Photo& photo);
  absl::Status AdoptId(CatalogTransaction& transaction, const v1::Photo& told,
                       const record::Photo& before);
  absl::Status AddToldPhoto(CatalogTransaction& transaction, const v1::Photo& told,
                            const std::string& gallery_title);
  // In the shares of all customers, or of those whose id comes after `made_after`: ids begin with
  // the time they were made at.
  absl::Status RenameInCustomers(CatalogTransaction& transaction,
                                 const std::map<std::string, std::string>& renamed,
                                 const std::string& made_after = {});

  // catalog_metadata.cpp and catalog_customers.cpp; under the lock.
  friend class CustomerChanges;
  absl::Status TakeLaterMetadata(CatalogTransaction& transaction, record::Photo& photo) const;
  absl::Status StoreCustomer(CatalogTransaction& transaction, const record::Customer& customer);
  void QueueCustomer(record::Customer& customer);
  absl::StatusOr<bool> RememberCustomer(CatalogTransaction& transaction, const v1::Customer& told);
  absl::StatusOr<PendingPublish> PendingCustomer(std::int64_t sequence,
                                                 const std::string& id) const;
  absl::Status AcknowledgeCustomer(CatalogTransaction& transaction, const std::string& id,
                                   std::int64_t sequence, const Refusal* refusal);
  absl::Status RequeueCustomer(CatalogTransaction& transaction, const std::string& id);
  absl::Status RequeueCustomersAfter(CatalogTransaction& transaction, std::int64_t last_sequence);
  void PutTotals(CatalogTransaction& transaction) const;

  const Options options_;
  const base::Clock& clock_;
  kv::Database database_;
  record::Catalog catalog_;

  mutable std::mutex mutex_;
  // Of the change that works at the moment; null outside Looking().
  Looks* looks_ = nullptr;
  std::condition_variable_any work_changed_;
  record::Totals totals_;
  std::shared_ptr<const Preferences> preferences_ = std::make_shared<const Preferences>();
  bool resting_ = false;
  std::uint64_t next_ticket_ = 1;
  // No ticket below is in the queue: keeps the search from walking over deleted entries.
  std::uint64_t lowest_ticket_ = 1;
  std::map<std::uint64_t, Taken> taken_;  // by ticket
  bool waiting_may_exist_ = true;
  std::int64_t newest_pending_ = 0;
  // No change with a greater sequence was given out to be sent.
  std::int64_t perhaps_sent_ = 0;
  // Renditions on their way to the host in the open stream: photo → sequence of the change that
  // brings them. A newer change of the photo need not bring them again.
  std::map<std::string, std::int64_t> carried_;
  CountChanges counted_;
  // The store holds counts that must go with the next change.
  bool counts_stored_ = false;
  // A commit failed that may have happened all the same: only counting anew tells.
  bool counts_doubtful_ = false;
  bool withdrawals_changed_ = false;
  rpc::FeedSignal changes_;
};

}  // namespace proofline::studio
