#include "daemon/control_service.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <set>
#include <utility>

#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "lib/base/text.h"
#include "lib/rpc/call.h"
#include "lib/rpc/page_token.h"
#include "lib/rpc/resource_name.h"
#include "lib/rpc/status.h"

namespace proofline::studio {

namespace pb = proofline::v1;

namespace {

constexpr auto kStatusInterval = std::chrono::milliseconds(500);
// Shares that are looked at for what they wait for, and orders that are named in one sentence.
constexpr std::size_t kMostShares = 100;
constexpr std::size_t kMostNamed = 10;

std::string Since(const std::optional<base::WallTime>& time) {
  if (!time.has_value()) return {};
  return absl::FormatTime(" (since %Y-%m-%d %H:%M)", absl::FromChrono(*time),
                          absl::LocalTimeZone());
}

absl::Status NoSuchPhoto(const std::string& name) {
  return rpc::Error(absl::StatusCode::kNotFound,
                    base::Concat("there is no photo \"", Readable(name, 300), "\" on this device"),
                    "PHOTO_NOT_FOUND", {{"photo", Readable(name, 300)}});
}

grpc::ServerUnaryReactor* NotServed(grpc::CallbackServerContext* context, std::string_view what) {
  return rpc::Refuse(
      context, rpc::Error(absl::StatusCode::kUnimplemented,
                          base::Concat(what, " is not served by this version of the studio daemon"),
                          "NOT_SERVED", {{"method", std::string(what)}}));
}

}  // namespace

ControlService::ControlService(const Parts& parts)
    : parts_(parts),
      customers_(parts.catalog),
      start_time_(base::RealClock().WallNow()),
      executor_(/*threads=*/2, /*max_waiting=*/256),
      sheet_executor_(/*threads=*/1, /*max_waiting=*/16),
      rebuild_executor_(/*threads=*/1, /*max_waiting=*/16),
      thread_([this](const std::stop_token& stop) { RunWatchers(stop); }) {}

ControlService::~ControlService() {
  Stop();
  executor_.Stop();
  sheet_executor_.Stop();
  rebuild_executor_.Stop();
}

void ControlService::Stop() {
  stopping_.request_stop();
  streams_.FinishAll(
      rpc::Error(absl::StatusCode::kUnavailable, "the studio daemon is shutting down", "STOPPING"));
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

// ---- Status

std::string ControlService::WaitingOrders(const FolderWatcher::RootState& root) const {
  const auto is_away = [&](const pb::OrderLine& line) {
    const absl::StatusOr<record::Photo> photo =
        parts_.catalog.GetPhoto(line.photo().substr(line.photo().rfind('/') + 1));
    if (!photo.ok()) return false;
    const record::Place* place = MainPlace(*photo);
    if (place == nullptr || place->root() != root.path) return false;
    return root.lost.has_value() || place->displaced() ||
           parts_.ingest.IsAway(root.path, place->path());
  };
  std::set<std::string> orders;
  const absl::StatusOr<std::vector<record::Share>> shares = parts_.orders.UnsentShares(kMostShares);
  for (const record::Share& share : shares.value_or(std::vector<record::Share>())) {
    if (std::any_of(share.lines().begin(), share.lines().end(), is_away)) {
      orders.insert(share.order().substr(share.order().rfind('/') + 1));
    }
  }
  if (orders.empty()) return {};
  const std::size_t more = orders.size() - std::min(orders.size(), kMostNamed);
  const std::string named = absl::StrJoin(
      orders.begin(), std::next(orders.begin(), static_cast<std::ptrdiff_t>(orders.size() - more)),
      ", ");
  return base::Concat("; orders that wait for originals from there: ", named,
                      more > 0 ? base::Concat(" and ", more, " more") : std::string());
}

pb::GetStudioStatusResponse ControlService::Status() const {
  pb::GetStudioStatusResponse status;
  status.set_version(PROOFLINE_VERSION);
  status.mutable_start_time()->set_seconds(std::chrono::system_clock::to_time_t(start_time_));
  status.set_device(parts_.catalog.device().ToString());
  const ProofPublisher::State host = parts_.publisher.state();
  status.set_host_connected(host.connected);
  status.set_host_message(host.message);
  status.set_settling(static_cast<std::int64_t>(parts_.ingest.settling()));
  const CatalogCounts counts = parts_.catalog.counts();
  status.set_waiting(counts.in(pb::LOCAL_PHOTO_STATE_WAITING));
  status.set_rendered(counts.in(pb::LOCAL_PHOTO_STATE_RENDERED));
  status.set_published(counts.in(pb::LOCAL_PHOTO_STATE_PUBLISHED));
  status.set_failed(counts.in(pb::LOCAL_PHOTO_STATE_FAILED) +
                    counts.in(pb::LOCAL_PHOTO_STATE_REFUSED));
  status.set_kept(counts.in(pb::LOCAL_PHOTO_STATE_KEPT));
  status.set_original_bytes(counts.original_bytes);
  status.set_sent_bytes(counts.sent_bytes);
  status.set_paused(counts.paused);
  if (parts_.resting) status.set_resting_message(parts_.resting());
  if (parts_.rebuild != nullptr) status.set_catalog_message(parts_.rebuild->message());
  const TakenOver taken = parts_.catalog.taken_over();
  if (taken.photos > 0 || taken.customers > 0) {
    status.set_taken_over_photos(taken.photos);
    status.set_taken_over_customers(taken.customers);
    *status.mutable_taken_over_time() = taken.time;
  }
  for (const FolderWatcher::RootState& root : parts_.watcher.roots()) {
    pb::WatchedFolder& folder = *status.add_folders();
    folder.set_path(Readable(root.path));
    folder.set_message(root.message);
    const Ingest::Away away = parts_.ingest.away(root.path);
    if (root.lost.has_value()) {
      folder.set_message(base::Concat(root.message, Since(root.lost), WaitingOrders(root)));
    } else if (root.message.empty() && away.files > 0) {
      folder.set_message(base::Concat("the disk, card or share with ", away.files,
                                      " of its files is not there", Since(away.since),
                                      "; their photos stay as they are", WaitingOrders(root)));
    } else if (root.message.empty()) {
      const std::string orders = WaitingOrders(root);
      if (!orders.empty()) folder.set_message(base::Concat("other files lie there now", orders));
    }
    folder.set_polled(root.polled);
    if (root.scanned.has_value()) {
      folder.mutable_scan_time()->set_seconds(std::chrono::system_clock::to_time_t(*root.scanned));
    }
  }
  status.set_open_orders(parts_.orders.open_orders());
  status.set_lab_sent_bytes(parts_.orders.lab_sent_bytes());
  return status;
}

grpc::ServerUnaryReactor* ControlService::GetStudioStatus(
    grpc::CallbackServerContext* context, const pb::GetStudioStatusRequest* /*request*/,
    pb::GetStudioStatusResponse* response) {
  return rpc::AnswerOn(executor_, context, response,
                       [this] { return absl::StatusOr<pb::GetStudioStatusResponse>(Status()); });
}

grpc::ServerWriteReactor<pb::GetStudioStatusResponse>* ControlService::WatchStudioStatus(
    grpc::CallbackServerContext* /*context*/, const pb::WatchStudioStatusRequest* /*request*/) {
  const std::shared_ptr<StatusStream> stream = StatusStream::Create({});
  streams_.Add(stream);
  {
    const std::lock_guard lock(mutex_);
    watchers_.push_back({stream, {}});
  }
  watchers_changed_.notify_all();
  return stream->reactor();
}

void ControlService::RunWatchers(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    watchers_changed_.wait(lock, stop, [this] { return !watchers_.empty(); });
    if (stop.stop_requested()) return;
    lock.unlock();
    const pb::GetStudioStatusResponse status = Status();
    const std::string bytes = status.SerializeAsString();
    lock.lock();
    std::erase_if(watchers_, [&](Watcher& watcher) {
      const std::shared_ptr<StatusStream> stream = watcher.stream.lock();
      if (stream == nullptr || stream->over()) return true;
      if (watcher.last == bytes) return false;
      pb::GetStudioStatusResponse copy = status;
      if (stream->TrySend(std::move(copy)) == rpc::SendResult::kTaken) watcher.last = bytes;
      return false;
    });
    // At most twice a second; somebody new is answered at the next turn.
    watchers_changed_.wait_for(lock, stop, kStatusInterval, [] { return false; });
  }
}

// ---- Galleries and photos

absl::StatusOr<pb::ListLocalGalleriesResponse> ControlService::ListGalleries(
    const pb::ListLocalGalleriesRequest& request) const {
  const absl::StatusOr<int> size = rpc::PageSize(request.page_size(), 50, 1000);
  if (!size.ok()) return size.status();
  const absl::StatusOr<std::string> after = rpc::ReadPageToken(request);
  if (!after.ok()) return after.status();
  const absl::StatusOr<std::vector<LocalGallery>> galleries =
      parts_.catalog.ListGalleries(*after, *size);
  if (!galleries.ok()) return galleries.status();
  pb::ListLocalGalleriesResponse response;
  for (const LocalGallery& local : *galleries) {
    pb::Gallery& gallery = *response.add_galleries();
    gallery.set_name(
        rpc::MakeResourceName("studios/*/galleries/*", {parts_.catalog.device().studio, local.id}));
    gallery.set_title(local.record.title());
    gallery.set_photo_count(local.photos);
    *gallery.mutable_create_time() = local.record.create_time();
  }
  if (static_cast<int>(galleries->size()) == *size) {
    response.set_next_page_token(rpc::MakePageToken(request, galleries->back().id));
  }
  return response;
}

grpc::ServerUnaryReactor* ControlService::ListLocalGalleries(
    grpc::CallbackServerContext* context, const pb::ListLocalGalleriesRequest* request,
    pb::ListLocalGalleriesResponse* response) {
  return rpc::AnswerOn(executor_, context, response,
                       [this, request] { return ListGalleries(*request); });
}

absl::StatusOr<pb::ListLocalPhotosResponse> ControlService::ListPhotos(
    const pb::ListLocalPhotosRequest& request) const {
  const absl::StatusOr<int> size = rpc::PageSize(request.page_size(), 100, 1000);
  if (!size.ok()) return size.status();
  const absl::StatusOr<std::string> after = rpc::ReadPageToken(request);
  if (!after.ok()) return after.status();
  const DeviceName& device = parts_.catalog.device();
  std::string gallery;
  if (!request.gallery().empty()) {
    absl::StatusOr<std::string> id = FindGallery(request.gallery());
    if (!id.ok()) return id.status();
    gallery = *std::move(id);
  }
  const absl::StatusOr<std::vector<record::Photo>> photos =
      parts_.catalog.ListPhotos(gallery, request.state(), *after, *size);
  if (!photos.ok()) return photos.status();
  pb::ListLocalPhotosResponse response;
  for (const record::Photo& photo : *photos) {
    *response.add_photos() = LocalPhotoMessage(device, photo);
  }
  if (static_cast<int>(photos->size()) == *size) {
    response.set_next_page_token(rpc::MakePageToken(request, photos->back().id()));
  }
  return response;
}

grpc::ServerUnaryReactor* ControlService::ListLocalPhotos(grpc::CallbackServerContext* context,
                                                          const pb::ListLocalPhotosRequest* request,
                                                          pb::ListLocalPhotosResponse* response) {
  return rpc::AnswerOn(executor_, context, response,
                       [this, request] { return ListPhotos(*request); });
}

absl::StatusOr<record::Photo> ControlService::FindPhoto(const std::string& name) const {
  if (name.starts_with('/')) return parts_.catalog.GetPhotoAt(name);
  const auto ids = rpc::ParseResourceName("studios/*/galleries/*/photos/*", name);
  if (!ids.has_value() || ids->at(0) != parts_.catalog.device().studio) {
    return NoSuchPhoto(name);
  }
  // The gallery is not compared: a photo may have moved since its name was learnt.
  return parts_.catalog.GetPhoto(ids->at(2));
}

grpc::ServerUnaryReactor* ControlService::GetLocalPhoto(grpc::CallbackServerContext* context,
                                                        const pb::GetLocalPhotoRequest* request,
                                                        pb::LocalPhoto* response) {
  return rpc::AnswerOn(executor_, context, response,
                       [this, request]() -> absl::StatusOr<pb::LocalPhoto> {
                         const absl::StatusOr<record::Photo> photo = FindPhoto(request->name());
                         if (!photo.ok()) return photo.status();
                         return LocalPhotoMessage(parts_.catalog.device(), *photo);
                       });
}

absl::StatusOr<pb::LocalPhoto> ControlService::UpdatePhoto(
    const pb::UpdateLocalPhotoRequest& request) {
  const absl::StatusOr<record::Photo> photo = FindPhoto(request.photo().name());
  if (!photo.ok()) return photo.status();
  const absl::StatusOr<record::Photo> updated =
      parts_.catalog.Update(photo->id(), request.photo().etag(), [&](record::Photo& record) {
        return ApplyUpdate(request.photo(), request.update_mask().paths(), record);
      });
  if (!updated.ok()) return updated.status();
  return LocalPhotoMessage(parts_.catalog.device(), *updated);
}

grpc::ServerUnaryReactor* ControlService::UpdateLocalPhoto(
    grpc::CallbackServerContext* context, const pb::UpdateLocalPhotoRequest* request,
    pb::LocalPhoto* response) {
  return rpc::AnswerOn(executor_, context, response,
                       [this, request] { return UpdatePhoto(*request); });
}

absl::StatusOr<pb::RetryPhotosResponse> ControlService::Retry(
    const pb::RetryPhotosRequest& request) {
  std::vector<std::string> ids;
  for (const std::string& name : request.names()) {
    const absl::StatusOr<record::Photo> photo = FindPhoto(name);
    if (!photo.ok()) return photo.status();
    ids.push_back(photo->id());
  }
  const absl::StatusOr<std::int64_t> retried = parts_.catalog.Retry(ids);
  if (!retried.ok()) return retried.status();
  pb::RetryPhotosResponse response;
  response.set_photos(*retried);
  return response;
}

grpc::ServerUnaryReactor* ControlService::RetryPhotos(grpc::CallbackServerContext* context,
                                                      const pb::RetryPhotosRequest* request,
                                                      pb::RetryPhotosResponse* response) {
  return rpc::AnswerOn(executor_, context, response, [this, request] { return Retry(*request); });
}

// ---- Orders and work

absl::StatusOr<pb::ListLocalOrdersResponse> ControlService::ListOrders(
    const pb::ListLocalOrdersRequest& request) const {
  const absl::StatusOr<int> size = rpc::PageSize(request.page_size(), 50, 1000);
  if (!size.ok()) return size.status();
  const absl::StatusOr<std::string> before = rpc::ReadPageToken(request);
  if (!before.ok()) return before.status();
  const absl::StatusOr<std::vector<pb::Order>> orders = parts_.orders.ListOrders(*before, *size);
  if (!orders.ok()) return orders.status();
  pb::ListLocalOrdersResponse response;
  for (const pb::Order& order : *orders) *response.add_orders() = order;
  if (static_cast<int>(orders->size()) == *size) {
    const std::string& name = orders->back().name();
    response.set_next_page_token(rpc::MakePageToken(request, name.substr(name.rfind('/') + 1)));
  }
  return response;
}

grpc::ServerUnaryReactor* ControlService::ListLocalOrders(grpc::CallbackServerContext* context,
                                                          const pb::ListLocalOrdersRequest* request,
                                                          pb::ListLocalOrdersResponse* response) {
  return rpc::AnswerOn(executor_, context, response,
                       [this, request] { return ListOrders(*request); });
}

grpc::ServerUnaryReactor* ControlService::PauseWork(grpc::CallbackServerContext* context,
                                                    const pb::PauseWorkRequest* /*request*/,
                                                    pb::PauseWorkResponse* response) {
  return rpc::AnswerOn(executor_, context, response,
                       [this]() -> absl::StatusOr<pb::PauseWorkResponse> {
                         const absl::Status status = parts_.catalog.SetPaused(true);
                         if (!status.ok()) return status;
                         return pb::PauseWorkResponse();
                       });
}

grpc::ServerUnaryReactor* ControlService::ResumeWork(grpc::CallbackServerContext* context,
                                                     const pb::ResumeWorkRequest* /*request*/,
                                                     pb::ResumeWorkResponse* response) {
  return rpc::AnswerOn(executor_, context, response,
                       [this]() -> absl::StatusOr<pb::ResumeWorkResponse> {
                         const absl::Status status = parts_.catalog.SetPaused(false);
                         if (!status.ok()) return status;
                         return pb::ResumeWorkResponse();
                       });
}

grpc::ServerUnaryReactor* ControlService::Rescan(grpc::CallbackServerContext* context,
                                                 const pb::RescanRequest* /*request*/,
                                                 pb::RescanResponse* response) {
  parts_.watcher.Rescan();
  return rpc::Answer(context, response, absl::StatusOr<pb::RescanResponse>(pb::RescanResponse()));
}

// ---- The catalog

grpc::ServerUnaryReactor* ControlService::RebuildCatalog(
    grpc::CallbackServerContext* context, const pb::RebuildCatalogRequest* /*request*/,
    pb::RebuildCatalogResponse* response) {
  if (parts_.rebuild == nullptr) return NotServed(context, "RebuildCatalog");
  return rpc::AnswerOn(
      rebuild_executor_, context, response, [this]() -> absl::StatusOr<pb::RebuildCatalogResponse> {
        const absl::StatusOr<RebuildResult> result = parts_.rebuild->Run(stopping_.get_token());
        if (absl::IsCancelled(result.status())) {
          return rpc::Error(absl::StatusCode::kUnavailable,
                            "the studio daemon is shutting down; the catalog goes "
                            "on being built anew at the next start",
                            "STOPPING");
        }
        if (!result.ok()) return result.status();
        pb::RebuildCatalogResponse answer;
        answer.set_photos(result->photos);
        answer.set_known_photos(result->known_photos);
        answer.set_missing_photos(result->missing_photos);
        answer.set_taken_over_photos(result->taken_over_photos);
        answer.set_taken_over_customers(result->taken_over_customers);
        return answer;
      });
}

}  // namespace proofline::studio
