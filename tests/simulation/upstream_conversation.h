// UpstreamHost::Conversation: one connection to a simulated host.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/simulation/upstream_host.h"

namespace sluice::simulation {

class UpstreamHost::Conversation {
 public:
  Conversation(MailLedger& ledger, const HostSettings& settings, int socket);
  ~Conversation();
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  void greet();
  void reset();
  void note_crash(std::size_t depth);
  // On both ends: a relay that cannot hear that we left still has its last messages in flight, and
  // one that has just heard it has not yet stored how they ended.
  bool is_over() const;

 private:
  enum class Mode : std::uint8_t { command, text, chunk };
  struct Recipient {
    std::string address;
    bool is_refused;  // for good
  };
  struct Awaited {  // an ending whose reply is on its way
    EndingId ending;
    std::uint64_t offset;
  };
  Socket* socket() const { return is_over_ ? nullptr : network().find(socket_); }
  void on_change();
  void note_known();
  void work();
  bool take_command();
  bool take_text();
  bool take_chunk();
  void act_on(std::string_view line);
  void reset_transaction();
  void hello(bool is_extended);
  void mail(std::string_view path);
  void recipient(std::string_view path);
  void data();
  void chunk(std::string_view argument);
  void finish();
  void refuse_all();
  EndingId note_ending(std::uint64_t message, std::string_view recipient, bool is_delivery);
  void end_transaction();
  // True when chance decided the answer: the connection fails, or the command is refused for now.
  // False: the command goes its way.
  bool breaks_down();
  bool is_put_off();
  bool is_refused() const;
  void refuse_sender(std::string_view path, const UpstreamReply& refusal);
  void refuse_data(const UpstreamReply& refusal);
  void refuse_early();
  void end_accepted(bool is_delivery);
  void close_when_idle();
  void answer(const UpstreamReply& reply);
  void write(std::string text);
  void say(std::string text);
  void flush();
  void close();
  std::size_t accepted() const;

  MailLedger& ledger_;
  const HostSettings& settings_;
  int socket_;
  int relay_end_ = -1;  // the number of the socket on the other side
  bool is_over_ = false;
  bool is_busy_ = false;     // an answer is being thought about
  bool is_closing_ = false;  // after the answer
  bool is_extended_ = false;
  bool is_trusted_ = true;  // else what is said goes unread, or may
  Mode mode_ = Mode::command;
  std::string output_;
  std::uint64_t said_ = 0;
  std::uint64_t activity_ = 0;            // grows with every answer and command
  std::optional<std::uint64_t> message_;  // of the transaction
  std::optional<std::uint64_t> refused_;  // its sender was refused for good
  std::vector<Recipient> recipients_;
  std::string content_;
  std::size_t chunk_left_ = 0;
  bool is_chunk_taken_ = false;
  bool is_answered_early_ = false;  // the body that comes is not answered again
  std::size_t messages_ = 0;
  // Recipients refused for good: it counts once the transaction has its last answer.
  std::vector<EndingId> refusals_;
  std::vector<EndingId> endings_;  // that the next answer tells
  std::deque<Awaited> awaited_;
  std::deque<std::vector<EndingId>> ended_;  // of the last transactions
  // Events may come after the conversation is gone.
  std::shared_ptr<Conversation*> self_ = std::make_shared<Conversation*>(this);
};

}  // namespace sluice::simulation
