// Stream: an ordered connection of bytes, clear or TLS. One reader task and one writer task may
// use it at the same time.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "core/clock.h"
#include "core/error.h"
#include "core/task.h"

namespace sluice {

// At most this much lies received and not consumed; then the peer's window fills.
inline constexpr std::size_t kReceivedBytesMax = 64 * 1024;

// What send() is given, as a whole.
inline std::size_t total_bytes(std::span<const std::string_view> pieces) {
  std::size_t total = 0;
  for (const std::string_view piece : pieces) total += piece.size();
  return total;
}

class Stream {
 public:
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  virtual ~Stream() = default;  // asserts that it was closed

  // Bytes received and not yet consumed, contiguous. Valid until the next fill or consume.
  virtual std::string_view received() const = 0;
  virtual void consume(std::size_t bytes) = 0;

  // Waits until received() has grown. end_of_stream when the peer closed in order, connection_lost
  // when it did not, timed_out at the deadline, limit_exceeded when kReceivedBytesMax bytes lie
  // there and nothing was consumed.
  virtual Task<Result<void>> fill(Deadline deadline) = 0;

  // Sends all of the pieces in order, gathered, as one operation. The caller keeps the pieces and
  // what they point to until it returns. Progress (not the end) must happen before the deadline
  // passes: each time some of it was taken, what is left has as much time again as there was at
  // the start. A peer that takes nothing for that long is timed_out. After a send that failed the
  // peer has seen a part of it, so that every later one fails too.
  virtual Task<Result<void>> send(std::span<const std::string_view> pieces, Deadline deadline) = 0;

  // Ends pending operations (they return cancelled), closes the connection, waits until the
  // kernel let go of it. Call it once, after both tasks stopped or to stop them.
  virtual Task<void> close() = 0;
};

}  // namespace sluice
