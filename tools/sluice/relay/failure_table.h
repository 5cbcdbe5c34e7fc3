// FailureTable: how often something failed within a window of time, for each of many keys.
//
// A window begins with the first attempt and ends with its length. The table is bounded: when it is
// full, the key whose window is the oldest is forgotten. Pure; not for several threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>

#include "core/clock.h"

namespace sluice::relay {

struct AttemptCount {
  std::uint32_t failures = 0;  // those that are under way included
  std::uint32_t refusals = 0;  // attempts that were not looked at
};

template <class Key, class Hash = std::hash<Key>>
class FailureTable {
 public:
  FailureTable(Duration window, std::size_t keys_max) : window_(window), keys_max_(keys_max) {}

  // What is counted now; it may be changed until the next call.
  AttemptCount& at(const Key& key, Instant now) {
    forget_old(now);
    if (const auto known = keys_.find(key); known != keys_.end()) return known->second->count;
    if (keys_.size() >= keys_max_) forget_oldest();
    entries_.push_back({key, now + window_, {}});
    keys_.emplace(key, std::prev(entries_.end()));
    return entries_.back().count;
  }

  // The same for a key that may be forgotten already; then nothing is counted.
  AttemptCount* find(const Key& key, Instant now) {
    forget_old(now);
    const auto known = keys_.find(key);
    return known == keys_.end() ? nullptr : &known->second->count;
  }

  std::size_t size() const { return keys_.size(); }

 private:
  struct Entry {
    Key key;
    Instant until;
    AttemptCount count;
  };

  void forget_old(Instant now) {
    while (!entries_.empty() && entries_.front().until <= now) forget_oldest();
  }
  void forget_oldest() {
    keys_.erase(entries_.front().key);
    entries_.pop_front();
  }

  Duration window_;
  std::size_t keys_max_;
  std::list<Entry> entries_;  // the oldest window first
  std::unordered_map<Key, typename std::list<Entry>::iterator, Hash> keys_;
};

}  // namespace sluice::relay
