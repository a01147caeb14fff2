// What the host remembers of this device's photos, for a catalog that is new or built anew.
#pragma once

#include <stop_token>

#include "absl/status/status.h"
#include "daemon/catalog.h"
#include "proofline/v1/sync_service.grpc.pb.h"

namespace proofline::studio {

// Asks the host for the photos and customers that it has of this device, page by page, and has the
// catalog take them up, and what people have said about them later than the catalog knows of.
// Blocks. After an error it may be tried again from the beginning; a host that does not know the
// question yet has nothing to tell. Cancelled when `stop` is requested.
absl::Status FetchHostMemory(v1::SyncService::Stub& host, Catalog& catalog,
                             const std::stop_token& stop);

}  // namespace proofline::studio
