#include "labd/waiting_items.h"

#include <algorithm>

namespace proofline::lab {

void WaitingItems::Update(const JobView& view) {
  {
    const std::lock_guard lock(mutex_);
    for (const record::Item& item : view.items) {
      ItemKey key{view.job.id(), item.line_number()};
      const bool waits = item.state() == pb::ITEM_STATE_READY ||
                         item.state() == pb::ITEM_STATE_RENDERING ||
                         item.state() == pb::ITEM_STATE_RENDERED;
      if (waits) {
        entries_[std::move(key)] = {item.product(), item.printer(), item.state()};
      } else {
        entries_.erase(key);
      }
    }
    ++version_;
  }
  changed_.notify_all();
}

std::optional<ItemKey> WaitingItems::First(const std::function<bool(const Entry&)>& matches) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [key, entry] : entries_) {
    if (matches(entry)) return key;
  }
  return std::nullopt;
}

std::optional<ItemKey> WaitingItems::NextFree(const std::set<std::string>& products) const {
  return First([&](const Entry& entry) {
    return entry.printer.empty() && products.contains(entry.product);
  });
}

std::optional<ItemKey> WaitingItems::NextToPrint(std::string_view printer) const {
  return First([&](const Entry& entry) {
    return entry.printer == printer && entry.state == pb::ITEM_STATE_RENDERED;
  });
}

int WaitingItems::Ahead(std::string_view printer) const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(std::count_if(entries_.begin(), entries_.end(), [&](const auto& known) {
    return known.second.printer == printer;
  }));
}

std::vector<ItemKey> WaitingItems::RenderedFor(std::string_view printer) const {
  const std::lock_guard lock(mutex_);
  std::vector<ItemKey> found;
  for (const auto& [key, entry] : entries_) {
    if (entry.printer == printer && entry.state == pb::ITEM_STATE_RENDERED) found.push_back(key);
  }
  return found;
}

int WaitingItems::WaitingFor(std::string_view printer,
                             const std::set<std::string>& products) const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(std::count_if(entries_.begin(), entries_.end(), [&](const auto& known) {
    const Entry& entry = known.second;
    return entry.printer == printer || (entry.printer.empty() && products.contains(entry.product));
  }));
}

std::uint64_t WaitingItems::version() const {
  const std::lock_guard lock(mutex_);
  return version_;
}

std::uint64_t WaitingItems::WaitBeyond(std::uint64_t version, const std::stop_token& stop,
                                       base::Duration longest) const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, stop, longest, [&] { return version_ > version; });
  return version_;
}

void WaitingItems::Wake() {
  {
    const std::lock_guard lock(mutex_);
    ++version_;
  }
  changed_.notify_all();
}

}  // namespace proofline::lab
