// Orders for tests.
#pragma once

#include <string>
#include <vector>

#include "daemon/order_book.h"
#include "test/daemon/studio_fixture.h"

namespace proofline::studio::test {

inline constexpr char kOrder[] = "studios/demo/orders/order1";

struct Line {
  std::string photo;
  std::string content;  // of the original
  std::string lab = "colour-lab";
  std::string device = "front-desk";
};

inline v1::OrderEvent OrderOf(v1::OrderState state, std::int64_t revision,
                              const std::vector<Line>& lines) {
  v1::OrderEvent event;
  event.set_revision(revision);
  v1::Order& order = *event.mutable_order();
  order.set_name(kOrder);
  order.set_state(state);
  order.set_revision(revision);
  for (const Line& wanted : lines) {
    v1::OrderLine& line = *order.add_lines();
    line.set_line_number(order.lines_size());
    line.set_photo("studios/demo/galleries/g/photos/" + wanted.photo);
    line.set_product("studios/demo/labs/" + wanted.lab + "/products/4x6");
    line.set_quantity(2);
    line.set_original_digest(std::string(base::Sha256Of(wanted.content).bytes()));
    line.set_original_size_bytes(static_cast<std::int64_t>(wanted.content.size()));
    line.set_device("studios/demo/devices/" + wanted.device);
  }
  return event;
}

inline std::unique_ptr<OrderBook> OpenBook(Studio& studio) {
  absl::StatusOr<std::unique_ptr<OrderBook>> book =
      OrderBook::Open(studio.catalog().database(), studio.catalog().device(),
                      {"colour-lab", "other-lab"}, studio.clock());
  REQUIRE(book.ok());
  return *std::move(book);
}

}  // namespace proofline::studio::test
