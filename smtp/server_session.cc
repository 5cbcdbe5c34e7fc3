#include "smtp/server_session.h"

#include <fmt/format.h>

#include <chrono>
#include <string>
#include <utility>

#include "core/proxy_header.h"
#include "core/shard.h"
#include "smtp/server_session_state.h"

namespace sluice::smtp {
namespace {

BodyLimits body_limits(const ServerSettings& settings) {
  return {.message_bytes_max = settings.message_bytes_max,
          .received_headers_max = settings.received_headers_max,
          .bare_newlines =
              settings.normalises_newlines ? BareNewlines::normalise : BareNewlines::reject};
}

// RFC 5321 §4.2: the greeting begins with our name, and "ESMTP" invites EHLO. RFC 2034 §4: it has
// no enhanced code.
Reply greeting(const ServerSettings& settings, Reply answer) {
  answer.enhanced = {};
  if (answer.text.starts_with(settings.hostname)) return answer;
  const std::string_view service = answer.is_positive() ? " ESMTP" : "";
  const std::string_view blank = answer.text.empty() ? "" : " ";
  answer.text = fmt::format("{}{}{}{}", settings.hostname, service, blank, answer.text);
  return answer;
}

Reply reply_to(Line::Fault fault) {
  if (fault == Line::Fault::too_long) {
    return reply(
        500, {5, 5, 2},
        fmt::format("Line too long: a command has at most {} bytes", kCommandLineBytesMax));
  }
  return reply(500, {5, 5, 2}, "Bare CR or LF in a command: every line must end with CRLF");
}

// Waits until the last pending message is committed. It does not register with its task: what was
// begun is waited for even when the task is asked to stop.
class AllCommitted {
 public:
  AllCommitted(std::size_t pending, std::coroutine_handle<>& waiter)
      : pending_(pending), waiter_(waiter) {}
  bool await_ready() const noexcept { return pending_ == 0; }
  void await_suspend(std::coroutine_handle<> task) noexcept { waiter_ = task; }
  void await_resume() const noexcept {}

 private:
  std::size_t pending_;
  std::coroutine_handle<>& waiter_;
};

}  // namespace

ServerSession::ServerSession(const Parts& parts, ClientInfo client)
    : state_(std::make_unique<State>(parts, std::move(client))) {}

ServerSession::~ServerSession() = default;

Task<void> ServerSession::run() { return state_->run(); }

void ServerSession::request_stop() { state_->request_stop(); }

bool ServerSession::has_pending_messages() const { return state_->pending_ > 0; }

ServerSession::State::State(const Parts& parts, ClientInfo client)
    : shard_(parts.shard),
      settings_(parts.settings),
      stream_(parts.stream),
      client_(std::move(client)),
      handler_(parts.handler),
      upgrade_(parts.upgrade),
      lines_(stream_, kCommandLineBytesMax - 2),
      replies_(shard_, stream_, settings_.command_idle_max),
      body_(body_limits(settings_)),
      session_end_(Deadline::in(shard_.clock(), settings_.session_max)),
      reader_(shard_.run_queue()),
      writer_(shard_.run_queue()),
      committing_(shard_.run_queue()),
      committed_(shard_) {}

Task<void> ServerSession::State::run() {
  writer_.spawn(write());
  reader_.spawn(converse());
  co_await reader_.join();
  co_await await_pending();
  co_await writer_.join();
}

void ServerSession::State::request_stop() {
  is_stopping_ = true;
  // Only the wait for a command is cut short; whatever else goes on looks at the flag afterwards.
  if (is_idle_ && !transaction_.is_open) reader_.cancel();
}

Task<void> ServerSession::State::write() {
  const auto written = co_await replies_.run();
  if (!written) reader_.cancel();  // nobody reads replies: the fill in progress says why
}

Task<void> ServerSession::State::converse() {
  co_await greet();
  while (!is_closing_) {
    co_await serve_command();
    if (!is_closing_ && replies_.is_full()) {
      const auto room = co_await replies_.wait_for_room(session_end_);
      if (!room) close_for(room.error());
    }
  }
  lines_.release();
  co_await void_transaction();
  replies_.finish();
}

Task<void> ServerSession::State::greet() {
  const Reply answer = co_await handler_.on_connect(client_);
  pass_on("connect", greeting(settings_, answer));
  is_refused_ = !answer.is_positive();
}

Task<void> ServerSession::State::serve_command() {
  if (is_stopping_ && !transaction_.is_open) {
    close_with({4, 3, 2}, "The service is shutting down");
    co_return;
  }
  auto line = lines_.try_read();
  if (!line) line = co_await wait_for_line();
  if (line) co_await answer_line(*line);
}

// A command may take so long in all: one byte a minute keeps no connection. A client that awaits
// the reply to its message is not idle.
Task<std::optional<Line>> ServerSession::State::wait_for_line() {
  Deadline deadline = Deadline::in(shard_.clock(), settings_.command_idle_max);
  while (true) {
    is_idle_ = true;
    const auto filled = co_await fill(deadline);
    is_idle_ = false;
    if (filled) {
      if (begins_proxy_header(stream_.received())) {
        close_with({4, 7, 0}, "Your address may not announce clients (PROXY protocol)");
        co_return std::nullopt;
      }
      if (const auto line = lines_.try_read()) co_return line;
      continue;
    }
    const bool awaits_us = filled.error().code() == ErrorCode::timed_out && pending_ > 0;
    if (!awaits_us || has_lasted_too_long()) {
      close_for(filled.error());
      co_return std::nullopt;
    }
    deadline = Deadline::in(shard_.clock(), settings_.command_idle_max);
  }
}

Task<void> ServerSession::State::answer_line(Line line) {
  switch (line.fault) {
    case Line::Fault::none:
      co_await answer(parse_command(line.text));
      break;
    case Line::Fault::endless:
      close_with({4, 7, 0}, "The command line has no end");
      co_return;
    case Line::Fault::too_long:
    case Line::Fault::bare_newline:
      reject(name_of(Verb::unknown), reply_to(line.fault));
      break;
  }
  if (errors_ >= settings_.errors_max && !is_closing_) {
    close_with({4, 7, 0}, "Too many errors");
  }
}

Task<Result<void>> ServerSession::State::fill(Deadline deadline) {
  replies_.flush();
  co_return co_await stream_.fill(earlier(deadline, session_end_));
}

void ServerSession::State::close_for(const Error& error) {
  is_closing_ = true;
  switch (error.code()) {
    case ErrorCode::timed_out:
      close_with({4, 4, 2}, has_lasted_too_long() ? "The session has lasted too long"
                                                  : "Nothing came for too long");
      return;
    case ErrorCode::cancelled:
      if (is_stopping_) close_with({4, 3, 2}, "The service is shutting down");
      return;
    case ErrorCode::end_of_stream:
      return;  // it may still read the replies that are due
    default:
      replies_.abandon();
  }
}

bool ServerSession::State::has_lasted_too_long() const {
  return session_end_.has_passed(shard_.clock().now());
}

void ServerSession::State::close_with(EnhancedStatus enhanced, std::string_view reason) {
  is_closing_ = true;
  // RFC 5321 §3.8: 421 announces that we close on our own accord.
  reject("session",
         reply(421, enhanced, fmt::format("{} {}; closing", settings_.hostname, reason)));
}

Task<void> ServerSession::State::void_transaction() {
  if (!transaction_.is_open) co_return;
  transaction_ = Transaction();
  co_await handler_.on_reset();
}

Task<void> ServerSession::State::await_pending() {
  AllCommitted all_committed(pending_, all_committed_);
  co_await all_committed;
  co_await committing_.join();
}

}  // namespace sluice::smtp
