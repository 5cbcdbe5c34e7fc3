// SubmittingClient: a sender that gives the relay its messages one after another, over connections
// that it opens again when they break.
//
// It sends ahead what a client may, in DATA or in chunks, and believes only what it was told: 250
// at the end makes the relay responsible. What it was told nothing about it sends again, as another
// message. Lives on the scheduler's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "core/ip_address.h"
#include "tests/simulation/mail_ledger.h"
#include "tests/simulation/simulated_network.h"

namespace sluice::simulation {

// A message as it is planned.
struct PlannedMessage {
  std::vector<std::string> domains;
  std::size_t bytes;
};

struct ClientSettings {
  Endpoint relay{IpAddress::v4(0), 0};
  IpAddress address = IpAddress::v4(0);
  bool sends_ahead = true;  // the next message's commands behind a body
  bool uses_chunks = false;
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
  void behave() { settings_.leave_chance = 0; }

 private:
  enum class Step : std::uint8_t { greeting, hello, mail, recipient, data, chunk, final, quit };
  struct Expected {
    Step step;
    std::uint64_t message = 0;
    std::size_t recipient = 0;
  };
  void connect_later();
  void connect();
  void on_change();
  void read_replies();
  void on_reply(int code);
  void on_final(std::uint64_t number, int code);
  void begin_message();
  void send_body(std::uint64_t number);
  void say(std::string_view bytes);
  void flush();
  void give_up();
  void watch();
  void end_message(std::uint64_t number, Told told);

  MailLedger& ledger_;
  ClientSettings settings_;
  std::deque<PlannedMessage> plan_;
  std::deque<std::uint64_t> pending_;  // begun, their end unknown
  std::map<std::uint64_t, PlannedMessage> plans_;
  Socket* socket_ = nullptr;
  std::string output_;
  std::deque<Expected> expected_;
  bool has_recipient_ = false;  // of the message that is being begun, one was accepted
  std::uint64_t activity_ = 0;  // grows with every reply and connection
};

}  // namespace sluice::simulation
