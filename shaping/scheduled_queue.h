// ScheduledQueue: items that wait until an instant, taken in the order of their instants.
//
// A binary heap over a deque: a million items cost log n moves each and no rehash or doubling of
// memory, and what has left gives its memory back. Instants are monotonic, so a jump of the wall
// clock neither stalls nor hurries what waits here.
// Lives on one shard. Knows no clock: the caller sleeps until next().
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <utility>

#include "core/assert.h"
#include "core/clock.h"

namespace sluice::shaping {

template <class Item>
class ScheduledQueue {
 public:
  void push(Instant due, Item item) {
    heap_.push_back(Entry{due, std::move(item)});
    std::push_heap(heap_.begin(), heap_.end(), is_later);
  }

  // Takes the earliest item. There must be one.
  Item pop() {
    SLUICE_ASSERT(!heap_.empty(), "pop from an empty schedule");
    std::pop_heap(heap_.begin(), heap_.end(), is_later);
    Item item = std::move(heap_.back().item);
    heap_.pop_back();
    return item;
  }

  // Takes out every item for which is_wanted(item) holds and gives it to sink(due, item).
  template <class Wanted, class Sink>
  void extract(Wanted&& is_wanted, Sink&& sink) {
    const auto wanted = std::partition(heap_.begin(), heap_.end(),
                                       [&](const Entry& entry) { return !is_wanted(entry.item); });
    for (auto entry = wanted; entry != heap_.end(); ++entry) {
      sink(entry->due, std::move(entry->item));
    }
    heap_.erase(wanted, heap_.end());
    std::make_heap(heap_.begin(), heap_.end(), is_later);
  }

  // When the earliest item is due; far_future() when none waits.
  Instant next() const { return heap_.empty() ? Instant::far_future() : heap_.front().due; }
  bool has_due(Instant now) const { return !heap_.empty() && heap_.front().due <= now; }

  std::size_t size() const { return heap_.size(); }
  bool empty() const { return heap_.empty(); }

  // Visits every item in no particular order, until visit(item) returns false.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const Entry& entry : heap_) {
      if (!visit(entry.item)) return;
    }
  }

 private:
  struct Entry {
    Instant due;
    Item item;
  };
  static bool is_later(const Entry& a, const Entry& b) { return a.due > b.due; }

  std::deque<Entry> heap_;
};

}  // namespace sluice::shaping
