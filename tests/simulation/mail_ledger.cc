#include "tests/simulation/mail_ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/assert.h"
#include "tests/simulation/scheduler.h"

namespace sluice::simulation {

namespace {

// Lines of many lengths, some of which begin with dots.
std::string compose_body(std::uint64_t number, std::size_t bytes) {
  std::string body = fmt::format("Subject: simulated\r\nX-Number: {}\r\n\r\n", number);
  Random random(number);
  while (body.size() < bytes) {
    const std::size_t length = random.below(120);
    if (random.below(8) == 0) body.append(1 + random.below(2), '.');
    body.append(length, static_cast<char>('a' + random.below(26)));
    body += "\r\n";
  }
  return body;
}

}  // namespace

LedgerMessage& MailLedger::compose(const std::vector<std::string>& domains, std::size_t bytes) {
  const std::uint64_t number = messages_.size() + 1;
  LedgerMessage message{.number = number,
                        .sender = fmt::format("m{}@from.example", number),
                        .body = compose_body(number, bytes),
                        .recipients = {}};
  for (std::size_t i = 0; i < domains.size(); ++i) {
    message.recipients.push_back({.address = fmt::format("m{}.{}@{}", number, i, domains[i])});
  }
  return messages_.emplace(number, std::move(message)).first->second;
}

LedgerMessage& MailLedger::at(std::uint64_t number) {
  const auto found = messages_.find(number);
  SLUICE_ASSERT(found != messages_.end(), "the world asks for messages that it made");
  return found->second;
}

void MailLedger::note_told(std::uint64_t number, Told told) {
  scheduler().note(told == Told::accepted ? "told_accepted" : "told_refused", number);
  at(number).told = told;
  at(number).told_at = scheduler().now();
}

// "m17@from.example" and "m17.2@domain" are of message 17.
std::optional<std::uint64_t> MailLedger::message_of(std::string_view path) {
  std::uint64_t number = 0;
  const bool is_ours =
      path.starts_with('m') &&
      std::from_chars(path.data() + 1, path.data() + path.size(), number).ec == std::errc{} &&
      messages_.contains(number);
  if (is_ours) return number;
  note_problem(fmt::format("a host was given the unknown path <{}>", path));
  return std::nullopt;
}

// What the relay puts before a message is its own; the rest is what the client sent.
bool MailLedger::check_content(std::uint64_t number, std::string_view content) {
  const LedgerMessage& message = at(number);
  if (content.starts_with("Received: ") && content.ends_with(message.body)) return true;
  const std::size_t mark = content.find("X-Number: ");
  const auto found = mark == std::string_view::npos ? "none" : content.substr(mark, 20);
  note_problem(fmt::format("message {} arrived with another body: {} bytes for {}, its mark is {}",
                           number, content.size(), message.body.size(), found));
  return false;
}

LedgerRecipient* MailLedger::find(std::uint64_t message, std::string_view recipient,
                                  std::size_t& position) {
  auto& recipients = at(message).recipients;
  const auto found = std::ranges::find(recipients, recipient, &LedgerRecipient::address);
  if (found == recipients.end()) return nullptr;
  position = static_cast<std::size_t>(found - recipients.begin());
  return &*found;
}

// An ending may be repeated when its reply did not come back to the relay, when the relay crashed
// before the outcome was durable, or while the message's flight was still being sent: until then
// the session does not let go of the message, and its outcome waits.
bool MailLedger::is_excused(const Ending& earlier) const {
  if (!earlier.known || earlier.was_in_flight) return true;
  return std::ranges::any_of(crashes_, [&](Instant crash) {
    return crash >= *earlier.known - reply_patience_ && crash <= *earlier.known + outcome_patience_;
  });
}

EndingId MailLedger::note_ending(const NewEnding& ending) {
  std::size_t position = 0;
  LedgerRecipient* const found = find(ending.message, ending.recipient, position);
  SLUICE_ASSERT(found != nullptr, "hosts ask for the message of a recipient first");
  scheduler().note(ending.is_delivery ? "delivered" : "failed", ending.message, position);
  if (at(ending.message).told == Told::refused) {
    note_problem(fmt::format("<{}> arrived although its client was told no", ending.recipient));
  }
  if (!found->endings.empty()) ++duplicates_;
  for (const Ending& earlier : found->endings) {
    if (ending.is_late || is_excused(earlier)) continue;
    note_problem(fmt::format("<{}> ended again at {} although its outcome was known since {}",
                             ending.recipient, scheduler().now().nanoseconds(),
                             earlier.known->nanoseconds()));
  }
  if (ending.is_delivery) ++deliveries_;
  found->endings.push_back({.is_delivery = ending.is_delivery});
  return {.message = ending.message, .recipient = position, .ending = found->endings.size() - 1};
}

void MailLedger::note_sender_refused(std::uint64_t number) {
  scheduler().note("sender_refused", number);
  for (LedgerRecipient& recipient : at(number).recipients) {
    recipient.may_be_refused = recipient.was_perhaps_refused = true;
  }
}

void MailLedger::note_attempted(std::uint64_t number, std::string_view recipient) {
  std::size_t position = 0;
  if (LedgerRecipient* const found = find(number, recipient, position)) {
    found->may_be_refused = false;
  }
}

void MailLedger::note_known(const EndingId& ending) {
  Ending& known = at(ending.message).recipients[ending.recipient].endings[ending.ending];
  if (!known.known) known.known = scheduler().now();
}

void MailLedger::note_in_flight(const EndingId& ending) {
  at(ending.message).recipients[ending.recipient].endings[ending.ending].was_in_flight = true;
}

void MailLedger::note_crash() { crashes_.push_back(scheduler().now()); }

template <class Count>
void MailLedger::for_each_unresolved(Count count) const {
  for (const auto& [number, message] : messages_) {
    if (message.told != Told::accepted) continue;
    for (const LedgerRecipient& recipient : message.recipients) {
      const bool has_ended = !recipient.endings.empty() || recipient.may_be_refused;
      if (recipient.is_accepted && !has_ended) count(message, recipient);
    }
  }
}

std::uint64_t MailLedger::unresolved() const {
  std::uint64_t total = 0;
  for_each_unresolved([&](const LedgerMessage&, const LedgerRecipient&) { ++total; });
  return total;
}

std::uint64_t MailLedger::unresolved_younger_than(Duration expiry, Instant now) const {
  std::uint64_t total = 0;
  for_each_unresolved([&](const LedgerMessage& message, const LedgerRecipient&) {
    if (now < *message.told_at + expiry) ++total;
  });
  return total;
}

std::string MailLedger::first_unresolved() const {
  std::string first;
  for_each_unresolved([&](const LedgerMessage&, const LedgerRecipient& recipient) {
    if (first.empty()) first = recipient.address;
  });
  return first;
}

std::uint64_t MailLedger::recipients_promised() const {
  std::uint64_t total = 0;
  for (const auto& [number, message] : messages_) {
    if (message.told != Told::accepted) continue;
    total += static_cast<std::uint64_t>(
        std::ranges::count_if(message.recipients, &LedgerRecipient::is_accepted));
  }
  return total;
}

template <class Predicate>
std::uint64_t MailLedger::count_recipients(Predicate is_counted) const {
  std::uint64_t total = 0;
  for (const auto& [number, message] : messages_) {
    total += static_cast<std::uint64_t>(std::ranges::count_if(message.recipients, is_counted));
  }
  return total;
}

std::uint64_t MailLedger::recipients_taken() const {
  return count_recipients([](const LedgerRecipient& recipient) {
    return std::ranges::any_of(recipient.endings, &Ending::is_delivery);
  });
}

std::uint64_t MailLedger::recipients_refused() const {
  return count_recipients([](const LedgerRecipient& recipient) {
    return recipient.was_perhaps_refused ||
           !std::ranges::all_of(recipient.endings, &Ending::is_delivery);
  });
}

std::uint64_t MailLedger::recipients_perhaps() const {
  std::uint64_t total = 0;
  for (const auto& [number, message] : messages_) {
    if (message.told == Told::nothing) total += message.recipients.size();
  }
  return total;
}

}  // namespace sluice::simulation
