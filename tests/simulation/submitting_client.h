// SubmittingClient: a sender that gives the relay its messages one after another, over connections
// that it opens again when they break.
//
// It speaks as clients do, well or badly: command by command or ahead of the replies, in DATA or in
// chunks, with idle and wrong commands in between, and it gives up some messages on the way. It
// believes only what it was told: 250 at the end makes the relay responsible. What it was told
// nothing about it sends again, as another message. Lives on the scheduler's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/ip_address.h"
#include "tests/simulation/mail_ledger.h"
#include "tests/simulation/simulated_network.h"

namespace sluice::simulation {

// How far a message comes the first time it is tried. But for `whole` it must never arrive; then it
// comes again, whole.
enum class Course : std::uint8_t {
  whole,
  reset,         // RSET behind its recipients, or between two chunks
  quit,          // QUIT there
  broken_off,    // the connection is closed in the middle of the body
  bare_newline,  // a line of the body ends with LF alone
  too_large,     // by its SIZE parameter
};

// A message as it is planned.
struct PlannedMessage {
  std::vector<std::string> domains;
  std::size_t bytes;
  Course course = Course::whole;
  unsigned attempts = 0;
};

struct ClientSettings {
  Endpoint relay{IpAddress::v4(0), 0};
  IpAddress address = IpAddress::v4(0);
  bool pipelines = true;    // else one command at a time
  bool sends_ahead = true;  // the next message's commands behind a body
  bool uses_chunks = false;
  bool announces_size = false;
  double chatter = 0;  // of a command: another comes before it, idle or wrong
  Duration patience = std::chrono::minutes(10);  // for a reply
  Duration pause_max = std::chrono::seconds(2);  // between connections
  double leave_chance = 0.01;                    // at any step: closes without QUIT
};

class SubmittingClient {
 public:
  SubmittingClient(MailLedger& ledger, ClientSettings settings, std::vector<PlannedMessage> plan);

  void start();
  bool has_finished() const { return plan_.empty() && pending_.empty() && socket_ == nullptr; }
  // From now on nothing goes wrong on purpose.
  void behave();

 private:
  enum class Step : std::uint8_t {
    greeting,
    hello,
    mail,
    recipient,
    data,
    chunk,
    final,
    reset,
    chatter,
    quit,
    leave,  // nothing is expected: the connection is closed
  };
  struct Command {
    std::string bytes;
    Step step;
    std::uint64_t message = 0;
    std::size_t recipient = 0;
  };
  void connect_later();
  void connect();
  void watch();
  void on_change();
  void read_replies();
  void on_reply(int code);
  void end_message(std::uint64_t number, Told told);
  bool is_pending(std::uint64_t number) const {
    return !pending_.empty() && pending_.front() == number;
  }
  void plan_again(PlannedMessage planned);
  void begin_message();
  void begin_ahead();
  void queue_envelope(const LedgerMessage& message, Course course);
  void queue_chatter();
  void queue_chunks(std::uint64_t number, std::string_view body);
  std::size_t queue_chunk(std::uint64_t number, std::string_view body);
  void queue_abandoned(std::uint64_t number);
  void send_text(std::uint64_t number);
  std::string body_of(std::uint64_t number) const;
  void go_on();
  void flush();
  void give_up();

  MailLedger& ledger_;
  ClientSettings settings_;
  std::deque<PlannedMessage> plan_;
  std::deque<std::uint64_t> pending_;  // begun, their end unknown
  std::map<std::uint64_t, PlannedMessage> plans_;
  Socket* socket_ = nullptr;
  std::deque<Command> commands_;  // to be sent
  std::deque<Command> expected_;  // sent, without a reply
  std::string output_;
  std::size_t output_sent_ = 0;  // of output_
  std::uint64_t activity_ = 0;   // grows with every reply and connection
};

}  // namespace sluice::simulation
