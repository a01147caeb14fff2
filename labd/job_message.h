// Jobs between the wire API and the store.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "labd/job_store.h"
#include "labd/lab_config.h"
#include "labd/product.h"
#include "labd/spool.h"
#include "proofline/v1/lab.pb.h"

namespace proofline::lab {

// The lab and its products.
pb::Lab ToMessage(std::string_view lab_id, std::string_view lab_name, const Products& products);

// A job as it is seen outside. Asks the spool which originals an open job lacks.
pb::Job ToMessage(const JobView& view, std::string_view lab_id, const Spool& spool);

// What a studio may ask for. Reads `order`, `device` and `items` only. InvalidArgument, and
// NotFound (reason PRODUCT_NOT_FOUND), each naming the item. Everything from outside is checked
// here; nothing of it becomes a path.
absl::StatusOr<JobStore::NewJob> NewJobFromMessage(const pb::Job& message, std::string_view studio,
                                                   std::string_view lab_id,
                                                   const Products& products,
                                                   std::uint64_t max_original);

// Last part of an order's name, "studios/demo/orders/7" → "7".
std::string OrderNumber(std::string_view order);

}  // namespace proofline::lab
