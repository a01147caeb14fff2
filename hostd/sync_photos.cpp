// What the host tells a device of the device's own photos and customers.
#include <set>

#include "hostd/record_text.h"
#include "hostd/sync_service.h"
#include "lib/rpc/bearer.h"
#include "lib/rpc/call.h"
#include "lib/rpc/page_token.h"
#include "lib/rpc/resource_name.h"

namespace proofline::host {

namespace pb = proofline::v1;

namespace {

// Which of a device's own a request is for.
struct Asked {
  std::string device;
  std::string after;
  int limit = 0;
};

template <typename Request>
absl::StatusOr<Asked> ReadAsked(const DeviceCaller& caller, const Request& request) {
  Asked asked;
  asked.device = rpc::MakeResourceName("studios/*/devices/*", {caller.studio, caller.device});
  const absl::StatusOr<int> size = rpc::PageSize(request.page_size(), 500, 1'000);
  if (!size.ok()) return size.status();
  absl::StatusOr<std::string> after = rpc::ReadPageToken(request, asked.device);
  if (!after.ok()) return after.status();
  asked.limit = *size;
  asked.after = *std::move(after);
  return asked;
}

// For what comes after `next`; empty where nothing does.
template <typename Request>
std::string TokenFor(const Request& request, const std::string& next, const Asked& asked) {
  return next.empty() ? std::string() : rpc::MakePageToken(request, next, asked.device);
}

}  // namespace

grpc::ServerUnaryReactor* SyncService::ListDevicePhotos(grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer* request,
                                                        grpc::ByteBuffer* response) {
  return AnswerDevice<pb::ListDevicePhotosRequest, pb::ListDevicePhotosResponse>(
      context, request, response,
      [this](const DeviceCaller& caller, const pb::ListDevicePhotosRequest& asked) {
        return ListPhotos(caller, asked);
      });
}

absl::StatusOr<pb::ListDevicePhotosResponse> SyncService::ListPhotos(
    const DeviceCaller& caller, const pb::ListDevicePhotosRequest& request) const {
  const absl::StatusOr<Asked> asked = ReadAsked(caller, request);
  if (!asked.ok()) return asked.status();
  absl::StatusOr<Page<pb::Photo>> page =
      parts_.store.ListDevicePhotos(caller.studio, caller.device, asked->after, asked->limit);
  if (!page.ok()) return page.status();

  pb::ListDevicePhotosResponse response;
  std::set<std::string> galleries;
  for (pb::Photo& photo : page->items) {
    galleries.insert(GalleryIdOf(photo));
    *response.add_photos() = std::move(photo);
  }
  for (const std::string& id : galleries) {
    absl::StatusOr<std::optional<pb::Gallery>> gallery =
        parts_.store.FindGallery(caller.studio, id);
    if (!gallery.ok()) return gallery.status();
    if (gallery->has_value()) *response.add_galleries() = **std::move(gallery);
  }
  response.set_next_page_token(TokenFor(request, page->next, *asked));
  return response;
}

grpc::ServerUnaryReactor* SyncService::ListDeviceCustomers(grpc::CallbackServerContext* context,
                                                           const grpc::ByteBuffer* request,
                                                           grpc::ByteBuffer* response) {
  return AnswerDevice<pb::ListDeviceCustomersRequest, pb::ListDeviceCustomersResponse>(
      context, request, response,
      [this](const DeviceCaller& caller, const pb::ListDeviceCustomersRequest& asked) {
        return ListCustomers(caller, asked);
      });
}

absl::StatusOr<pb::ListDeviceCustomersResponse> SyncService::ListCustomers(
    const DeviceCaller& caller, const pb::ListDeviceCustomersRequest& request) const {
  const absl::StatusOr<Asked> asked = ReadAsked(caller, request);
  if (!asked.ok()) return asked.status();
  absl::StatusOr<Page<pb::Customer>> page =
      parts_.store.ListDeviceCustomers(caller.studio, caller.device, asked->after, asked->limit);
  if (!page.ok()) return page.status();
  pb::ListDeviceCustomersResponse response;
  for (pb::Customer& customer : page->items) *response.add_customers() = std::move(customer);
  response.set_next_page_token(TokenFor(request, page->next, *asked));
  return response;
}

}  // namespace proofline::host
