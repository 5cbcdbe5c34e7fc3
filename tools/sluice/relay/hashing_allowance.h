// HashingAllowance: a share of the machine's processor time, for checking password hashes.
//
// Work that is done is charged; while more was done than the share allows, none begins. A quiet
// time is made up for, up to kHashingCredit, so that some logins at once need not wait. Time of the
// clock is charged, which is more than processor time on a busy machine: the share is an upper
// bound. Pure; belongs to whoever holds the lock.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/assert.h"
#include "core/clock.h"

namespace sluice::relay {

inline constexpr Duration kHashingCredit = std::chrono::seconds(5);

class HashingAllowance {
 public:
  HashingAllowance(std::uint32_t percent, std::size_t cores, Instant now)
      : percent_of_core_(percent * static_cast<std::int64_t>(cores)), free_at_(now) {
    SLUICE_ASSERT(percent_of_core_ > 0, "a share of nothing would check nobody");
  }

  // When work may begin: now or earlier for at once.
  Instant next_start() const { return free_at_; }
  void charge(Instant now, Duration used) {
    free_at_ = std::max(free_at_, now - kHashingCredit) + used * 100 / percent_of_core_;
  }

 private:
  std::int64_t percent_of_core_;  // 150: one and a half cores
  Instant free_at_;
};

}  // namespace sluice::relay
