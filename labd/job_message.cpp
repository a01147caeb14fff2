#include "labd/job_message.h"

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include "lib/base/text.h"
#include "lib/imaging/edit_message.h"
#include "lib/rpc/resource_name.h"
#include "lib/rpc/status.h"

namespace proofline::lab {
namespace {

constexpr int kMaxItems = 500;
constexpr int kMaxQuantity = 10'000;

absl::Status Invalid(std::string_view sentence, std::string_view reason, int line) {
  return rpc::Error(absl::StatusCode::kInvalidArgument, sentence, reason,
                    {{"line", std::to_string(line)}});
}

std::string ProductName(std::string_view lab_id, std::string_view product) {
  return rpc::MakeResourceName("labs/*/products/*", {lab_id, product});
}

absl::StatusOr<std::string> ProductOf(const pb::Item& item, std::string_view lab_id,
                                      const Products& products) {
  const auto ids = rpc::ParseResourceName("labs/*/products/*", item.product());
  if (ids.has_value() && ids->at(0) == lab_id && products.contains(ids->at(1))) return ids->at(1);
  return rpc::Error(absl::StatusCode::kNotFound,
                    base::Concat("line ", item.line_number(), " asks for a product that this lab ",
                                 "does not make; ask the lab again for its products"),
                    "PRODUCT_NOT_FOUND",
                    {{"product", item.product()}, {"line", std::to_string(item.line_number())}});
}

absl::Status CheckPicture(const pb::Item& item, std::uint64_t max_original) {
  const int line = item.line_number();
  if (!base::Digest::FromBytes(item.original_digest()).ok()) {
    return Invalid(base::Concat("line ", line, " needs the SHA-256 of its original, 32 bytes"),
                   "DIGEST_INVALID", line);
  }
  if (item.original_size_bytes() < 1) {
    return Invalid(base::Concat("line ", line, " needs the size of its original"), "SIZE_INVALID",
                   line);
  }
  if (static_cast<std::uint64_t>(item.original_size_bytes()) > max_original) {
    return Invalid(base::Concat("the original of line ", line, " is larger than the ",
                                max_original >> 20, " MiB that this lab takes"),
                   "ORIGINAL_TOO_LARGE", line);
  }
  if (absl::Status edit = imaging::Validate(imaging::EditFromMessage(item.edit())); !edit.ok()) {
    return Invalid(base::Concat("the edit of line ", line, ": ", edit.message()), "EDIT_INVALID",
                   line);
  }
  if (item.has_print_crop()) {
    const absl::Status crop = imaging::Validate(imaging::CropFromMessage(item.print_crop()));
    if (!crop.ok()) {
      return Invalid(base::Concat("the print crop of line ", line, ": ", crop.message()),
                     "CROP_INVALID", line);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<record::Item> ItemFromMessage(const pb::Item& message, std::string_view lab_id,
                                             const Products& products, std::uint64_t max_original) {
  const int line = message.line_number();
  if (line < 1) {
    return Invalid("every item needs the number of its order line, from 1", "LINE_INVALID", line);
  }
  if (message.quantity() < 1 || message.quantity() > kMaxQuantity) {
    return Invalid(base::Concat("line ", line, " asks for ", message.quantity(),
                                " prints; ask for 1 to ", kMaxQuantity),
                   "QUANTITY_INVALID", line);
  }
  absl::StatusOr<std::string> product = ProductOf(message, lab_id, products);
  if (!product.ok()) return product.status();
  if (absl::Status picture = CheckPicture(message, max_original); !picture.ok()) return picture;
  record::Item item;
  item.set_line_number(line);
  item.set_product(*std::move(product));
  item.set_quantity(message.quantity());
  item.set_original_digest(message.original_digest());
  item.set_original_size_bytes(message.original_size_bytes());
  *item.mutable_edit() = message.edit();
  if (message.has_print_crop()) *item.mutable_print_crop() = message.print_crop();
  return item;
}

pb::Item ToMessage(const record::Item& item, std::string_view lab_id) {
  pb::Item message;
  message.set_name(
      rpc::MakeResourceName("jobs/*/items/*", {item.job(), std::to_string(item.line_number())}));
  message.set_line_number(item.line_number());
  message.set_product(ProductName(lab_id, item.product()));
  message.set_quantity(item.quantity());
  message.set_original_digest(item.original_digest());
  message.set_original_size_bytes(item.original_size_bytes());
  *message.mutable_edit() = item.edit();
  if (item.has_print_crop()) *message.mutable_print_crop() = item.print_crop();
  message.set_state(item.state());
  message.set_state_message(item.state_message());
  if (!item.printer().empty()) message.set_printer(base::Concat("printers/", item.printer()));
  return message;
}

}  // namespace

std::string OrderNumber(std::string_view order) {
  return std::string(order.substr(order.rfind('/') + 1));
}

pb::Lab ToMessage(std::string_view lab_id, std::string_view lab_name, const Products& products) {
  pb::Lab lab;
  lab.set_name(base::Concat("labs/", lab_id));
  lab.set_display_name(std::string(lab_name));
  lab.set_etag(ProductsEtag(products));
  for (const auto& [id, product] : products) {
    pb::Product& message = *lab.add_products();
    message.set_name(ProductName(lab_id, id));
    message.set_display_name(product.name);
    message.set_paper_width_um(static_cast<int>(product.paper.width_um));
    message.set_paper_height_um(static_cast<int>(product.paper.height_um));
    message.set_border_um(static_cast<int>(product.border_um));
    message.set_pixels_per_inch(product.pixels_per_inch);
    message.set_width_px(product.width_px());
    message.set_height_px(product.height_px());
    message.set_fit(product.fit == imaging::Fit::kFit ? pb::Product::FIT_FIT
                                                      : pb::Product::FIT_FILL);
    message.set_minimum_pixels_per_inch(product.minimum_pixels_per_inch);
    message.set_low_resolution(product.low_resolution == LowResolution::kRefuse
                                   ? pb::Product::LOW_RESOLUTION_REFUSE
                                   : pb::Product::LOW_RESOLUTION_WARN);
    message.set_surface(product.surface);
    message.set_price_text(product.price);
  }
  return lab;
}

pb::Job ToMessage(const JobView& view, std::string_view lab_id, const Spool& spool) {
  pb::Job message;
  message.set_name(base::Concat("jobs/", view.job.id()));
  message.set_order(view.job.order());
  message.set_device(view.job.device());
  message.set_state(view.job.state());
  message.set_state_message(view.job.state_message());
  message.set_revision(view.job.revision());
  *message.mutable_create_time() = view.job.create_time();
  *message.mutable_update_time() = view.job.update_time();
  std::set<std::string> asked;
  for (const record::Item& item : view.items) {
    *message.add_items() = ToMessage(item, lab_id);
    if (view.job.state() != pb::JOB_STATE_OPEN || !asked.insert(item.original_digest()).second) {
      continue;
    }
    const absl::StatusOr<base::Digest> digest = base::Digest::FromBytes(item.original_digest());
    if (digest.ok() && !spool.HasOriginal(view.job.studio(), *digest, item.original_size_bytes())) {
      message.add_missing_originals(item.original_digest());
    }
  }
  return message;
}

absl::StatusOr<JobStore::NewJob> NewJobFromMessage(const pb::Job& message, std::string_view studio,
                                                   std::string_view lab_id,
                                                   const Products& products,
                                                   std::uint64_t max_original) {
  if (!rpc::ParseResourceName("studios/*/orders/*", message.order()).has_value()) {
    return Invalid("a job names its order as studios/STUDIO/orders/ORDER", "ORDER_INVALID", 0);
  }
  if (!rpc::ParseResourceName("studios/*/devices/*", message.device()).has_value()) {
    return Invalid("a job names its device as studios/STUDIO/devices/DEVICE", "DEVICE_INVALID", 0);
  }
  if (message.items_size() < 1 || message.items_size() > kMaxItems) {
    return Invalid(base::Concat("a job has 1 to ", kMaxItems, " items, not ", message.items_size()),
                   "ITEMS_INVALID", 0);
  }
  JobStore::NewJob job;
  job.studio = studio;
  job.order = message.order();
  job.device = message.device();
  std::map<std::string, std::int64_t> sizes;
  for (const pb::Item& item : message.items()) {
    absl::StatusOr<record::Item> read = ItemFromMessage(item, lab_id, products, max_original);
    if (!read.ok()) return read.status();
    const auto known = sizes.emplace(read->original_digest(), read->original_size_bytes());
    if (known.first->second != read->original_size_bytes()) {
      return Invalid(base::Concat("line ", item.line_number(), " gives its original another size ",
                                  "than a line before"),
                     "SIZE_INVALID", item.line_number());
    }
    job.items.push_back(*std::move(read));
  }
  std::sort(job.items.begin(), job.items.end(),
            [](const auto& a, const auto& b) { return a.line_number() < b.line_number(); });
  const auto twice = std::adjacent_find(
      job.items.begin(), job.items.end(),
      [](const auto& a, const auto& b) { return a.line_number() == b.line_number(); });
  if (twice != job.items.end()) {
    return Invalid(base::Concat("line ", twice->line_number(), " stands in the job twice"),
                   "LINE_INVALID", twice->line_number());
  }
  return job;
}

}  // namespace proofline::lab
