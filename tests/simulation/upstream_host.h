// UpstreamHost: a mail server that the relay delivers to, as kind or as nasty as the seed makes it.
//
// It takes one command at a time, answers when it likes, and holds the relay to the protocol: what
// was not offered is not used, and sender, recipients and body of a message belong together. What
// it accepted or refused for good goes to the ledger, with the moment from which the relay knew.
// Lives on the scheduler's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/ip_address.h"
#include "tests/simulation/mail_ledger.h"
#include "tests/simulation/simulated_network.h"
#include "tests/simulation/upstream_reply.h"

namespace sluice::simulation {

struct HostSettings {
  Endpoint endpoint{IpAddress::v4(0), 0};
  bool offers_pipelining = true;
  bool offers_chunking = true;
  bool knows_ehlo = true;              // else it is refused, and HELO is not
  bool keeps_mail = false;             // a refused body does not end the transaction, as with Exim
  bool grants_data_to_nobody = false;  // 354 although every recipient was refused
  ReplyStyle replies;
  bool drips = false;  // replies come byte by byte
  Duration answer_max = std::chrono::milliseconds(5);
  Duration idle_max{0};                  // then 421, unasked; 0: never
  std::size_t recipients_max = 100;      // then 452 4.5.3
  std::size_t messages_max = 1'000'000;  // then 421
  // Chances, of each command where nothing else is said.
  double temporary = 0;
  double permanent = 0;
  double closing = 0;     // 421, and the end
  double reset = 0;       // the connection ends or breaks before the answer
  double early = 0;       // of a body: refused in the middle
  double late_reset = 0;  // of an accepted message: it is kept, the answer never leaves
  double garbage = 0;     // of an answer: nothing that one can be taken for
  double stall = 0;       // no answer, for longer than the relay's patience
  double pause = 0;       // stops reading for some seconds
};

class UpstreamHost {
 public:
  UpstreamHost(MailLedger& ledger, HostSettings settings);
  ~UpstreamHost();
  UpstreamHost(const UpstreamHost&) = delete;
  UpstreamHost& operator=(const UpstreamHost&) = delete;

  const HostSettings& settings() const { return settings_; }
  // Refuses connections until up() and resets those that are open.
  void down();
  void up();
  // From now on nothing goes wrong on purpose.
  void behave();
  // The relay crashes now: the last messages of each connection, so many, were in flight.
  void note_crash(std::size_t depth);

  class Conversation;  // defined in upstream_conversation.h

 private:
  void on_connection();

  MailLedger& ledger_;
  HostSettings settings_;
  int listener_ = -1;
  std::vector<std::unique_ptr<Conversation>> conversations_;
};

}  // namespace sluice::simulation
