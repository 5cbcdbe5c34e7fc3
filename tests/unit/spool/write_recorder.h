// WriteRecorder: sees every write and sync that this process makes to one file. DiskReplay: tells
// from that what the file would hold after a kill or a loss of power at any of these moments.
//
// The test program defines the C library's writing functions itself and passes each call on; LMDB
// calls these. At most one recorder lives at a time. The recorder is for any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/random.h"

namespace sluice::spool {

inline constexpr std::size_t kDiskUnitBytes = 512;  // what a disk writes whole or not at all

struct DiskEvent {
  enum class Kind : std::uint8_t { write, sync, mark };
  Kind kind;
  std::uint64_t offset;  // of a write; of what a sync covers
  std::uint64_t size;
  std::string bytes;  // of a write
};

class WriteRecorder {
 public:
  // What the file holds now counts as synced. It need not exist yet.
  explicit WriteRecorder(std::string path);
  WriteRecorder(const WriteRecorder&) = delete;
  WriteRecorder& operator=(const WriteRecorder&) = delete;
  ~WriteRecorder();

  // Puts a mark behind what has happened so far and returns its place in the order of events.
  std::size_t mark();

  // From here on, writes of LMDB's meta page fail: those of a descriptor that syncs each write.
  void fail_meta_writes();

  // Once nothing writes any more, or for a copy of what was until now.
  std::vector<DiskEvent> events() const;
  const std::string& before() const { return before_; }
  std::size_t size() const;
  // What a kill of the process at this moment leaves: the kernel keeps every write.
  struct Kill {
    std::size_t events;
    std::string image;
  };
  Kill kill() const;

  // For the functions in write_recorder.cc.
  static WriteRecorder* recording(int descriptor);
  bool fails(int descriptor) const;
  void wrote(int descriptor, std::uint64_t offset, std::string_view bytes);
  void synced();

 private:
  std::string path_;
  std::string before_;
  mutable std::mutex mutex_;
  std::vector<DiskEvent> events_;
  bool fails_meta_writes_ = false;
};

// The disk under the file, event by event.
class DiskReplay {
 public:
  explicit DiskReplay(std::string before) : synced_(std::move(before)) {}
  void apply(const DiskEvent& event);

  // What was synced, and of the rest each unit with that chance, in any state it had since.
  std::string after_power_loss(double chance, Random& random) const;

 private:
  // States of a unit since it was last synced, oldest first.
  using States = std::vector<std::string>;
  void write(std::uint64_t offset, std::string_view bytes);
  std::string latest(std::uint64_t unit) const;

  std::string synced_;
  std::map<std::uint64_t, States> unsynced_;
};

// The bytes of a file; empty when there is none.
std::string read_file(const std::string& path);
void write_file(const std::string& path, std::string_view bytes);

}  // namespace sluice::spool
