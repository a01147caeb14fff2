#include "hostd/order_rules.h"

#include <cmath>

#include "lib/rpc/status.h"
#include "test/catch.h"

namespace proofline::host {
namespace {

namespace pb = proofline::v1;

pb::Photo Photo(int width, int height) {
  pb::Photo photo;
  photo.set_name("studios/s/galleries/g/photos/p");
  photo.set_device("studios/s/devices/d");
  photo.set_original_digest(std::string(32, 'x'));
  photo.set_original_size_bytes(77);
  // The original is larger: what counts is the picture after the edit.
  photo.set_width_px(2 * width);
  photo.set_height_px(2 * height);
  photo.set_edited_width_px(width);
  photo.set_edited_height_px(height);
  photo.mutable_edit()->set_rotation_degrees(90);
  return photo;
}

// 6 x 4 inches, borderless, filled.
pb::Product Product() {
  pb::Product product;
  product.set_name("studios/s/labs/l/products/small");
  product.set_display_name("Print 10 x 15 cm");
  product.set_paper_width_um(152'400);
  product.set_paper_height_um(101'600);
  product.set_pixels_per_inch(300);
  return product;
}

pb::OrderLine Line() {
  pb::OrderLine line;
  line.set_photo("studios/s/galleries/g/photos/p");
  line.set_product("studios/s/labs/l/products/small");
  line.set_quantity(2);
  return line;
}

pb::OrderLine WithCrop(double left, double top, double width, double height) {
  pb::OrderLine line = Line();
  line.mutable_print_crop()->set_left(left);
  line.mutable_print_crop()->set_top(top);
  line.mutable_print_crop()->set_width(width);
  line.mutable_print_crop()->set_height(height);
  return line;
}

std::string Reason(const absl::StatusOr<pb::OrderLine>& line) {
  return line.ok() ? "" : rpc::ReasonOf(line.status());
}

LineFacts Facts(int width, int height, const pb::Product& product = Product()) {
  LineFacts facts;
  facts.photo = Photo(width, height);
  facts.product = product;
  return facts;
}

}  // namespace

TEST_CASE("A line carries what the customer saw and where the original is") {
  const auto line = CheckLine(WithCrop(0, 0, 0.5, 0.5), 3, Facts(6000, 4000));
  REQUIRE(line.ok());
  CHECK(line->line_number() == 3);
  CHECK(line->quantity() == 2);
  CHECK(line->edit().rotation_degrees() == 90);
  CHECK(line->original_digest() == std::string(32, 'x'));
  CHECK(line->original_size_bytes() == 77);
  CHECK(line->device() == "studios/s/devices/d");
  CHECK(line->print_crop().width() == 0.5);
  CHECK(line->warning().empty());
}

TEST_CASE("A line names what is missing and its own number") {
  LineFacts facts = Facts(6000, 4000);
  facts.photo.reset();
  auto line = CheckLine(Line(), 7, facts);
  CHECK(Reason(line) == "PHOTO_NOT_FOUND");
  CHECK(absl::IsNotFound(line.status()));
  CHECK(rpc::DetailOf(line.status(), "line") == "7");

  facts = Facts(6000, 4000);
  facts.product.reset();
  line = CheckLine(Line(), 2, facts);
  CHECK(Reason(line) == "PRODUCT_NOT_FOUND");
  CHECK(absl::IsNotFound(line.status()));

  facts = Facts(6000, 4000);
  facts.device_revoked = true;
  line = CheckLine(Line(), 2, facts);
  CHECK(Reason(line) == "DEVICE_REVOKED");
  CHECK(absl::IsFailedPrecondition(line.status()));
}

TEST_CASE("A crop must lie inside the picture") {
  CHECK(Reason(CheckLine(WithCrop(0.6, 0, 0.5, 0.5), 1, Facts(6000, 4000))) == "CROP_INVALID");
  CHECK(Reason(CheckLine(WithCrop(0, 0, 0, 0.5), 1, Facts(6000, 4000))) == "CROP_INVALID");
  CHECK(Reason(CheckLine(WithCrop(-0.1, 0, 0.5, 0.5), 1, Facts(6000, 4000))) == "CROP_INVALID");
  CHECK(Reason(CheckLine(WithCrop(0, 0, std::nan(""), 0.5), 1, Facts(6000, 4000))) ==
        "CROP_INVALID");
}

TEST_CASE("A crop must have the shape of the paper in either orientation") {
  // 3:2 of a 3:2 picture.
  CHECK(CheckLine(WithCrop(0.1, 0.1, 0.5, 0.5), 1, Facts(6000, 4000)).ok());
  // 2:3: 2000 by 3000 pixels.
  CHECK(CheckLine(WithCrop(0, 0, 1.0 / 3, 0.75), 1, Facts(6000, 4000)).ok());
  // Square.
  CHECK(Reason(CheckLine(WithCrop(0, 0, 0.5, 0.75), 1, Facts(6000, 4000))) == "CROP_SHAPE");
  // Within one per cent, and a little beyond.
  CHECK(CheckLine(WithCrop(0, 0, 0.5 * 1.009, 0.5), 1, Facts(6000, 4000)).ok());
  CHECK(Reason(CheckLine(WithCrop(0, 0, 0.5 * 1.03, 0.5), 1, Facts(6000, 4000))) == "CROP_SHAPE");
  // A tiny picture: one pixel is more than one per cent.
  CHECK(CheckLine(WithCrop(0, 0, 0.5, 0.52), 1, Facts(60, 40)).ok());
}

TEST_CASE("A border changes the shape that a crop must have") {
  pb::Product bordered = Product();
  bordered.set_border_um(25'400);  // 4 x 2 inches are left
  CHECK(CheckLine(WithCrop(0, 0, 0.5, 0.375), 1, Facts(6000, 4000, bordered)).ok());
  CHECK(Reason(CheckLine(WithCrop(0, 0, 0.5, 0.5), 1, Facts(6000, 4000, bordered))) ==
        "CROP_SHAPE");
}

TEST_CASE("Any crop suits a product that shows the whole picture") {
  pb::Product fit = Product();
  fit.set_fit(pb::Product::FIT_FIT);
  CHECK(CheckLine(WithCrop(0, 0, 0.2, 0.9), 1, Facts(6000, 4000, fit)).ok());
  CHECK(Reason(CheckLine(WithCrop(0, 0, 1.2, 0.9), 1, Facts(6000, 4000, fit))) == "CROP_INVALID");
}

TEST_CASE("Resolution is what the print takes from the picture") {
  const pb::Product product = Product();
  CHECK(std::lround(PrintResolution(1800, 1200, nullptr, product)) == 300);
  // Too wide: the height decides.
  CHECK(std::lround(PrintResolution(3600, 1200, nullptr, product)) == 300);
  // Portrait is turned.
  CHECK(std::lround(PrintResolution(1200, 1800, nullptr, product)) == 300);
  pb::Crop half;
  half.set_width(0.5);
  half.set_height(0.5);
  CHECK(std::lround(PrintResolution(1800, 1200, &half, product)) == 150);
  pb::Product fit = product;
  fit.set_fit(pb::Product::FIT_FIT);
  // 3600 pixels reach over 6 inches, 1200 over 2 of the 4.
  CHECK(std::lround(PrintResolution(3600, 1200, nullptr, fit)) == 600);
}

TEST_CASE("A low resolution warns or refuses as the product says") {
  pb::Product product = Product();
  product.set_minimum_pixels_per_inch(200);
  auto line = CheckLine(Line(), 1, Facts(1000, 667, product));
  REQUIRE(line.ok());
  CHECK(line->warning().find("167") != std::string::npos);
  CHECK(CheckLine(Line(), 1, Facts(1200, 800, product))->warning().empty());

  product.set_low_resolution(pb::Product::LOW_RESOLUTION_REFUSE);
  line = CheckLine(Line(), 1, Facts(1000, 667, product));
  CHECK(Reason(line) == "RESOLUTION_TOO_LOW");
  CHECK(absl::IsFailedPrecondition(line.status()));
  CHECK(rpc::DetailOf(line.status(), "minimum") == "200");

  product.set_minimum_pixels_per_inch(0);
  CHECK(CheckLine(Line(), 1, Facts(10, 7, product)).ok());
}

TEST_CASE("An order needs lines, but not too many, and sane quantities") {
  pb::Order order;
  CHECK(rpc::ReasonOf(CheckOrder(order)) == "NO_LINES");
  *order.add_lines() = Line();
  CHECK(CheckOrder(order).ok());
  *order.add_lines() = Line();
  for (const int quantity : {0, -1, 10'001}) {
    order.mutable_lines(1)->set_quantity(quantity);
    const absl::Status status = CheckOrder(order);
    CHECK(rpc::ReasonOf(status) == "QUANTITY_INVALID");
    CHECK(rpc::DetailOf(status, "line") == "2");
  }
  order.mutable_lines(1)->set_quantity(10'000);
  CHECK(CheckOrder(order).ok());
  while (order.lines_size() < 500) *order.add_lines() = Line();
  CHECK(CheckOrder(order).ok());
  *order.add_lines() = Line();
  CHECK(rpc::ReasonOf(CheckOrder(order)) == "TOO_MANY_LINES");
  order.mutable_lines()->DeleteSubrange(1, 500);
  order.set_note(std::string(4'001, 'n'));
  CHECK(rpc::ReasonOf(CheckOrder(order)) == "NOTE_TOO_LONG");
}

TEST_CASE("A request id is short printable ASCII") {
  CHECK(CheckRequestId("a").ok());
  CHECK(CheckRequestId(std::string(64, '~')).ok());
  for (const std::string& bad : {std::string(), std::string(65, 'a'), std::string("a\n"),
                                 std::string("\xC3\xA4"), std::string(1, '\0')}) {
    CHECK(rpc::ReasonOf(CheckRequestId(bad)) == "REQUEST_ID_INVALID");
  }
}

TEST_CASE("A new order is released to one share for each device and lab") {
  std::vector<pb::OrderLine> lines(4, Line());
  lines[0].set_device("d1");
  lines[1].set_device("d2");
  lines[2].set_device("d1");
  lines[3].set_device("d1");
  lines[3].set_product("studios/s/labs/other/products/large");
  google::protobuf::Timestamp now;
  now.set_seconds(5);
  const pb::Order order = AssembleOrder("studios/s/customers/c", lines, "hello", now);
  CHECK(order.state() == pb::ORDER_STATE_RELEASED);
  REQUIRE(order.history_size() == 2);
  CHECK(order.history(0).state() == pb::ORDER_STATE_RECEIVED);
  CHECK(order.history(1).time().seconds() == 5);
  REQUIRE(order.shares_size() == 3);
  CHECK(order.shares(0).lab() == "studios/s/labs/l");
  CHECK(order.shares(2).lab() == "studios/s/labs/other");
  CHECK(order.note() == "hello");

  const pb::Order view = ForDevice(order, "d2");
  CHECK(view.lines_size() == 1);
  CHECK(view.shares_size() == 1);
  CHECK(ForDevice(order, "d1").lines_size() == 3);
}

}  // namespace proofline::host
