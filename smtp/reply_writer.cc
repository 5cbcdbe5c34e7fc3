#include "smtp/reply_writer.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "core/assert.h"
#include "core/shard.h"

namespace sluice::smtp {
namespace {

// Nobody waits long for a client that is leaving to take its last replies.
constexpr Duration kFarewellMax = std::chrono::seconds(10);

}  // namespace

ReplyWriter::ReplyWriter(Shard& shard, Stream& stream, Duration progress_max)
    : shard_(shard), stream_(stream), progress_max_(progress_max), work_(shard), room_(shard) {}

void ReplyWriter::resolve(ReplyQueue::Ticket ticket, const Reply& reply) {
  queue_.resolve(ticket, reply);
  if (queue_.has_ready()) work_.notify_all();
}

void ReplyWriter::flush() {
  if (queue_.has_ready() && queue_.reserved() == 0) work_.notify_all();
}

Task<Result<void>> ReplyWriter::wait_for_room(Deadline deadline) {
  while (is_full()) {
    work_.notify_all();
    auto waited = co_await room_.wait(deadline);
    if (!waited) co_return waited;
  }
  co_return Result<void>();
}

Task<Result<void>> ReplyWriter::drain(Deadline deadline) {
  SLUICE_ASSERT(queue_.reserved() == 0, "nobody knows when a reserved reply comes");
  while (!queue_.empty() || is_sending_) {
    work_.notify_all();
    auto waited = co_await room_.wait(deadline);
    if (!waited) co_return waited;
  }
  co_return Result<void>();
}

void ReplyWriter::finish() {
  is_finished_ = true;
  work_.notify_all();
}

void ReplyWriter::abandon() {
  queue_.abandon();
  work_.notify_all();
  room_.notify_all();
}

Task<Result<void>> ReplyWriter::run() {
  Result<void> done;
  while (done && !(is_finished_ && queue_.empty())) {
    if (queue_.has_ready()) {
      done = co_await send_ready();
    } else {
      done = co_await work_.wait(Deadline::never());
    }
  }
  if (!done) abandon();
  co_return done;
}

Task<Result<void>> ReplyWriter::send_ready() {
  const std::string wire = queue_.take_ready();
  room_.notify_all();
  if (wire.empty()) co_return Result<void>();  // abandoned
  const Duration patience = is_finished_ ? std::min(progress_max_, kFarewellMax) : progress_max_;
  const Deadline deadline = Deadline::in(shard_.clock(), patience);
  const std::string_view piece = wire;
  const std::span<const std::string_view> pieces(&piece, 1);
  is_sending_ = true;
  auto sent = co_await stream_.send(pieces, deadline);
  is_sending_ = false;
  room_.notify_all();
  co_return sent;
}

}  // namespace sluice::smtp
