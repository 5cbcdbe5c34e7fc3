// ReplyWriter: sends the replies of a server session, everything that is ready in one write.
//
// The session pushes replies and calls flush() before it waits for its client. Two departures from
// RFC 2920 §3.2, since one write costs the machine half of two:
// - Item 7 asks for a flush when the input is used up. While a message awaits its commit, what was
//   answered before it waits with it: the batch is still being worked on, as it is where a server
//   commits before it reads on.
// - Items 5 and 6 forbid to buffer the replies to NOOP, QUIT, unknown commands and a few more. A
//   client that keeps to RFC 2920 §3.1 ends its group with them, and then they leave at once; one
//   that sends on gets them with the next ones.
// Lives on the shard of its stream. Knows no commands.
#pragma once

#include <cstddef>

#include "core/event.h"
#include "core/stream.h"
#include "core/task.h"
#include "core/units.h"
#include "smtp/reply_queue.h"

namespace sluice {
class Shard;
}

namespace sluice::smtp {

// Replies that a client does not read are kept up to here; then its commands are not read either.
inline constexpr std::size_t kQueuedReplyBytesMax = 64 * 1024;

class ReplyWriter {
 public:
  // `progress_max`: how long a client may take nothing before the connection counts as dead.
  ReplyWriter(Shard& shard, Stream& stream, Duration progress_max);

  void push(const Reply& reply) { queue_.push(reply); }
  ReplyQueue::Ticket reserve() { return queue_.reserve(); }
  void resolve(ReplyQueue::Ticket ticket, const Reply& reply);

  // The session is about to wait for its client.
  void flush();

  bool is_full() const { return queue_.bytes() > kQueuedReplyBytesMax; }
  // Waits until it is not full.
  Task<Result<void>> wait_for_room(Deadline deadline);

  // Waits until everything pushed so far has left. Nothing may be reserved.
  Task<Result<void>> drain(Deadline deadline);

  // Nothing will be pushed any more: run() ends when the last reply has left.
  void finish();
  // The connection is dead: replies are dropped from now on.
  void abandon();

  // Sends until finish() or a failure of the stream, after which it has abandoned.
  Task<Result<void>> run();

 private:
  Task<Result<void>> send_ready();

  Shard& shard_;
  Stream& stream_;
  Duration progress_max_;
  ReplyQueue queue_;
  Event work_;
  Event room_;
  bool is_sending_ = false;
  bool is_finished_ = false;
};

}  // namespace sluice::smtp
