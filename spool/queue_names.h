// QueueNames: the number of each queue's name, so that a record holds four bytes for it.
//
// Numbers are the same in all partitions of a spool and stay while the process runs; each partition
// stores the names that its records use. For any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/error.h"

namespace sluice::spool {

inline constexpr std::size_t kQueueNameBytesMax = 1024;

class QueueNames {
 public:
  std::uint32_t number(std::string_view name);
  std::string name(std::uint32_t number) const;  // empty: never given out

  // A name as a partition has it. corrupt when the number or the name is known otherwise.
  Result<void> load(std::uint32_t number, std::string_view name);

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> numbers_;
  std::unordered_map<std::uint32_t, const std::string*> names_;  // point into the keys of numbers_
  std::uint32_t next_ = 1;
};

}  // namespace sluice::spool
