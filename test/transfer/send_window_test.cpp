#include "lib/transfer/send_window.h"

#include "test/catch.h"

namespace proofline::transfer {

TEST_CASE("a window takes what fits, and one item always when it is empty") {
  SendWindow window(100);
  CHECK(window.Fits(1000));
  window.Sent(1, 60);
  CHECK(window.Fits(40));
  CHECK_FALSE(window.Fits(41));
  window.Sent(5, 40);
  CHECK_FALSE(window.Fits(1));
  CHECK(window.Fits(0));
  CHECK(window.in_flight_bytes() == 100);
  CHECK(window.oldest() == 1u);
  CHECK(window.last_sent() == 5u);
}

TEST_CASE("acknowledgements are cumulative, and old ones change nothing") {
  SendWindow window(100);
  window.Sent(1, 10);
  window.Sent(3, 20);
  window.Sent(7, 30);
  CHECK(window.AcknowledgeUpTo(0) == 0);
  CHECK(window.AcknowledgeUpTo(5) == 2);
  CHECK(window.in_flight_bytes() == 30);
  CHECK(window.AcknowledgeUpTo(5) == 0);
  CHECK(window.oldest() == 7u);
  CHECK(window.AcknowledgeUpTo(9) == 1);
  CHECK(window.in_flight_bytes() == 0);
  CHECK(window.in_flight_items() == 0);
  CHECK_FALSE(window.oldest().has_value());
  CHECK(window.last_sent() == 7u);
}

TEST_CASE("after a break the same sequences are sent again, and a smaller window holds back") {
  SendWindow window(100);
  window.Sent(1, 50);
  window.Sent(2, 50);
  window.Clear();
  CHECK(window.Fits(1000));
  CHECK_FALSE(window.last_sent().has_value());
  window.Sent(1, 50);
  window.SetMaxBytes(40);
  CHECK_FALSE(window.Fits(0));
  window.AcknowledgeUpTo(1);
  CHECK(window.Fits(41));
}

TEST_CASE("a window of nothing sends one item at a time") {
  SendWindow window(0);
  CHECK(window.Fits(10));
  window.Sent(1, 10);
  CHECK_FALSE(window.Fits(1));
  window.AcknowledgeUpTo(1);
  CHECK(window.Fits(1));
}

}  // namespace proofline::transfer
