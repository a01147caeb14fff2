// The cart: what may be ordered.
#include "hostd/order_rules.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "hostd/record_text.h"
#include "lib/base/text.h"
#include "lib/imaging/edit_message.h"
#include "lib/rpc/status.h"

namespace proofline::host {

namespace pb = proofline::v1;

namespace {

constexpr double kMicrometresPerInch = 25'400;
constexpr double kShapeTolerance = 0.01;
constexpr double kShapeTolerancePixels = 1;

absl::Status LineError(absl::StatusCode code, int line_number, std::string_view what,
                       std::string_view reason, std::map<std::string, std::string> details = {}) {
  details["line"] = base::Concat(line_number);
  return rpc::Error(code, base::Concat("line ", line_number, ": ", what), reason, details);
}

struct Size {
  double width = 0;
  double height = 0;
};

// The paper inside its border, in inches.
Size RoomOf(const pb::Product& product) {
  return {(product.paper_width_um() - 2.0 * product.border_um()) / kMicrometresPerInch,
          (product.paper_height_um() - 2.0 * product.border_um()) / kMicrometresPerInch};
}

long Millimetres(double inches) { return std::lround(inches * 25.4); }

// Turned as the lab turns it for this picture.
Size RoomFor(Size picture, Size room) {
  const bool turn = (picture.width > picture.height && room.width < room.height) ||
                    (picture.width < picture.height && room.width > room.height);
  if (turn) std::swap(room.width, room.height);
  return room;
}

bool HasShape(Size picture, Size room) {
  const double shape = room.width / room.height;
  return std::abs(picture.width / picture.height / shape - 1) <= kShapeTolerance ||
         std::abs(picture.width - picture.height * shape) <= kShapeTolerancePixels ||
         std::abs(picture.height - picture.width / shape) <= kShapeTolerancePixels;
}

Size Picture(int width_px, int height_px, const pb::Crop* crop) {
  if (crop == nullptr) return {double(width_px), double(height_px)};
  return {width_px * crop->width(), height_px * crop->height()};
}

absl::Status CheckCrop(const pb::OrderLine& wanted, int line_number, const pb::Photo& photo,
                       const pb::Product& product) {
  if (!wanted.has_print_crop()) return absl::OkStatus();
  const absl::Status valid = imaging::Validate(imaging::CropFromMessage(wanted.print_crop()));
  if (!valid.ok()) {
    return LineError(absl::StatusCode::kInvalidArgument, line_number, base::ToStd(valid.message()),
                     "CROP_INVALID", {{"photo", wanted.photo()}});
  }
  if (product.fit() == pb::Product::FIT_FIT) return absl::OkStatus();
  const Size picture =
      Picture(photo.edited_width_px(), photo.edited_height_px(), &wanted.print_crop());
  const Size room = RoomOf(product);
  if (HasShape(picture, room) || HasShape(picture, {room.height, room.width})) {
    return absl::OkStatus();
  }
  return LineError(absl::StatusCode::kInvalidArgument, line_number,
                   base::Concat("the crop is ", std::lround(picture.width), " by ",
                                std::lround(picture.height), " pixels, which is not the shape of ",
                                product.display_name(), "; leave it out, or crop to the shape of ",
                                Millimetres(room.width), " by ", Millimetres(room.height), " mm"),
                   "CROP_SHAPE",
                   {{"photo", wanted.photo()},
                    {"product", wanted.product()},
                    {"ratio", std::to_string(room.width / room.height)}});
}

// Sets a warning where the product only warns.
absl::Status CheckResolution(pb::OrderLine& line, const pb::Photo& photo,
                             const pb::Product& product) {
  const int minimum = product.minimum_pixels_per_inch();
  const double resolution =
      PrintResolution(photo.edited_width_px(), photo.edited_height_px(),
                      line.has_print_crop() ? &line.print_crop() : nullptr, product);
  // A picture of just the right size must not fail by rounding.
  if (minimum <= 0 || resolution + 0.5 >= minimum) return absl::OkStatus();
  const std::string figures =
      base::Concat("the picture has ", std::lround(resolution), " pixels per inch at this size, ",
                   product.display_name(), " asks for ", minimum);
  if (product.low_resolution() == pb::Product::LOW_RESOLUTION_REFUSE) {
    return LineError(absl::StatusCode::kFailedPrecondition, line.line_number(),
                     base::Concat(figures, "; choose a smaller print or a larger crop"),
                     "RESOLUTION_TOO_LOW",
                     {{"photo", line.photo()},
                      {"product", line.product()},
                      {"pixels_per_inch", base::Concat(std::lround(resolution))},
                      {"minimum", base::Concat(minimum)}});
  }
  line.set_warning(base::Concat(figures, "; the print may look soft"));
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckRequestId(std::string_view request_id) {
  const bool printable = std::all_of(request_id.begin(), request_id.end(),
                                     [](char c) { return c >= 0x20 && c <= 0x7E; });
  if (!request_id.empty() && request_id.size() <= 64 && printable) return absl::OkStatus();
  return rpc::Error(absl::StatusCode::kInvalidArgument,
                    "a request_id has 1 to 64 printable ASCII characters; best send a random UUID",
                    "REQUEST_ID_INVALID");
}

absl::Status CheckOrder(const pb::Order& wanted) {
  if (wanted.lines().empty()) {
    return rpc::Error(absl::StatusCode::kInvalidArgument,
                      "an order needs at least one line; add a photo and a product", "NO_LINES");
  }
  if (wanted.lines_size() > kMaxOrderLines) {
    return rpc::Error(absl::StatusCode::kInvalidArgument,
                      base::Concat("an order has at most ", kMaxOrderLines, " lines, not ",
                                   wanted.lines_size(), "; make two of it"),
                      "TOO_MANY_LINES", {{"lines", base::Concat(wanted.lines_size())}});
  }
  if (wanted.note().size() > kMaxNoteBytes) {
    return rpc::Error(absl::StatusCode::kInvalidArgument,
                      base::Concat("a note has at most ", kMaxNoteBytes, " bytes; shorten it"),
                      "NOTE_TOO_LONG");
  }
  for (int i = 0; i < wanted.lines_size(); ++i) {
    const int quantity = wanted.lines(i).quantity();
    if (quantity >= 1 && quantity <= kMaxQuantity) continue;
    return LineError(absl::StatusCode::kInvalidArgument, i + 1,
                     base::Concat("a line orders 1 to ", kMaxQuantity, " prints, not ", quantity),
                     "QUANTITY_INVALID", {{"quantity", base::Concat(quantity)}});
  }
  return absl::OkStatus();
}

double PrintResolution(int edited_width_px, int edited_height_px, const pb::Crop* crop,
                       const pb::Product& product) {
  Size picture = Picture(edited_width_px, edited_height_px, crop);
  const Size room = RoomFor(picture, RoomOf(product));
  const double across = picture.width / room.width;
  const double down = picture.height / room.height;
  // Filling cuts off what is too long: the side with fewer pixels decides. Fitting leaves paper
  // white: the side that reaches the edge decides, and that is the one with more.
  return product.fit() == pb::Product::FIT_FIT ? std::max(across, down) : std::min(across, down);
}

absl::StatusOr<pb::OrderLine> CheckLine(const pb::OrderLine& wanted, int line_number,
                                        const LineFacts& facts) {
  if (!facts.photo.has_value()) {
    return LineError(absl::StatusCode::kNotFound, line_number,
                     "there is no such photo for this customer; take it out of the order",
                     "PHOTO_NOT_FOUND", {{"photo", wanted.photo()}});
  }
  if (!facts.product.has_value()) {
    return LineError(absl::StatusCode::kNotFound, line_number,
                     "none of the studio's labs makes this product; choose one of the products "
                     "that can be ordered",
                     "PRODUCT_NOT_FOUND", {{"product", wanted.product()}});
  }
  if (facts.device_revoked) {
    return LineError(absl::StatusCode::kFailedPrecondition, line_number,
                     "the original of this photo cannot be reached any more; ask the studio",
                     "DEVICE_REVOKED", {{"photo", wanted.photo()}});
  }
  const pb::Photo& photo = *facts.photo;
  absl::Status status = CheckCrop(wanted, line_number, photo, *facts.product);
  if (!status.ok()) return status;

  pb::OrderLine line;
  line.set_line_number(line_number);
  line.set_photo(photo.name());
  line.set_product(facts.product->name());
  line.set_quantity(wanted.quantity());
  if (wanted.has_print_crop()) *line.mutable_print_crop() = wanted.print_crop();
  if (photo.has_edit()) *line.mutable_edit() = photo.edit();
  line.set_original_digest(photo.original_digest());
  line.set_original_size_bytes(photo.original_size_bytes());
  line.set_device(photo.device());
  status = CheckResolution(line, photo, *facts.product);
  if (!status.ok()) return status;
  return line;
}

pb::Order AssembleOrder(std::string_view customer, std::vector<pb::OrderLine> lines,
                        std::string_view note, const google::protobuf::Timestamp& now) {
  pb::Order order;
  order.set_customer(std::string(customer));
  order.set_note(std::string(note));
  for (pb::OrderLine& line : lines) {
    const std::string lab = line.product().substr(0, line.product().rfind("/products/"));
    const auto share =
        std::find_if(order.shares().begin(), order.shares().end(), [&](const pb::OrderShare& one) {
          return one.device() == line.device() && one.lab() == lab;
        });
    if (share == order.shares().end()) {
      pb::OrderShare& added = *order.add_shares();
      added.set_device(line.device());
      added.set_lab(lab);
    }
    *order.add_lines() = std::move(line);
  }
  for (const pb::OrderState state : {pb::ORDER_STATE_RECEIVED, pb::ORDER_STATE_RELEASED}) {
    pb::OrderStateChange& step = *order.add_history();
    step.set_state(state);
    *step.mutable_time() = now;
    order.set_state(state);
  }
  return order;
}

pb::Order ForDevice(const pb::Order& order, std::string_view device) {
  pb::Order view = order;
  auto& lines = *view.mutable_lines();
  lines.erase(std::remove_if(lines.begin(), lines.end(),
                             [&](const pb::OrderLine& line) { return line.device() != device; }),
              lines.end());
  auto& shares = *view.mutable_shares();
  shares.erase(std::remove_if(shares.begin(), shares.end(),
                              [&](const pb::OrderShare& one) { return one.device() != device; }),
               shares.end());
  return view;
}

}  // namespace proofline::host
