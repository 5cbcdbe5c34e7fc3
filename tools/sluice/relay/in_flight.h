// InFlight: the envelopes that a shard has taken from the queues and not yet ended or given back,
// so that an operator can be told of them.
//
// A list through the frames of the tasks that hold them: it costs an attempt no allocation. It owns
// nothing. Lives on its shard.
#pragma once

#include <string>

#include "core/assert.h"
#include "spool/spool.h"

namespace sluice::relay {

class InFlight {
 public:
  // In the frame of the task; the envelope and the stage's text outlive it.
  class Entry {
   public:
    Entry(InFlight& list, const spool::WaitingEnvelope& waiting) : list_(list), waiting_(waiting) {
      next_ = list_.first_;
      if (next_ != nullptr) next_->previous_ = this;
      list_.first_ = this;
    }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry() {
      if (next_ != nullptr) next_->previous_ = previous_;
      (previous_ != nullptr ? previous_->next_ : list_.first_) = next_;
    }

    // The host it is being sent to; null: to none yet, or not any more.
    void set_host(const std::string* host) { host_ = host; }

   private:
    friend class InFlight;
    InFlight& list_;
    const spool::WaitingEnvelope& waiting_;
    const std::string* host_ = nullptr;
    Entry* previous_ = nullptr;
    Entry* next_ = nullptr;
  };

  InFlight() = default;
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;
  ~InFlight() { SLUICE_ASSERT(first_ == nullptr, "every task has ended"); }

  // visit(waiting, host) of each, host empty where there is none; until it returns false.
  template <class Visit>
  void for_each(Visit&& visit) const {
    static const std::string kNoHost;
    for (const Entry* entry = first_; entry != nullptr; entry = entry->next_) {
      if (!visit(entry->waiting_, entry->host_ != nullptr ? *entry->host_ : kNoHost)) return;
    }
  }

 private:
  Entry* first_ = nullptr;
};

}  // namespace sluice::relay
