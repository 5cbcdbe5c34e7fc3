// The inside of ServerSession, shared by the files that implement it: server_session.cc (how it
// lives, waits and ends), server_commands.cc (what it answers), server_security.cc (TLS and AUTH),
// server_body.cc (how it takes messages).
//
// Three scopes: the reader holds the conversation; the writer sends replies; the pending messages
// await their commit and are never asked to stop.
#pragma once

#include <coroutine>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/event.h"
#include "core/task_scope.h"
#include "smtp/authentication.h"
#include "smtp/body_receiver.h"
#include "smtp/command.h"
#include "smtp/line_reader.h"
#include "smtp/reply_writer.h"
#include "smtp/server_session.h"

namespace sluice::smtp {

// Commands that do no work are free up to here; each one more counts as an error. An accepted
// message clears both counts.
inline constexpr std::uint32_t kIdleCommandsMax = 100;

struct ServerSession::State {
  State(const Parts& parts, ClientInfo client);

  // --- life (server_session.cc)

  Task<void> run();
  void request_stop();
  Task<void> converse();
  Task<void> write();
  Task<void> greet();
  Task<void> serve_command();
  Task<void> answer_line(Line line);

  // The next command's line; nothing when the conversation is over.
  Task<std::optional<Line>> wait_for_line();
  // Waits for bytes of the client, to whom the replies leave first.
  Task<Result<void>> fill(Deadline deadline);
  // Ends the conversation, and says why to a client that can hear it.
  void close_for(const Error& error);
  bool has_lasted_too_long() const;
  // Says 421 and ends the conversation.
  void close_with(EnhancedStatus enhanced, std::string_view reason);
  Task<void> void_transaction();
  // Waits until the last pending message is committed, whatever is asked of the waiting task.
  Task<void> await_pending();

  // --- commands (server_commands.cc)

  Task<void> answer(Command command);
  Task<void> hello(Command command);
  Task<void> mail(std::string_view argument);
  Task<void> recipient(std::string_view argument);
  Task<void> reset(std::string_view argument);
  Task<void> quit(std::string_view argument);
  void verify(std::string_view argument);
  Reply hello_reply() const;
  // Sends a handler's reply; true when it was positive.
  bool pass_on(std::string_view command, const Reply& answer);
  void accept(int code, EnhancedStatus enhanced, std::string text);
  void reject(std::string_view command, const Reply& refusal);
  void count_idle_command();

  // --- encryption and authentication (server_security.cc)

  bool offers_starttls() const;
  bool offers_auth() const;
  // What stands in the way of a command that needs TLS first.
  std::optional<Reply> refuse_in_clear(Verb verb) const;
  Task<void> start_tls(std::string_view argument);
  std::optional<Reply> refuse_start_tls(std::string_view argument) const;
  Task<void> secure();
  Task<void> authenticate(std::string_view argument);
  std::optional<Reply> refuse_auth() const;
  // False when the exchange ended without credentials.
  Task<bool> exchange_auth(AuthenticationExchange& exchange);

  // --- messages (server_body.cc)

  Task<void> data(std::string_view argument);
  Task<void> chunk(std::string_view argument);
  // False when the session ended before the bytes did.
  Task<bool> receive_dots();
  Task<bool> receive_chunk(std::uint64_t bytes);
  Task<void> keep(std::string_view content);
  Task<void> end_message();
  Task<void> finish_message(ReplyQueue::Ticket ticket);
  Task<bool> wait_for_body();
  Duration body_patience() const;
  Task<bool> wait_for_pending_room();
  std::optional<Reply> refuse_data(std::string_view argument) const;
  std::optional<Reply> refuse_chunk(const BdatCommand& command) const;
  std::optional<Reply> refuse_without_recipients() const;

  struct Transaction {
    bool is_open = false;  // MAIL was accepted
    std::uint32_t recipients = 0;
    std::uint32_t refused_recipients = 0;
    bool has_chunks = false;  // BDAT began
    std::uint64_t body_bytes = 0;
    Duration body_wait{0};  // for bytes of the body, so far
  };

  Shard& shard_;
  const ServerSettings& settings_;
  Stream& stream_;
  ClientInfo client_;
  ReceptionHandler& handler_;
  TlsUpgrade* upgrade_;

  LineReader lines_;
  ReplyWriter replies_;
  BodyReceiver body_;
  Transaction transaction_;
  Deadline session_end_;

  std::uint32_t errors_ = 0;
  std::uint32_t idle_commands_ = 0;
  std::size_t pending_ = 0;
  bool has_said_hello_ = false;
  bool is_refused_ = false;   // by the greeting: only QUIT is answered (RFC 5321 §3.1)
  bool is_stopping_ = false;  // request_stop()
  bool is_closing_ = false;   // the conversation is over
  bool is_idle_ = false;      // waits for a command

  TaskScope reader_;
  TaskScope writer_;
  TaskScope committing_;
  Event committed_;                        // a pending message has its reply
  std::coroutine_handle<> all_committed_;  // who waits in await_pending()
};

}  // namespace sluice::smtp
