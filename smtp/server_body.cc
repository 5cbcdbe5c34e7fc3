// How a server session takes messages: DATA (RFC 5321 §4.1.1.4), BDAT (RFC 3030), and the end.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/run_queue.h"
#include "core/shard.h"
#include "smtp/server_session_state.h"

namespace sluice::smtp {

Task<void> ServerSession::State::data(std::string_view argument) {
  if (const auto refusal = refuse_data(argument)) {
    co_return reject(name_of(Verb::data), *refusal);
  }
  lines_.release();
  body_.start(Framing::dots);
  accept(354, {}, "Send the message; a line with a single dot ends it");
  const bool is_complete = co_await receive_dots();
  if (is_complete) co_await end_message();
}

std::optional<Reply> ServerSession::State::refuse_data(std::string_view argument) const {
  if (transaction_.has_chunks) {  // RFC 3030 §2
    return reply(503, {5, 5, 1}, "BDAT began this message; go on with BDAT, or give it up by RSET");
  }
  if (auto refusal = refuse_without_recipients()) return refusal;
  if (!argument.empty()) return reply(501, {5, 5, 4}, "DATA takes no argument");
  return std::nullopt;
}

std::optional<Reply> ServerSession::State::refuse_without_recipients() const {
  if (!transaction_.is_open) return reply(503, {5, 5, 1}, "Say MAIL and RCPT first");
  if (transaction_.recipients > 0) return std::nullopt;
  if (transaction_.refused_recipients == 0) return reply(503, {5, 5, 1}, "Say RCPT first");
  return reply(554, {5, 5, 1}, "No valid recipients");
}

// A failed BDAT ends its transaction: what follows of the message is swallowed and answered by
// 503 until MAIL begins another (RFC 3030 §2 asks the client for RSET).
Task<void> ServerSession::State::chunk(std::string_view argument) {
  const auto name = name_of(Verb::bdat);
  const auto command = parse_bdat(argument);
  lines_.release();
  if (!command) {
    is_closing_ = true;
    co_return reject(name, command.error());
  }
  const auto refusal = refuse_chunk(*command);
  if (refusal || !transaction_.has_chunks) body_.start(Framing::chunks);
  if (refusal) body_.refuse(*refusal);
  body_.expect(command->chunk_bytes);
  transaction_.has_chunks = transaction_.is_open;

  const bool is_complete = co_await receive_chunk(command->chunk_bytes);
  if (!is_complete) co_return;
  if (const auto& body_refusal = body_.refusal()) {
    reject(refusal ? name : "body", *body_refusal);
    co_return co_await void_transaction();
  }
  if (command->is_last) co_return co_await end_message();
  accept(250, {2, 0, 0}, fmt::format("{} bytes received", command->chunk_bytes));
}

std::optional<Reply> ServerSession::State::refuse_chunk(const BdatCommand& command) const {
  if (auto refusal = refuse_without_recipients()) return refusal;
  if (command.has_junk) return reply(501, {5, 5, 4}, "Syntax: BDAT <bytes> [LAST]");
  return std::nullopt;
}

Task<bool> ServerSession::State::receive_dots() {
  while (true) {
    if (stream_.received().empty()) {
      const bool has_input = co_await wait_for_body();
      if (!has_input) co_return false;
    }
    const BodyPiece piece = body_.next(stream_.received());
    if (!piece.content.empty()) co_await keep(piece.content);
    stream_.consume(piece.consumed);
    transaction_.body_bytes += piece.consumed;
    if (piece.is_end) co_return true;
  }
}

Task<bool> ServerSession::State::receive_chunk(std::uint64_t bytes) {
  for (std::uint64_t missing = bytes; missing > 0;) {
    if (stream_.received().empty()) {
      const bool has_input = co_await wait_for_body();
      if (!has_input) co_return false;
    }
    const auto input = stream_.received();
    const std::size_t takes = std::min<std::uint64_t>(missing, input.size());
    const BodyPiece piece = body_.next(input.substr(0, takes));
    if (!piece.content.empty()) co_await keep(piece.content);
    stream_.consume(piece.consumed);
    transaction_.body_bytes += piece.consumed;
    missing -= piece.consumed;
  }
  co_return true;
}

Task<bool> ServerSession::State::wait_for_body() {
  const Instant began = shard_.clock().now();
  const Duration patience = std::min(settings_.data_idle_max, body_patience());
  const auto filled = co_await fill(Deadline::at(began + patience));
  transaction_.body_wait += shard_.clock().now() - began;
  if (!filled) close_for(filled.error());
  co_return filled.has_value();
}

// How much longer a body of these bytes may keep us waiting in all. What we take for ourselves does
// not count.
Duration ServerSession::State::body_patience() const {
  const std::chrono::seconds earned(transaction_.body_bytes / settings_.body_bytes_per_second_min);
  return std::max(Duration(0), settings_.data_idle_max + earned - transaction_.body_wait);
}

// Hands on what the message keeps. The view stays valid: nothing is consumed meanwhile.
Task<void> ServerSession::State::keep(std::string_view content) {
  Reply answer = co_await handler_.on_body(content);
  if (!answer.is_positive()) body_.refuse(std::move(answer));
}

// The message is complete. Its reply takes its place among the others, and the session goes on.
Task<void> ServerSession::State::end_message() {
  const auto rest = body_.finish();
  if (!rest.empty()) co_await keep(rest);
  if (const auto& refusal = body_.refusal()) {
    reject("body", *refusal);
    co_return co_await void_transaction();
  }
  const bool has_room = co_await wait_for_pending_room();
  if (!has_room) co_return;
  ++pending_;
  transaction_ = Transaction();
  committing_.spawn(finish_message(replies_.reserve()));
}

Task<bool> ServerSession::State::wait_for_pending_room() {
  while (pending_ >= kPendingMessagesMax) {
    const auto waited = co_await committed_.wait(session_end_);
    if (waited) continue;
    close_for(waited.error());
    co_return false;
  }
  co_return true;
}

Task<void> ServerSession::State::finish_message(ReplyQueue::Ticket ticket) {
  const Reply answer = co_await handler_.on_end();
  if (answer.is_positive()) {
    errors_ = 0;
    idle_commands_ = 0;
  } else {
    handler_.on_rejected(client_, "body", answer);
    if (answer.is_permanent()) ++errors_;
  }
  replies_.resolve(ticket, answer);
  --pending_;
  committed_.notify_one();
  if (pending_ == 0 && all_committed_ != nullptr) {
    shard_.run_queue().push(std::exchange(all_committed_, nullptr));
  }
}

}  // namespace sluice::smtp
