#include "spool/queue_names.h"

#include <algorithm>
#include <mutex>

#include "core/assert.h"

namespace sluice::spool {

std::uint32_t QueueNames::number(std::string_view name) {
  {
    const std::shared_lock lock(mutex_);
    if (const auto found = numbers_.find(name); found != numbers_.end()) return found->second;
  }
  const std::unique_lock lock(mutex_);
  const auto [entry, is_new] = numbers_.try_emplace(std::string(name), next_);
  if (is_new) {
    SLUICE_ASSERT(next_ < UINT32_MAX, "memory ends before four billion names do");
    names_.emplace(next_++, &entry->first);
  }
  return entry->second;
}

std::string QueueNames::name(std::uint32_t number) const {
  const std::shared_lock lock(mutex_);
  const auto found = names_.find(number);
  return found == names_.end() ? std::string() : *found->second;
}

Result<void> QueueNames::load(std::uint32_t number, std::string_view name) {
  const std::unique_lock lock(mutex_);
  const auto by_name = numbers_.find(name);
  const auto by_number = names_.find(number);
  const bool is_known = by_name != numbers_.end() || by_number != names_.end();
  if (is_known) {
    const bool is_same = by_name != numbers_.end() && by_name->second == number;
    if (is_same) return {};
    return fail(ErrorCode::corrupt,
                "the partitions number their queues differently, so they are not of one spool: "
                "put back the directories that belong together");
  }
  const auto [entry, is_new] = numbers_.try_emplace(std::string(name), number);
  SLUICE_ASSERT(is_new, "looked up above");
  names_.emplace(number, &entry->first);
  next_ = std::max(next_, number + 1);
  return {};
}

}  // namespace sluice::spool
