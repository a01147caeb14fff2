// What the host tells a device of the device's own photos.
#include <set>

#include "hostd/record_text.h"
#include "hostd/sync_service.h"
#include "lib/rpc/bearer.h"
#include "lib/rpc/call.h"
#include "lib/rpc/page_token.h"
#include "lib/rpc/resource_name.h"

namespace proofline::host {

namespace pb = proofline::v1;

grpc::ServerUnaryReactor* SyncService::ListDevicePhotos(grpc::CallbackServerContext* context,
                                                        const pb::ListDevicePhotosRequest* request,
                                                        pb::ListDevicePhotosResponse* response) {
  const absl::StatusOr<std::string> key = rpc::BearerToken(*context);
  if (!key.ok()) return rpc::Refuse(context, key.status());
  return rpc::AnswerOn(parts_.executor, context, response,
                       [=, this, key = *key] { return ListPhotos(key, *request); });
}

absl::StatusOr<pb::ListDevicePhotosResponse> SyncService::ListPhotos(
    const std::string& key, const pb::ListDevicePhotosRequest& request) const {
  const absl::StatusOr<DeviceCaller> caller = parts_.access.CheckDevice(key);
  if (!caller.ok()) return caller.status();
  const std::string device =
      rpc::MakeResourceName("studios/*/devices/*", {caller->studio, caller->device});
  const absl::StatusOr<int> size = rpc::PageSize(request.page_size(), 500, 1'000);
  if (!size.ok()) return size.status();
  const absl::StatusOr<std::string> after = rpc::ReadPageToken(request, device);
  if (!after.ok()) return after.status();
  absl::StatusOr<Page<pb::Photo>> page =
      parts_.store.ListDevicePhotos(caller->studio, caller->device, *after, *size);
  if (!page.ok()) return page.status();

  pb::ListDevicePhotosResponse response;
  std::set<std::string> galleries;
  for (pb::Photo& photo : page->items) {
    galleries.insert(GalleryIdOf(photo));
    *response.add_photos() = std::move(photo);
  }
  for (const std::string& id : galleries) {
    absl::StatusOr<std::optional<pb::Gallery>> gallery =
        parts_.store.FindGallery(caller->studio, id);
    if (!gallery.ok()) return gallery.status();
    if (gallery->has_value()) *response.add_galleries() = **std::move(gallery);
  }
  if (!page->next.empty()) {
    response.set_next_page_token(rpc::MakePageToken(request, page->next, device));
  }
  return response;
}

}  // namespace proofline::host
