#include "spool/space_watch.h"

#include <sys/statvfs.h>

#include <algorithm>

#include "core/log.h"

namespace sluice::spool {

namespace {

// Less than that is what a write that failed for want of space leaves.
constexpr ByteCount kDiskFullBytes = mebibytes(1);

}  // namespace

SpaceWatch::SpaceWatch(const Environment& environment, ByteCount disk_free,
                       unsigned reserved_percent)
    : environment_(environment), disk_free_(disk_free), reserved_percent_(reserved_percent) {}

void SpaceWatch::check_if_due(Instant now) {
  const bool is_due = is_due_.load(std::memory_order_relaxed) ||  // read at every wake
                      now >= next_check() || bytes_since_check_ > map_bytes_ / 100;
  if (is_due) check(now);
}

void SpaceWatch::check(Instant now) {
  is_due_.exchange(false, std::memory_order_acquire);
  last_check_ = now;
  bytes_since_check_ = 0;
  const auto use = environment_.map_use();
  if (!use) {
    SLUICE_LOG(warning, "spool_space_unknown", {"directory", environment_.directory()},
               {"error", use.error().sentence()});
    return;
  }
  map_bytes_ = use->total;
  bytes_used_ = use->used;
  const auto reserve = std::max(use->total / 100 * kReservePercent, kReserveMin.value());
  bytes_max_ = use->total - std::min(use->total, reserve);
  const auto room = std::min(use->total / 100 * kRoomPercent, bytes_max_);
  const std::uint64_t disk_free = disk_free_.load(std::memory_order_relaxed).value();
  const bool has_room = use->used <= room && disk_has_room(disk_free);
  const auto ordinary = room - std::min(room, use->total / 100 * reserved_percent_);
  const auto disk_reserve = disk_free / 100 * reserved_percent_;
  set_room(Space::reserved, has_room);
  set_room(Space::ordinary,
           has_room && use->used <= ordinary && disk_has_room(disk_free + disk_reserve));
}

void SpaceWatch::refused() {
  set_room(Space::reserved, false);
  set_room(Space::ordinary, false);
}

void SpaceWatch::set_room(Space space, bool has_room) {
  auto& known = space == Space::reserved ? has_room_ : has_ordinary_room_;
  if (known.exchange(has_room, std::memory_order_relaxed) == has_room) return;
  const std::string_view mail = space == Space::reserved ? "all" : "ordinary";
  if (has_room) {
    SLUICE_LOG(info, "spool_has_room", {"directory", environment_.directory()}, {"mail", mail});
  } else {
    SLUICE_LOG(warning, "spool_full", {"directory", environment_.directory()}, {"mail", mail},
               {"map_used", bytes_used_ + bytes_since_check_}, {"map_total", map_bytes_});
  }
}

std::optional<std::uint64_t> SpaceWatch::disk_available() const {
  struct statvfs disk{};
  if (statvfs(environment_.directory().c_str(), &disk) != 0) return std::nullopt;
  return std::uint64_t{disk.f_bavail} * disk.f_frsize;
}

bool SpaceWatch::is_disk_full() const {
  const auto available = disk_available();
  return available && *available < kDiskFullBytes.value();
}

bool SpaceWatch::disk_has_room(std::uint64_t wanted) const {
  const auto available = disk_available();
  if (!available) return true;  // the commit will tell
  if (*available >= wanted) return true;
  // Mail that fits into what ended takes nothing from the disk.
  const auto reusable = environment_.reusable_bytes();
  return reusable && *available + *reusable >= wanted;
}

}  // namespace sluice::spool
