#include "smtp/client_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/shard.h"
#include "smtp/flight_writer.h"
#include "smtp/reply_reader.h"
#include "smtp/reply_watchdog.h"
#include "smtp/transaction_ledger.h"

namespace sluice::smtp {
namespace {

constexpr Duration kFarewellMax = std::chrono::seconds(5);  // for QUIT to a peer that refused us

TransactionResult unsent(TransactionEnd end, std::string error) {
  TransactionResult result;
  result.end = end;
  result.error = std::move(error);
  return result;
}

TransactionResult cannot_send(Reply verdict) {
  TransactionResult result;
  result.end = TransactionEnd::cannot_send;
  result.verdict = {.reply = std::move(verdict), .stage = ReplyStage::mail};
  return result;
}

// A line end in an address would be a command of its own. Whoever gives addresses has checked them;
// what leaves the process is checked again.
bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; });
}

// What forbids to send this message to this peer at all.
std::optional<Reply> refusal_of(const OutgoingMessage& message, const PeerExtensions& peer) {
  if (has_control(message.reverse_path)) {
    return reply(553, {5, 1, 7}, "The sender's address has control characters");
  }
  if (std::ranges::any_of(message.recipients, has_control)) {
    return reply(553, {5, 1, 3}, "A recipient's address has control characters");
  }
  // RFC 1870 §4 and §7: what is larger than the peer said is bound to be refused.
  const std::uint64_t size = message.body->size();
  if (peer.size_max != 0 && size > peer.size_max) {
    return reply(
        552, {5, 3, 4},
        fmt::format("A message of {} bytes exceeds the peer's limit of {}", size, peer.size_max));
  }
  // RFC 6152 §3: neither sent as it is nor converted, so it fails.
  if (message.body_type == BodyType::eight_bit_mime && !peer.eight_bit_mime) {
    return reply(554, {5, 6, 3}, "The peer does not offer 8BITMIME");
  }
  return std::nullopt;
}

bool is_plausible_start(std::span<const std::string_view> pieces, std::uint64_t size) {
  const std::uint64_t total = total_bytes(pieces);
  return total <= size && (total > 0) == (size > 0);
}

}  // namespace

// The two tasks of a session and what they share. Whichever side finishes the session asks both
// to stop; when both have ended, and nothing is borrowed from a message any more, every
// message that is left gets its result.
struct ClientSession::State {
  State(Shard& shard_of_stream, const ClientSettings& client_settings,
        std::unique_ptr<Stream> connected, TlsUpgrade* upgrade)
      : shard(shard_of_stream),
        settings(client_settings),
        stream(std::move(connected)),
        replies(*stream),
        opening({.clock = shard.clock(),
                 .stream = *stream,
                 .replies = replies,
                 .settings = settings,
                 .upgrade = upgrade}),
        watchdog(shard, ledger, settings.timeouts, [this](CommandKind kind) { on_late(kind); }),
        writer({.shard = shard,
                .stream = *stream,
                .ledger = ledger,
                .watchdog = watchdog,
                .settings = settings,
                .extensions = opening.extensions()}),
        scope(shard.run_queue()),
        prepared(shard.run_queue()) {}

  Task<void> say_quit();
  void start();
  Task<void> write();
  Task<void> read();
  void take_replies();
  void take_reply(Reply reply);
  void on_late(CommandKind kind);
  void finish(std::string why);
  void leave();
  void settle();

  bool is_usable() const { return is_open && !is_finished && !is_quitting; }
  unsigned messages_left() const {
    const std::uint32_t peer_max = opening.extensions().mail_max;
    std::uint32_t most = settings.messages_max != 0 ? settings.messages_max : UINT32_MAX;
    if (peer_max != 0) most = std::min(most, peer_max);
    return most > messages ? most - messages : 0;
  }
  std::size_t in_flight() const { return preparing + writer.queued() + ledger.open_transactions(); }

  Shard& shard;
  ClientSettings settings;
  std::unique_ptr<Stream> stream;
  ReplyReader replies;
  ClientOpening opening;
  TransactionLedger ledger;
  ReplyWatchdog watchdog;
  FlightWriter writer;
  TaskScope scope;

  std::function<void()> finished_callback;
  std::string failure;
  std::size_t preparing = 0;   // calls of send() that wait for the first part of their body
  ResumePoint prepared;        // close() waits for them
  std::uint32_t messages = 0;  // begun
  unsigned running = 0;        // of writer and reader
  bool is_open = false;
  bool is_finished = false;
  bool is_quitting = false;
  bool is_closed = false;
};

// RFC 5321 §4.1.1.10: who closes a connection says QUIT first, also to a peer that will not serve
// it. The reply is not waited for, although one should: it decides nothing, and the mail waits for
// another host.
Task<void> ClientSession::State::say_quit() {
  const std::string_view pieces[] = {"QUIT\r\n"};
  const auto deadline = Deadline::in(shard.clock(), kFarewellMax);
  [[maybe_unused]] const auto sent = co_await stream->send(pieces, deadline);  // it may have left
}

void ClientSession::State::start() {
  is_open = true;
  replies.limit_text(kVerdictTextBytesMax);
  running = 2;
  scope.spawn(write());
  scope.spawn(read());
}

Task<void> ClientSession::State::write() {
  auto done = co_await writer.run();
  if (!done) finish(std::move(done).error().sentence());
  leave();
}

Task<void> ClientSession::State::read() {
  take_replies();
  while (!is_finished) {
    auto filled = co_await stream->fill(Deadline::never());
    if (!filled) {
      finish(std::move(filled).error().sentence());
      break;
    }
    take_replies();
  }
  leave();
}

// All that were received whole; then the writer is told, once.
void ClientSession::State::take_replies() {
  while (!is_finished) {
    auto next = replies.next();
    if (!next) return finish(std::move(next).error().sentence());
    if (!*next) break;
    take_reply(std::move(**next));
  }
  watchdog.update();
  writer.on_replies();
}

void ClientSession::State::take_reply(Reply reply) {
  auto taken = ledger.take(std::move(reply));
  if (!taken) return finish(std::move(taken).error().sentence());
  if (ledger.is_closing()) return finish(ledger.closing_reply().to_string());
  if (ledger.is_quit_answered()) finish("");
}

void ClientSession::State::on_late(CommandKind kind) {
  finish(fmt::format("no reply to {} in time", name_of(kind)));
}

// Once: the first reason counts.
void ClientSession::State::finish(std::string why) {
  if (is_finished) return;
  is_finished = true;
  if (!is_quitting) failure = std::move(why);
  watchdog.stop();
  writer.stop();
  scope.cancel();
}

void ClientSession::State::leave() {
  if (--running == 0) settle();
}

void ClientSession::State::settle() {
  ledger.abandon(failure);
  writer.reject_queued(failure);
  if (finished_callback) finished_callback();
}

ClientSession::ClientSession(Shard& shard, const ClientSettings& settings,
                             std::unique_ptr<Stream> stream, TlsUpgrade* upgrade)
    : state_(std::make_unique<State>(shard, settings, std::move(stream), upgrade)) {}

ClientSession::~ClientSession() {
  SLUICE_ASSERT(state_->is_closed, "a session is closed before it is destroyed");
}

Task<Result<Opened>> ClientSession::open() {
  SLUICE_ASSERT(!state_->is_open, "a session is opened once");
  auto opened = co_await state_->opening.run();
  if (!opened) {
    state_->failure = opened.error().sentence();
  } else if (opened->refusal) {
    state_->failure = opened->refusal->to_string();
    if (!opened->refusal->is_closing()) co_await state_->say_quit();
  } else {
    state_->start();
    co_return opened;
  }
  state_->is_finished = true;
  co_return opened;
}

const std::optional<tls::ConnectionFacts>& ClientSession::tls() const {
  return state_->opening.tls();
}

bool ClientSession::has_tls_failed() const { return state_->opening.has_tls_failed(); }

const PeerExtensions& ClientSession::extensions() const { return state_->opening.extensions(); }

unsigned ClientSession::free_slots() const {
  const unsigned taken = in_flight();
  const unsigned depth = is_usable() ? state_->writer.depth() : 0;
  return depth > taken ? std::min(depth - taken, state_->messages_left()) : 0;
}

bool ClientSession::is_used_up() const { return state_->messages_left() == 0; }

unsigned ClientSession::in_flight() const { return static_cast<unsigned>(state_->in_flight()); }

// Once the message is queued nothing of the session is touched: it may be gone when the result
// is there.
Task<TransactionResult> ClientSession::send(OutgoingMessage message) {
  SLUICE_ASSERT(message.body != nullptr, "a message has a body");
  State& state = *state_;
  if (auto refusal = refusal_of(message, state.opening.extensions())) {
    co_return cannot_send(std::move(*refusal));
  }
  if (!is_usable()) co_return unsent(TransactionEnd::not_attempted, state.failure);
  if (is_used_up()) {
    co_return unsent(TransactionEnd::not_attempted, "the connection has had all its messages");
  }
  ++state.messages;

  // The first part is fetched before the first command: while it comes, others are sent.
  ++state.preparing;
  auto first = co_await message.body->next();
  --state.preparing;
  if (state.preparing == 0 && state.prepared.has_waiter()) state.prepared.resume();
  if (!first) {
    const bool is_failure = first.error().code() != ErrorCode::cancelled;
    const auto end = is_failure ? TransactionEnd::body_failed : TransactionEnd::not_attempted;
    co_return unsent(end, first.error().sentence());
  }
  if (!is_plausible_start(*first, message.body->size())) {
    co_return unsent(TransactionEnd::body_failed, "the body is not as long as it said");
  }
  if (state.is_finished) co_return unsent(TransactionEnd::not_attempted, state.failure);

  PendingMessage pending(state.shard, message, *first);
  state.writer.enqueue(pending);
  co_return co_await pending.result().wait();
}

bool ClientSession::is_usable() const { return state_->is_usable(); }

void ClientSession::on_finished(std::function<void()> callback) {
  state_->finished_callback = std::move(callback);
}

std::string_view ClientSession::failure() const { return state_->failure; }

void ClientSession::limit_depth(unsigned depth) { state_->writer.limit_depth(depth); }

Task<void> ClientSession::close(Deadline deadline) {
  State& state = *state_;
  SLUICE_ASSERT(!state.is_closed, "a session is closed once");
  const bool is_idle = state.in_flight() == 0;
  if (state.is_usable() && is_idle && !deadline.has_passed(state.shard.clock().now())) {
    state.is_quitting = true;
    state.writer.request_quit(deadline);
  } else {
    state.finish("closed by this side");
  }
  while (state.preparing > 0) co_await state.prepared;
  co_await state.scope.join();
  co_await state.stream->close();
  state.is_closed = true;
}

}  // namespace sluice::smtp
