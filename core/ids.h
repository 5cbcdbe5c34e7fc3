// StrongId: an identifier. It can be compared, hashed and printed, never added or defaulted.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace sluice {

template <class Tag, class Number>
class StrongId {
 public:
  constexpr explicit StrongId(Number value) : value_(value) {}
  constexpr Number value() const { return value_; }
  friend constexpr auto operator<=>(StrongId, StrongId) = default;

 private:
  Number value_;
};

// A shard of this process: 0 to N-1. Shard 0 accepts connections.
using ShardId = StrongId<struct ShardIdTag, std::uint16_t>;

}  // namespace sluice

template <class Tag, class Number>
struct std::hash<sluice::StrongId<Tag, Number>> {
  std::size_t operator()(sluice::StrongId<Tag, Number> id) const noexcept {
    return std::hash<Number>()(id.value());
  }
};
