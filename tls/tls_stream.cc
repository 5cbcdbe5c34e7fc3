#include "tls/tls_stream.h"

#include <string>

#include "core/assert.h"
#include "core/shard.h"

namespace sluice::tls {

RunQueue& TlsStream::run_queue_of(Shard& shard) { return shard.run_queue(); }

TlsStream::~TlsStream() { SLUICE_ASSERT(is_closed_, "a stream is closed before it is destroyed"); }

void TlsStream::leave() {
  if (is_closing_ && !is_reading_ && !is_writing_ && idle_.has_waiter()) idle_.resume();
}

std::unexpected<Error> TlsStream::inner_failure(Error error) const {
  if (error.code() != ErrorCode::end_of_stream) return std::unexpected(std::move(error));
  return fail(ErrorCode::connection_lost, engine_.is_established()
                                              ? "the peer closed without ending TLS"
                                              : "the peer closed during the TLS handshake");
}

// Gives the engine what the inner stream holds. Whether it made progress shows in the engine.
Result<void> TlsStream::feed() {
  auto taken = engine_.feed(inner_->received());
  if (!taken) return std::unexpected(std::move(taken).error());
  inner_->consume(*taken);
  return {};
}

// ---- the handshake

// The view of what was received stays valid meanwhile: nobody else fills or consumes.
Task<Result<void>> TlsStream::feed_slowly(OffloadPool& signing) {
  Result<std::size_t> taken = 0;
  const std::string_view received = inner_->received();
  const std::function<void()> work = [this, &taken, received] { taken = engine_.feed(received); };
  co_await signing.run(shard_, work);
  if (!taken) co_return std::unexpected(std::move(taken).error());
  inner_->consume(*taken);
  co_return Result<void>{};
}

Task<Result<ConnectionFacts>> TlsStream::handshake(Deadline deadline, OffloadPool* signing) {
  SLUICE_ASSERT(!engine_.is_established(), "one handshake per connection");
  SLUICE_ASSERT(!is_reading_, "nobody reads before the handshake is over");
  SLUICE_ASSERT(!is_writing_, "nobody writes before the handshake is over");
  is_reading_ = is_writing_ = true;
  auto negotiated = co_await negotiate(deadline, signing);
  is_reading_ = is_writing_ = false;
  leave();
  if (!negotiated) co_return std::unexpected(std::move(negotiated).error());
  co_return engine_.facts();
}

Task<Result<void>> TlsStream::negotiate(Deadline deadline, OffloadPool* signing) {
  while (true) {
    const bool is_slow = signing != nullptr && engine_.is_slow_to_feed(inner_->received());
    Result<void> fed;
    if (is_slow) {
      fed = co_await feed_slowly(*signing);
    } else {
      fed = feed();
    }
    const auto answered = co_await answer(deadline);
    if (!fed) co_return std::unexpected(fed.error());
    if (!answered) co_return std::unexpected(answered.error());
    if (engine_.is_established()) co_return Result<void>{};
    if (is_closing_) co_return wait_error(WaitEnd::cancelled, "TLS handshake");
    auto filled = co_await inner_->fill(deadline);
    if (!filled) co_return inner_failure(std::move(filled).error());
    // A peer that drips bytes makes progress, and yet must be done in time.
    if (deadline.has_passed(shard_.clock().now())) {
      co_return wait_error(WaitEnd::timed_out, "TLS handshake");
    }
  }
}

// ---- receiving

Task<Result<void>> TlsStream::fill(Deadline deadline) {
  SLUICE_ASSERT(!is_reading_, "one task reads a stream");
  is_reading_ = true;
  auto filled = co_await read(deadline);
  is_reading_ = false;
  leave();
  co_return filled;
}

Task<Result<void>> TlsStream::read(Deadline deadline) {
  SLUICE_ASSERT(engine_.is_established(), "the handshake comes first");
  // A stream that always has bytes must not outrun a request to stop.
  const TaskContext& context = co_await current_context();
  ReceiveBuffer& plaintext = engine_.plaintext();
  while (true) {
    if (context.is_cancelled() || is_closing_) {
      co_return wait_error(WaitEnd::cancelled, "receive");
    }
    if (plaintext.reveal()) co_return Result<void>{};
    if (plaintext.is_full()) {
      co_return fail(ErrorCode::limit_exceeded, "the receive buffer is full and nothing was read");
    }
    plaintext.release();  // an idle connection holds none
    const Result<void> fed = inner_->received().empty() ? Result<void>() : feed();
    const auto answered = co_await answer(deadline);
    if (!answered) co_return std::unexpected(answered.error());
    if (plaintext.reveal()) co_return Result<void>{};  // what came before a failure is good
    if (!fed) co_return std::unexpected(fed.error());
    if (engine_.has_peer_ended()) {
      co_return fail(ErrorCode::end_of_stream, "the peer ended TLS");
    }
    auto filled = co_await inner_->fill(deadline);
    if (!filled) co_return inner_failure(std::move(filled).error());
  }
}

// ---- sending

Task<Result<void>> TlsStream::become_sender(Deadline deadline) {
  while (is_sending_) {
    auto left = co_await sender_left_.wait(deadline);
    if (!left) co_return std::unexpected(std::move(left).error());
  }
  if (is_closing_) co_return wait_error(WaitEnd::cancelled, "send");
  if (is_send_broken_) co_return fail(ErrorCode::connection_lost, "an earlier send was cut off");
  is_sending_ = true;
  co_return Result<void>{};
}

void TlsStream::stop_sending() {
  is_sending_ = false;
  sender_left_.notify_one();
}

// Sends what the engine has to say, also what it says meanwhile. For the sender.
Task<Result<void>> TlsStream::flush(Deadline deadline) {
  while (engine_.has_output()) {
    const std::string output = engine_.take_output();
    const std::string_view piece = output;
    const std::span<const std::string_view> pieces(&piece, 1);
    auto sent = co_await inner_->send(pieces, deadline);
    if (!sent) {
      is_send_broken_ = true;
      co_return sent;
    }
  }
  co_return Result<void>{};
}

// What the protocol answers by itself. If somebody is sending, it goes out behind that.
Task<Result<void>> TlsStream::answer(Deadline deadline) {
  if (!engine_.has_output() || is_sending_ || is_send_broken_) co_return Result<void>{};
  is_sending_ = true;
  auto flushed = co_await flush(deadline);
  stop_sending();
  co_return flushed;
}

Task<Result<void>> TlsStream::send(std::span<const std::string_view> pieces, Deadline deadline) {
  SLUICE_ASSERT(!is_writing_, "one task writes a stream");
  SLUICE_ASSERT(engine_.is_established(), "the handshake comes first");
  is_writing_ = true;
  auto sent = co_await write(pieces, deadline);
  is_writing_ = false;
  leave();
  co_return sent;
}

Task<Result<void>> TlsStream::write(std::span<const std::string_view> pieces, Deadline deadline) {
  const Duration patience = deadline.instant() - shard_.clock().now();
  const std::size_t total = total_bytes(pieces);
  std::size_t done = 0;
  while (done < total) {
    auto turn = co_await become_sender(deadline);
    if (!turn) co_return turn;
    auto encrypted = engine_.encrypt(pieces, done);
    auto flushed = co_await flush(deadline);
    stop_sending();
    if (!encrypted) co_return std::unexpected(std::move(encrypted).error());
    if (!flushed) co_return flushed;
    done += *encrypted;
    // There was progress: the rest has as much time as this had.
    if (!deadline.is_never()) deadline = Deadline::in(shard_.clock(), patience);
  }
  co_return Result<void>{};
}

// ---- closing

Task<void> TlsStream::close() {
  SLUICE_ASSERT(!is_closing_, "a stream is closed once");
  is_closing_ = true;
  // In the middle of a send there is no place for an alert.
  if (!is_sending_ && !is_send_broken_) {
    engine_.end();
    is_sending_ = true;
    // Best effort: a peer that does not read, or is gone, misses nothing.
    [[maybe_unused]] const auto sent =
        co_await flush(Deadline::in(shard_.clock(), kCloseNotifyPatience));
    stop_sending();
  }
  co_await inner_->close();
  while (is_reading_ || is_writing_) co_await idle_;
  is_closed_ = true;
}

}  // namespace sluice::tls
