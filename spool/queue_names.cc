#include "spool/queue_names.h"

#include <algorithm>
#include <mutex>

#include "core/assert.h"

namespace sluice::spool {

QueueHold QueueNames::hold(std::string_view name) {
  {
    const std::shared_lock lock(mutex_);
    if (const auto found = numbers_.find(name); found != numbers_.end()) {
      found->second.holds.fetch_add(1);
      return {*this, *found};
    }
  }
  const std::unique_lock lock(mutex_);
  auto found = numbers_.find(name);
  if (found != numbers_.end()) {
    found->second.holds.fetch_add(1);
    return {*this, *found};
  }
  while (next_ == 0 || names_.contains(next_)) ++next_;
  return {*this, add(name, next_++)};
}

QueueNames::Name& QueueNames::add(std::string_view name, std::uint32_t number) {
  const auto [entry, is_new] = numbers_.try_emplace(std::string(name));
  SLUICE_ASSERT(is_new, "whoever adds a name has looked for it");
  entry->second.number = number;
  entry->second.holds.store(1);
  names_.emplace(number, &*entry);
  return *entry;
}

void QueueNames::hold(std::uint32_t number) {
  const std::shared_lock lock(mutex_);
  const auto found = names_.find(number);
  SLUICE_ASSERT(found != names_.end(), "only a name that is held is held once more");
  found->second->second.holds.fetch_add(1);
}

void QueueNames::release(std::uint32_t number) {
  Name* name = nullptr;
  {
    const std::shared_lock lock(mutex_);
    const auto found = names_.find(number);
    SLUICE_ASSERT(found != names_.end(), "a name lives while it is held");
    name = found->second;
  }
  release(*name);
}

// The last hold ends under the lock: who has only the entry's address, which is no longer good once
// the count is zero, never brings it there without.
void QueueNames::release(Name& name) {
  auto holds = name.second.holds.load();
  while (holds > 1) {
    if (name.second.holds.compare_exchange_weak(holds, holds - 1)) return;
  }
  const std::unique_lock lock(mutex_);
  if (name.second.holds.fetch_sub(1) > 1) return;
  names_.erase(name.second.number);
  numbers_.erase(numbers_.find(name.first));
}

std::string QueueNames::name(std::uint32_t number) const {
  const std::shared_lock lock(mutex_);
  const auto found = names_.find(number);
  return found == names_.end() ? std::string() : found->second->first;
}

std::size_t QueueNames::size() const {
  const std::shared_lock lock(mutex_);
  return names_.size();
}

Result<void> QueueNames::load(std::uint32_t number, std::string_view name) {
  const std::unique_lock lock(mutex_);
  const auto by_name = numbers_.find(name);
  const bool is_known = by_name != numbers_.end() || names_.contains(number);
  if (!is_known) {
    add(name, number);
    next_ = std::max(next_, number + 1);
    return {};
  }
  if (by_name == numbers_.end() || by_name->second.number != number) {
    return fail(ErrorCode::corrupt,
                "the partitions number their queues differently, so they are not of one spool: "
                "put back the directories that belong together");
  }
  by_name->second.holds.fetch_add(1);
  return {};
}

}  // namespace sluice::spool
