// QueueNames: the number of each queue's name, so that a record holds four bytes for it.
//
// Numbers are the same in all partitions of a spool. A name lives while it is held: by a message on
// its way into the spool, and by each partition that stores it. Then it is forgotten; its number is
// not given to another name before all others were. For any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/error.h"

namespace sluice::spool {

inline constexpr std::size_t kQueueNameBytesMax = 1024;

class QueueHold;

class QueueNames {
 public:
  // The name's number, new where it is not known.
  QueueHold hold(std::string_view name);
  // For a partition: once more for a name that is held, and the end of that.
  void hold(std::uint32_t number);
  void release(std::uint32_t number);

  std::string name(std::uint32_t number) const;  // empty: not known, or forgotten
  std::size_t size() const;

  // A name as a partition has it, held from now on. corrupt when the number or the name is known
  // otherwise.
  Result<void> load(std::uint32_t number, std::string_view name);

 private:
  friend QueueHold;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  struct Numbered {
    std::uint32_t number = 0;
    std::atomic<std::uint32_t> holds{0};  // rises from 0 and falls to it under the lock only
  };
  using Numbers = std::unordered_map<std::string, Numbered, Hash, std::equal_to<>>;
  using Name = Numbers::value_type;
  Name& add(std::string_view name, std::uint32_t number);
  void release(Name& name);

  mutable std::shared_mutex mutex_;
  Numbers numbers_;
  std::unordered_map<std::uint32_t, Name*> names_;  // the entries of numbers_, which stay in place
  std::uint32_t next_ = 1;
};

// Keeps a queue's name known while it lives, which is not longer than its QueueNames do.
class QueueHold {
 public:
  QueueHold() = default;  // of no queue
  QueueHold(QueueHold&& other) noexcept
      : names_(std::exchange(other.names_, nullptr)), name_(std::exchange(other.name_, nullptr)) {}
  QueueHold& operator=(QueueHold&& other) noexcept {
    std::swap(names_, other.names_);
    std::swap(name_, other.name_);
    return *this;
  }
  ~QueueHold() {
    if (name_ != nullptr) names_->release(*name_);
  }

  std::uint32_t number() const { return name_ == nullptr ? 0 : name_->second.number; }
  std::string_view name() const {
    return name_ == nullptr ? std::string_view() : std::string_view(name_->first);
  }

 private:
  friend QueueNames;
  QueueHold(QueueNames& names, QueueNames::Name& name) : names_(&names), name_(&name) {}
  QueueNames* names_ = nullptr;
  QueueNames::Name* name_ = nullptr;
};

}  // namespace sluice::spool
