// What waits to be rendered and printed: the part of the store that the printers need at hand.
#pragma once

#include <compare>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>

#include "labd/job_store.h"
#include "lib/base/clock.h"

namespace proofline::lab {

// Names an item. Ordered by age: the ids of jobs sort by the time they were made.
struct ItemKey {
  std::string job;
  int line = 0;

  friend bool operator==(const ItemKey&, const ItemKey&) = default;
  friend auto operator<=>(const ItemKey&, const ItemKey&) = default;
};

// Thread-safe, in memory only, some hundred bytes for each item that waits. Fed by the store's
// listener, so that it never knows more or less than what is durable.
class WaitingItems {
 public:
  // Takes over what the job looks like now.
  void Update(const JobView& view);
  // The oldest item of these products that no printer has taken, rendered or not.
  std::optional<ItemKey> NextFree(const std::set<std::string>& products) const;
  // The oldest rendered item that this printer has taken.
  std::optional<ItemKey> NextToPrint(std::string_view printer) const;
  // Items that this printer has taken and not begun to print.
  int Ahead(std::string_view printer) const;
  // All that printer has taken, rendered, and not begun to print.
  std::vector<ItemKey> RenderedFor(std::string_view printer) const;
  // Items that wait for this printer: its own, and those of its products that are free.
  int WaitingFor(std::string_view printer, const std::set<std::string>& products) const;

  // Grows whenever something changes. WaitBeyond blocks until it is greater than `version`, `stop`
  // is requested, or the time is over; returns it.
  std::uint64_t version() const;
  std::uint64_t WaitBeyond(std::uint64_t version, const std::stop_token& stop,
                           base::Duration longest) const;
  // Something outside that the printers look at has changed.
  void Wake();

 private:
  struct Entry {
    std::string product;
    std::string printer;
    pb::ItemState state = pb::ITEM_STATE_READY;
  };
  std::optional<ItemKey> First(const std::function<bool(const Entry&)>& matches) const;

  mutable std::mutex mutex_;
  mutable std::condition_variable_any changed_;
  std::map<ItemKey, Entry> entries_;
  std::uint64_t version_ = 0;
};

}  // namespace proofline::lab
