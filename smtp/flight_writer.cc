#include "smtp/flight_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/shard.h"
#include "smtp/dot_stuffer.h"

namespace sluice::smtp {

FlightWriter::FlightWriter(const Parts& parts)
    : stream_(parts.stream),
      ledger_(parts.ledger),
      watchdog_(parts.watchdog),
      clock_(parts.shard.clock()),
      settings_(parts.settings),
      extensions_(parts.extensions),
      changed_(parts.shard),
      depth_max_(std::clamp(parts.settings.pipeline_depth, 1U, kPipelineDepthMax)) {}

Task<Result<void>> FlightWriter::run() {
  while (true) {
    if (may_begin()) {
      auto written = co_await write_next();
      if (!written) co_return written;
      continue;
    }
    const bool is_idle = ledger_.open_transactions() == 0;
    if (is_idle && ledger_.is_poisoned()) {
      co_return fail(ErrorCode::refused, "the peer refused RSET");
    }
    if (is_idle && quit_deadline_) co_return co_await write_quit();
    auto waited = co_await changed_.wait(Deadline::never());
    if (!waited) co_return waited;
  }
}

void FlightWriter::enqueue(PendingMessage& message) {
  SLUICE_ASSERT(queue_.size() < kPipelineDepthMax, "callers keep to free_slots()");
  SLUICE_ASSERT(!quit_deadline_, "nothing is sent behind QUIT");
  queue_.push_back(&message);
  if (!awaits_replies_) changed_.notify_all();
}

void FlightWriter::request_quit(Deadline deadline) {
  SLUICE_ASSERT(queue_.empty(), "QUIT is said on an idle connection");
  quit_deadline_ = deadline;
  changed_.notify_all();
}

void FlightWriter::limit_depth(unsigned depth) {
  depth_max_ = std::min(depth_max_, std::max(depth, 1U));
}

void FlightWriter::on_replies() {
  if (awaits_replies_ || !queue_.empty() || ledger_.is_poisoned()) changed_.notify_all();
}

void FlightWriter::reject_queued(const std::string& error) {
  for (PendingMessage* message : std::exchange(queue_, {})) {
    ledger_.reject(*message, TransactionEnd::not_attempted, error);
  }
}

unsigned FlightWriter::depth() const {
  // RFC 3030 §2 demands RSET behind a failed BDAT and describes BDAT behind collected replies.
  // Sending ahead of them is our departure, with RSET before each message, and only where one whole
  // transaction of this connection has succeeded.
  const std::size_t successes = ledger_.successes();
  if (!extensions_.pipelining || successes == 0) return 1;
  const unsigned most = extensions_.chunking ? depth_max_ : std::min(depth_max_, kDataDepthMax);
  if (!settings_.is_depth_grown) return most;
  return static_cast<unsigned>(std::min<std::size_t>(most, successes));
}

bool FlightWriter::may_begin() const {
  if (queue_.empty() || is_stopped_ || ledger_.is_poisoned()) return false;
  if (ledger_.open_transactions() == 0) return true;
  const bool fits = ledger_.flight_bytes() + queue_.front()->flight_bytes() <= kFlightBytesMax;
  return fits && ledger_.open_transactions() < depth();
}

Task<Result<void>> FlightWriter::write_next() {
  if (!extensions_.pipelining) co_return co_await write_dialogue();
  if (!extensions_.chunking) co_return co_await write_data_flight();
  co_return co_await write_chunked_flight();
}

// Whole messages share a write. One whose body comes in parts is the last of its flight, and
// its parts follow one by one.
Task<Result<void>> FlightWriter::write_chunked_flight() {
  PendingMessage* streamed = nullptr;
  while (streamed == nullptr && may_begin() && !gather_.is_full()) {
    PendingMessage& message = begin_pipelined();
    append_bdat(message);
    if (!message.is_whole()) {
      streamed = &message;
      break;
    }
    ledger_.note_end_written(message);
    for (const auto piece : message.first()) gather_.borrow(piece);
    started_.push_back(&message);
  }
  auto flushed = co_await flush();
  if (!flushed) co_return flushed;
  complete_started();
  if (streamed == nullptr) co_return flushed;

  auto written = co_await write_chunk(*streamed);
  if (written) complete(*streamed);
  co_return written;
}

// RFC 2920 §3.1: the client waits for the reply to DATA, so one message's body and the next one's
// commands leave together.
Task<Result<void>> FlightWriter::write_data_flight() {
  PendingMessage* opened = &begin_pipelined();
  append_command(*opened, CommandKind::data, 0);
  auto flushed = co_await flush();
  if (!flushed) co_return flushed;
  while (opened != nullptr) {
    while (opened->data_answer() == Transaction::DataAnswer::none) {
      auto waited = co_await wait_for_replies();
      if (!waited) co_return waited;
    }
    SLUICE_CO_TRY(next, co_await write_behind_data(*opened));
    opened = next;
  }
  co_return Result<void>();
}

// The reply to DATA is there: writes the body where it was granted, and opens the next message
// in the same write. Returns that one, if there is one.
Task<Result<PendingMessage*>> FlightWriter::write_behind_data(PendingMessage& message) {
  if (message.data_answer() == Transaction::DataAnswer::go_ahead) {
    if (message.accepted_recipients() > 0) {
      auto gathered = co_await gather_stuffed(message);
      if (!gathered) co_return std::unexpected(std::move(gathered).error());
    } else if (ledger_.is_poisoned()) {
      // Granted to the transaction that was not reset: even an empty body would go out.
      co_return fail(ErrorCode::refused, "the peer refused RSET");
    } else {
      // RFC 2920 §3.1: granted although nobody is to get it. Nothing of the body is told.
      ledger_.expect(message, CommandKind::lone_dot);
      gather_.append(".\r\n");
    }
  }
  PendingMessage* next = nullptr;
  if (may_begin()) {
    next = &begin_pipelined();
    append_command(*next, CommandKind::data, 0);
  }
  auto flushed = co_await flush();
  if (!flushed) co_return std::unexpected(std::move(flushed).error());
  complete(message);
  co_return next;
}

Task<Result<void>> FlightWriter::write_dialogue() {
  const bool needs_reset = ledger_.needs_reset();
  PendingMessage& message = begin_next();
  if (needs_reset) {
    auto asked = co_await ask(message, CommandKind::reset, 0);
    if (!asked) co_return asked;
  }
  if (!ledger_.is_poisoned()) {
    auto done = co_await converse(message);
    if (!done) co_return done;
  }
  complete(message);
  co_return Result<void>();
}

// From MAIL to the end of the message, or as far as the peer lets it come.
Task<Result<void>> FlightWriter::converse(PendingMessage& message) {
  auto asked = co_await ask(message, CommandKind::mail, 0);
  if (!asked || message.is_mail_refused()) co_return asked;
  for (std::size_t i = 0; i < message.message().recipients.size(); ++i) {
    asked = co_await ask(message, CommandKind::recipient, i);
    if (!asked) co_return asked;
  }
  if (message.accepted_recipients() == 0) co_return asked;

  if (extensions_.chunking) {
    append_bdat(message);
    co_return co_await write_chunk(message);
  }
  asked = co_await ask(message, CommandKind::data, 0);
  if (!asked || message.data_answer() == Transaction::DataAnswer::refused) co_return asked;
  auto gathered = co_await gather_stuffed(message);
  if (!gathered) co_return gathered;
  co_return co_await flush();
}

// RFC 5321 §4.1.1.10. The reply is waited for by the session.
Task<Result<void>> FlightWriter::write_quit() {
  watchdog_.set_quit_deadline(*quit_deadline_);
  ledger_.expect_quit();
  gather_.append("QUIT\r\n");
  co_return co_await flush();
}

// One command at a time: writes it and waits for its reply.
Task<Result<void>> FlightWriter::ask(PendingMessage& message, CommandKind kind,
                                     std::size_t recipient) {
  append_command(message, kind, recipient);
  auto flushed = co_await flush();
  if (!flushed) co_return flushed;
  while (ledger_.unanswered() > 0) {
    auto waited = co_await wait_for_replies();
    if (!waited) co_return waited;
  }
  co_return Result<void>();
}

// The body behind its BDAT command, as it is.
Task<Result<void>> FlightWriter::write_chunk(PendingMessage& message) {
  std::span<const std::string_view> pieces = message.first();
  std::uint64_t written = message.first_bytes();
  while (true) {
    const bool is_last = written == message.body_bytes();
    if (is_last) ledger_.note_end_written(message);
    for (const auto piece : pieces) {
      gather_.borrow(piece);
      if (!gather_.is_full()) continue;
      auto flushed = co_await flush();
      if (!flushed) co_return flushed;
    }
    auto flushed = co_await flush();
    if (!flushed || is_last) co_return flushed;
    SLUICE_CO_TRY(part, co_await next_part(message, written));
    pieces = part;
    written += total_bytes(part);
  }
}

// The body behind 354, with the end of the message; the last bytes are left in the gather.
Task<Result<void>> FlightWriter::gather_stuffed(PendingMessage& message) {
  ledger_.expect(message, CommandKind::end);
  DotStuffer stuffer;
  std::span<const std::string_view> pieces = message.first();
  std::uint64_t written = message.first_bytes();
  while (true) {
    for (std::string_view piece : pieces) {
      while (!piece.empty()) {
        piece.remove_prefix(stuffer.stuff(piece, gather_));
        if (!gather_.is_full()) continue;
        auto flushed = co_await flush();
        if (!flushed) co_return flushed;
      }
    }
    if (written == message.body_bytes()) break;
    auto flushed = co_await flush();
    if (!flushed) co_return flushed;
    SLUICE_CO_TRY(part, co_await next_part(message, written));
    pieces = part;
    written += total_bytes(part);
  }
  ledger_.note_end_written(message);
  stuffer.finish(gather_);
  co_return Result<void>();
}

Task<Result<std::span<const std::string_view>>> FlightWriter::next_part(
    PendingMessage& message, std::uint64_t bytes_before) {
  auto part = co_await message.message().body->next();
  if (!part) {
    // A request to stop is no failure of the body.
    if (part.error().code() != ErrorCode::cancelled) {
      ledger_.note_body_failure(message, part.error().sentence());
    }
    co_return part;
  }
  const std::uint64_t bytes = total_bytes(*part);
  if (bytes == 0 || bytes > message.body_bytes() - bytes_before) {
    ledger_.note_body_failure(message, "the body is not as long as it said");
    co_return fail(ErrorCode::corrupt, "the body is not as long as it said");
  }
  co_return part;
}

// One gathered send of all that is ready. Borrowed bytes are free again when it returns.
Task<Result<void>> FlightWriter::flush() {
  if (gather_.empty()) co_return Result<void>();
  watchdog_.update();
  const auto deadline = Deadline::in(clock_, settings_.timeouts.data);
  const auto pieces = gather_.pieces();
  auto sent = co_await stream_.send(pieces, deadline);
  gather_.clear();
  co_return sent;
}

Task<Result<void>> FlightWriter::wait_for_replies() {
  awaits_replies_ = true;
  auto waited = co_await changed_.wait(Deadline::never());
  awaits_replies_ = false;
  co_return waited;
}

PendingMessage& FlightWriter::begin_next() {
  PendingMessage& message = *queue_.front();
  queue_.pop_front();
  ledger_.begin(message);
  return message;
}

// The commands up to the last RCPT.
PendingMessage& FlightWriter::begin_pipelined() {
  const bool needs_reset = ledger_.needs_reset();
  PendingMessage& message = begin_next();
  if (needs_reset) append_command(message, CommandKind::reset, 0);
  append_command(message, CommandKind::mail, 0);
  for (std::size_t i = 0; i < message.message().recipients.size(); ++i) {
    append_command(message, CommandKind::recipient, i);
  }
  return message;
}

void FlightWriter::append_command(PendingMessage& message, CommandKind kind,
                                  std::size_t recipient) {
  ledger_.expect(message, kind);
  switch (kind) {
    case CommandKind::reset:
      gather_.append("RSET\r\n");
      break;
    case CommandKind::mail:
      append_mail(message);
      break;
    case CommandKind::recipient:
      gather_.append("RCPT TO:<");
      gather_.append(message.message().recipients[recipient]);
      gather_.append(">");
      append_recipient_dsn(message, recipient);
      gather_.append("\r\n");
      break;
    case CommandKind::data:
      gather_.append("DATA\r\n");
      break;
    case CommandKind::end:
    case CommandKind::lone_dot:
    case CommandKind::quit:
      SLUICE_ASSERT(false, "these are not commands of an envelope");
  }
}

void FlightWriter::append_mail(const PendingMessage& message) {
  gather_.append("MAIL FROM:<");
  gather_.append(message.message().reverse_path);
  gather_.append(">");
  if (extensions_.size) gather_.append(fmt::format(" SIZE={}", message.body_bytes()));
  // RFC 6152 §3: said only where it was offered; without it send() does not come this far.
  if (message.message().body_type == BodyType::eight_bit_mime) gather_.append(" BODY=8BITMIME");
  if (extensions_.dsn) gather_.append(mail_parameters(message.message().dsn));
  gather_.append("\r\n");
}

// RFC 3461 §5.2.2: passed on as they came.
void FlightWriter::append_recipient_dsn(const PendingMessage& message, std::size_t recipient) {
  const auto& wishes = message.message().recipient_dsn;
  if (extensions_.dsn && !wishes.empty()) gather_.append(recipient_parameters(wishes[recipient]));
}

// RFC 3030 §2: one chunk, whose size is known before its bytes are there.
void FlightWriter::append_bdat(PendingMessage& message) {
  ledger_.expect(message, CommandKind::end);
  gather_.append(fmt::format("BDAT {} LAST\r\n", message.body_bytes()));
}

// It is written whole: the time of its last reply begins.
void FlightWriter::complete(PendingMessage& message) {
  ledger_.complete(message);
  watchdog_.update();
}

void FlightWriter::complete_started() {
  for (PendingMessage* message : std::exchange(started_, {})) complete(*message);
}

}  // namespace sluice::smtp
