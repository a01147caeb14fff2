// What may be ordered, and how an order goes on. Pure: no store, no clock, no network.
//
// Order of calls: CheckOrder, CheckLine for each line, AssembleOrder; then, for the order's life,
// ApplyProgress and Cancel.
#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proofline/v1/lab.pb.h"
#include "proofline/v1/order.pb.h"
#include "proofline/v1/photo.pb.h"
#include "proofline/v1/sync_service.pb.h"

namespace proofline::host {

inline constexpr int kMaxOrderLines = 500;
inline constexpr int kMaxQuantity = 10'000;
inline constexpr std::size_t kMaxNoteBytes = 4'000;

// 1 to 64 printable ASCII characters; else REQUEST_ID_INVALID.
absl::Status CheckRequestId(std::string_view request_id);
// Lines and note as far as they can be judged by themselves: NO_LINES, TOO_MANY_LINES,
// QUANTITY_INVALID, NOTE_TOO_LONG.
absl::Status CheckOrder(const proofline::v1::Order& wanted);

// What the host knows about the things that a line names.
struct LineFacts {
  // Absent if there is none or the customer may not see it: both are answered alike.
  std::optional<proofline::v1::Photo> photo;
  std::optional<proofline::v1::Product> product;
  bool device_revoked = false;
};

// The line as it will be printed: with number, edit, original, device and, where the resolution is
// low, a warning. Refusals name the line: PHOTO_NOT_FOUND, PRODUCT_NOT_FOUND, CROP_INVALID,
// CROP_SHAPE, RESOLUTION_TOO_LOW, DEVICE_REVOKED.
//
// A crop must have the shape of the paper inside its border, in either orientation, within 1 % or
// one pixel; for products that show the whole picture any crop is right.
absl::StatusOr<proofline::v1::OrderLine> CheckLine(const proofline::v1::OrderLine& wanted,
                                                   int line_number, const LineFacts& facts);

// Pixels of the picture for each inch of the print, for a picture of this size (after the edit)
// with this crop.
double PrintResolution(int edited_width_px, int edited_height_px, const proofline::v1::Crop* crop,
                       const proofline::v1::Product& product);

// A new order over checked lines: received, and released at once to its shares, one for each device
// and lab that a line names.
proofline::v1::Order AssembleOrder(std::string_view customer,
                                   std::vector<proofline::v1::OrderLine> lines,
                                   std::string_view note, const google::protobuf::Timestamp& now);

// The table of an order's life: whether `to` may follow `from`. A state never follows itself.
bool MayFollow(proofline::v1::OrderState from, proofline::v1::OrderState to);

// How far an order is, judged by its shares and lines alone.
proofline::v1::OrderState StateOfShares(const proofline::v1::Order& order);

// Takes a device's report into the order. False if it changes nothing (an old report, or one sent
// again). NotFound if the device has no share at that lab; InvalidArgument for a report without
// state or revision, or about lines that are not the share's.
absl::StatusOr<bool> ApplyProgress(proofline::v1::Order& order, std::string_view device,
                                   const proofline::v1::ReportProgressRequest& report,
                                   const google::protobuf::Timestamp& now);

// Cancels the order. False if it is cancelled already; FailedPrecondition (TOO_LATE) once a lab has
// begun to print, or may have.
absl::StatusOr<bool> Cancel(proofline::v1::Order& order, std::string_view message,
                            const google::protobuf::Timestamp& now);

// The order as one device sees it: its own lines and shares.
proofline::v1::Order ForDevice(const proofline::v1::Order& order, std::string_view device);

}  // namespace proofline::host
