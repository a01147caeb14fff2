#include "daemon/host_memory.h"

#include <spdlog/spdlog.h>

#include <chrono>

#include "lib/rpc/channel.h"
#include "lib/rpc/status.h"

namespace proofline::studio {

namespace pb = proofline::v1;

namespace {

constexpr std::chrono::milliseconds kPageTimeout = std::chrono::minutes(1);

absl::Status FetchCustomers(pb::SyncService::Stub& host, Catalog& catalog,
                            const std::stop_token& stop) {
  pb::ListDeviceCustomersRequest request;
  do {
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    pb::ListDeviceCustomersResponse response;
    rpc::ClientCall call(stop, kPageTimeout);
    absl::Status status =
        rpc::FromGrpc(host.ListDeviceCustomers(call.context(), request, &response));
    // One that is older than the question.
    if (absl::IsUnimplemented(status)) return absl::OkStatus();
    if (status.ok()) status = catalog.RememberCustomers(response.customers());
    if (!status.ok()) return status;
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

}  // namespace

absl::Status FetchHostMemory(pb::SyncService::Stub& host, Catalog& catalog,
                             const std::stop_token& stop) {
  if (catalog.phase() == record::CATALOG_PHASE_REOPENING) {
    if (absl::Status status = catalog.Reopen(); !status.ok()) return status;
  }
  pb::ListDevicePhotosRequest request;
  std::int64_t known = 0;
  do {
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    pb::ListDevicePhotosResponse response;
    rpc::ClientCall call(stop, kPageTimeout);
    absl::Status status = rpc::FromGrpc(host.ListDevicePhotos(call.context(), request, &response));
    if (absl::IsUnimplemented(status)) {
      spdlog::warn("the host cannot say which photos of this device it has; all are sent to it");
      break;
    }
    if (status.ok()) status = catalog.RememberPhotos(response.photos(), response.galleries());
    if (!status.ok()) return status;
    known += response.photos_size();
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  if (known > 0) {
    spdlog::info("the host has {} photos of this device; they are looked for in the folders",
                 known);
  }
  if (absl::Status status = FetchCustomers(host, catalog, stop); !status.ok()) return status;
  return catalog.FinishRemembering(known);
}

}  // namespace proofline::studio
