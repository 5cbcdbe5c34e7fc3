// QueueCensus: how many envelopes use each queue's name, so that a name goes when its queue has
// been idle for a while.
//
// The names are those that the partition stores, and it holds each in QueueNames. Part of Census,
// and like it the committer's.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "spool/queue_names.h"

namespace sluice::spool {

using QueueUses = std::unordered_map<std::uint32_t, std::uint64_t>;  // envelopes by queue

class QueueCensus {
 public:
  QueueCensus(QueueNames& names, const std::vector<std::uint32_t>& stored) : names_(names) {
    for (const std::uint32_t queue : stored) uses_.emplace(queue, Use());
  }

  bool is_stored(std::uint32_t queue) const { return uses_.contains(queue); }
  void add(std::uint32_t queue);
  void end(std::uint32_t queue);
  // Its name is no longer stored. Only for an idle one.
  void remove(std::uint32_t queue);

  void keep();
  void forget();
  void merge(const QueueUses& recovered);

  // Queues that no envelope has used since they were told of the last time.
  std::vector<std::uint32_t> take_empty();
  // Whether a queue that was told of has been empty ever since. Else it will be told of again.
  bool is_idle(std::uint32_t queue);

  std::size_t size() const { return uses_.size(); }

 private:
  struct Use {
    std::uint64_t envelopes = 0;
    bool is_told = false;
    bool was_used = false;  // since it was told of
  };
  void tell_if_empty(std::uint32_t queue, Use& use);

  QueueNames& names_;
  std::unordered_map<std::uint32_t, Use> uses_;
  struct Change {
    std::uint32_t queue;
    bool is_end;
    bool is_new_name;
  };
  std::vector<Change> pending_;  // undone backwards by forget()
  std::vector<std::uint32_t> removed_;
  std::vector<std::uint32_t> empty_;
};

}  // namespace sluice::spool
