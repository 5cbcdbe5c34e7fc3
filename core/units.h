// Quantities that cross function borders: how long, how many bytes.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace sluice {

using Duration = std::chrono::nanoseconds;

// A number of bytes. Adds and compares; never mixes with counts of other things.
class ByteCount {
 public:
  constexpr ByteCount() = default;
  constexpr explicit ByteCount(std::uint64_t value) : value_(value) {}
  constexpr std::uint64_t value() const { return value_; }

  friend constexpr auto operator<=>(ByteCount, ByteCount) = default;
  friend constexpr ByteCount operator+(ByteCount a, ByteCount b) {
    return ByteCount(a.value_ + b.value_);
  }
  friend constexpr ByteCount operator-(ByteCount a, ByteCount b) {
    return ByteCount(a.value_ - b.value_);
  }
  constexpr ByteCount& operator+=(ByteCount other) {
    value_ += other.value_;
    return *this;
  }

 private:
  std::uint64_t value_ = 0;
};

constexpr ByteCount kibibytes(std::uint64_t n) { return ByteCount(n << 10); }
constexpr ByteCount mebibytes(std::uint64_t n) { return ByteCount(n << 20); }
constexpr ByteCount gibibytes(std::uint64_t n) { return ByteCount(n << 30); }

}  // namespace sluice
