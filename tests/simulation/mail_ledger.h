// MailLedger: what the world knows about each message: what its client was told, and what became of
// each recipient at the hosts. From it follows whether the relay kept its promise.
//
// A message is known by its number, which stands in its sender, its recipients and its body, so
// that a body under another's sender is seen at once.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"

namespace sluice::simulation {

enum class Told : std::uint8_t {
  nothing,   // the connection broke first: it may have been accepted
  accepted,  // 250
  refused,   // 4xx or 5xx: it must never arrive
};

// How a recipient ended at a host: accepted with 250, or refused with 5xx.
struct Ending {
  bool is_delivery;
  std::optional<Instant> known = {};  // since when the relay has the reply; nothing: it may not
  bool was_in_flight = false;         // at a crash: among the last of its connection
};

struct LedgerRecipient {
  std::string address;
  bool is_accepted = false;  // 250 to RCPT
  std::vector<Ending> endings = {};
  // A host refused the sender for good, and was not told to whom that message went. Until it is
  // attempted again this one may have ended by that.
  bool may_be_refused = false;
  bool was_perhaps_refused = false;
};

struct LedgerMessage {
  std::uint64_t number;
  std::string sender;
  std::string body;
  std::vector<LedgerRecipient> recipients;
  Told told = Told::nothing;
  std::optional<Instant> told_at = {};
};

// Which recipient of which message an ending belongs to.
struct EndingId {
  std::uint64_t message;
  std::size_t recipient;
  std::size_t ending;
};

// What a host decides about a recipient.
struct NewEnding {
  std::uint64_t message;
  std::string_view recipient;
  bool is_delivery;
  bool is_late;  // the relay's end is gone already: it sent this before, and has tried again since
};

class MailLedger {
 public:
  // A new message to recipients of these domains; the size is about that many bytes.
  LedgerMessage& compose(const std::vector<std::string>& domains, std::size_t bytes);
  LedgerMessage& at(std::uint64_t number);
  void note_told(std::uint64_t number, Told told);

  // At a host. The sender and each recipient of a transaction, and the whole body, must belong to
  // one message; problems are noted.
  std::optional<std::uint64_t> message_of(std::string_view path);
  bool check_content(std::uint64_t number, std::string_view content);
  EndingId note_ending(const NewEnding& ending);
  // A host refuses the sender, and so the recipients of the attempt, whoever they are.
  void note_sender_refused(std::uint64_t number);
  // A host is asked to take it for this recipient.
  void note_attempted(std::uint64_t number, std::string_view recipient);
  void note_known(const EndingId& ending);
  void note_in_flight(const EndingId& ending);

  void note_crash();
  // How long the news that the relay took a reply may be on its way; how long after that its
  // outcome may still not be durable.
  void set_patience(Duration reply, Duration outcome) {
    reply_patience_ = reply;
    outcome_patience_ = outcome;
  }
  Duration outcome_patience() const { return outcome_patience_; }

  // Recipients that were promised, and have neither been delivered nor refused.
  std::uint64_t unresolved() const;
  // Of these, those whose message was accepted less than `expiry` ago.
  std::uint64_t unresolved_younger_than(Duration expiry, Instant now) const;
  std::string first_unresolved() const;
  std::uint64_t recipients_promised() const;
  std::uint64_t recipients_perhaps() const;  // of messages whose client was told nothing
  // Those that may have ended so: by a host that took the message, by one that refused it.
  std::uint64_t recipients_taken() const;
  std::uint64_t recipients_refused() const;
  std::uint64_t deliveries() const { return deliveries_; }
  std::uint64_t duplicates() const { return duplicates_; }

  void note_problem(std::string problem) { problems_.push_back(std::move(problem)); }
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  LedgerRecipient* find(std::uint64_t message, std::string_view recipient, std::size_t& position);
  bool is_excused(const Ending& earlier) const;
  template <class Count>
  void for_each_unresolved(Count count) const;
  template <class Predicate>
  std::uint64_t count_recipients(Predicate is_counted) const;

  std::map<std::uint64_t, LedgerMessage> messages_;
  std::vector<Instant> crashes_;
  Duration reply_patience_{0};
  Duration outcome_patience_{0};
  std::uint64_t deliveries_ = 0;
  std::uint64_t duplicates_ = 0;
  std::vector<std::string> problems_;
};

}  // namespace sluice::simulation
