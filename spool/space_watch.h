// SpaceWatch: whether the partition has room for new mail, seen about once per second.
//
// New mail stops at 90 % of the map (ordinary mail before that, by what is reserved), or when the
// file system and the reusable part of the file have less free than the operator wants to keep;
// what remains is for the outcomes of what was accepted, which need a little space themselves.
// check() belongs to the committer's thread; the answers and set_disk_free() are for any.
#pragma once

#include <atomic>
#include <optional>

#include "core/clock.h"
#include "spool/environment.h"
#include "spool/spool.h"

namespace sluice::spool {

inline constexpr unsigned kRoomPercent = 90;    // of the map: above it, no room
inline constexpr unsigned kReservePercent = 3;  // of the map, and at least so much:
inline constexpr ByteCount kReserveMin = mebibytes(1);
inline constexpr Duration kSpaceCheckInterval = std::chrono::seconds(1);

class SpaceWatch {
 public:
  SpaceWatch(const Environment& environment, ByteCount disk_free, unsigned reserved_percent);

  // How much the operator wants to keep; makes a look due.
  void set_disk_free(ByteCount bytes) {
    disk_free_.store(bytes, std::memory_order_relaxed);
    is_due_.store(true, std::memory_order_release);
  }

  void check(Instant now);
  // Looks again when a second has passed, a hundredth of the map was written, or disk_free changed.
  void check_if_due(Instant now);
  void wrote(std::uint64_t bytes) { bytes_since_check_ += bytes; }
  Instant next_check() const { return last_check_ + kSpaceCheckInterval; }

  // Whether so much more leaves the reserve alone.
  bool fits(std::uint64_t bytes) const {
    return bytes_used_ + bytes_since_check_ + bytes <= bytes_max_;
  }
  // Whether the file system has nothing left to speak of.
  bool is_disk_full() const;
  // New mail did not fit: there is no room until the next look finds some.
  void refused();
  bool has_room(Space space) const {
    return (space == Space::reserved ? has_room_ : has_ordinary_room_)
        .load(std::memory_order_relaxed);
  }

 private:
  std::optional<std::uint64_t> disk_available() const;
  bool disk_has_room(std::uint64_t wanted) const;
  void set_room(Space space, bool has_room);  // told when it changes

  const Environment& environment_;
  std::atomic<ByteCount> disk_free_;
  std::atomic<bool> is_due_{false};
  unsigned reserved_percent_;
  Instant last_check_{0};
  std::uint64_t bytes_since_check_ = 0;
  std::uint64_t map_bytes_ = 0;
  std::uint64_t bytes_used_ = 0;
  std::uint64_t bytes_max_ = UINT64_MAX;  // without the reserve
  std::atomic<bool> has_room_{true};
  std::atomic<bool> has_ordinary_room_{true};
};

}  // namespace sluice::spool
