// ReadyQueue: items that are due for one site, first in first out, with an origin each.
//
// The origin is the shard that holds the item's body in memory. A taker gets its own items first
// and those of nobody; an item of another origin only once that origin has let it wait longer than
// its patience. So bodies are read back rarely, and nothing starves behind a busy origin. It
// decides and never waits. Lives on its home shard. Knows no sockets, no spool and no clock.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "core/assert.h"
#include "core/clock.h"

namespace sluice::shaping {

template <class Item>
class ReadyQueue {
 public:
  // Origins are 0 to origins - 1; nobody() stands for items that no origin holds.
  explicit ReadyQueue(std::size_t origins) : fifos_(origins + 1) {}

  std::size_t nobody() const { return fifos_.size() - 1; }

  void push_back(std::size_t origin, Instant since, Item item) {
    fifo(origin).push_back(Entry{since, std::move(item)});
    ++size_;
  }

  // The item that `taker` should have now, if any. patience(origin) is how long items of another
  // origin are left to it; the oldest wins after that handicap.
  template <class Patience>
  std::optional<Item> take_for(std::size_t taker, Instant now, Patience&& patience) {
    std::size_t best = fifos_.size();
    Instant best_since = Instant::far_future();
    for (std::size_t origin = 0; origin < fifos_.size(); ++origin) {
      if (fifos_[origin].empty()) continue;
      const bool is_free = origin == taker || origin == nobody();
      const Instant since =
          fifos_[origin].front().since + (is_free ? Duration(0) : patience(origin));
      if ((!is_free && since > now) || since >= best_since) continue;
      best = origin;
      best_since = since;
    }
    if (best == fifos_.size()) return std::nullopt;
    return take_front(best);
  }

  // When the patience with some origin ends first; far_future() when nothing waits for that.
  template <class Patience>
  Instant next_patience_end(Patience&& patience) const {
    Instant next = Instant::far_future();
    for (std::size_t origin = 0; origin < nobody(); ++origin) {
      if (fifos_[origin].empty()) continue;
      next = std::min(next, fifos_[origin].front().since + patience(origin));
    }
    return next;
  }

  // Takes out every item for which is_wanted(item) holds and gives it to sink(item).
  template <class Wanted, class Sink>
  void extract(Wanted&& is_wanted, Sink&& sink) {
    for (auto& entries : fifos_) {
      auto kept = entries.begin();
      for (Entry& entry : entries) {
        if (is_wanted(entry.item)) {
          sink(std::move(entry.item));
          --size_;
          continue;
        }
        if (&*kept != &entry) *kept = std::move(entry);
        ++kept;
      }
      entries.erase(kept, entries.end());
    }
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // Visits every item, each origin in its order, until visit(item) returns false.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const auto& entries : fifos_) {
      for (const Entry& entry : entries) {
        if (!visit(entry.item)) return;
      }
    }
  }

 private:
  struct Entry {
    Instant since;
    Item item;
  };

  Item take_front(std::size_t origin) {
    auto& entries = fifo(origin);
    SLUICE_ASSERT(!entries.empty(), "take from an empty origin");
    Item item = std::move(entries.front().item);
    entries.pop_front();
    --size_;
    return item;
  }

  std::deque<Entry>& fifo(std::size_t origin) {
    SLUICE_ASSERT(origin < fifos_.size(), "an origin is a shard or nobody");
    return fifos_[origin];
  }

  std::vector<std::deque<Entry>> fifos_;  // by origin; nobody last
  std::size_t size_ = 0;
};

}  // namespace sluice::shaping
