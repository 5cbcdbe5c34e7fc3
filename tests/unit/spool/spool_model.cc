#include "tests/unit/spool/spool_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/assert.h"

namespace sluice::spool {

namespace {

using Versions = std::vector<EnvelopeVersion>;

// The versions that a spool cut off there may hold.
struct Range {
  std::optional<std::size_t> lowest;   // nothing: it need not be there
  std::optional<std::size_t> highest;  // nothing: it must not be there
};

template <class AnyVersion>
Range allowed(const std::vector<AnyVersion>& versions, Place cut) {
  Range range;
  for (std::size_t i = 0; i < versions.size(); ++i) {
    if (versions[i].durable < cut) range.lowest = i;
    if (versions[i].issued < cut) range.highest = i;
  }
  return range;
}

bool is_that(const EnvelopeVersion& version, const EnvelopeDetails& details) {
  std::vector<std::string> replies;
  for (const auto& note : details.attempts) replies.push_back(note.reply);
  const auto pending = std::ranges::count(version.ended, false);
  return !version.is_gone() && details.ended == version.ended &&
         details.waiting.recipients_pending == pending &&
         details.waiting.attempts == version.attempts &&
         details.waiting.next_attempt == version.next_attempt && replies == version.replies;
}

// The newest allowed version that looks like what was found.
std::optional<std::size_t> version_of(const Versions& versions, const Range& range,
                                      const EnvelopeDetails* details) {
  if (!range.highest) return std::nullopt;
  for (auto i = *range.highest + 1; i-- > range.lowest.value_or(0);) {
    if (details != nullptr ? is_that(versions[i], *details) : versions[i].is_gone()) return i;
  }
  return std::nullopt;
}

std::string name_of(const EnvelopeKey& key) {
  return fmt::format("{}.{}", key.message.to_string(), key.ordinal);
}

std::uint64_t amount_of(const Spool& spool, std::string_view name) {
  const auto& ledger = spool.ledger_at_start();
  const auto entry = std::ranges::find(ledger, name, &LedgerEntry::name);
  return entry == ledger.end() ? 0 : entry->amount;
}

void add(Accounting& books, const EnvelopeVersion& version) {
  books.received += version.ended.size();
  books.delivered += version.counts.delivered;
  books.bounced += version.counts.bounced;
  books.expired += version.counts.expired;
  books.removed += version.counts.removed;
  books.queued += version.ended.size() - version.counts.total();
}

std::string text_of(const Accounting& books) {
  return fmt::format(
      "{} received, {} delivered, {} bounced, {} expired, {} removed, {} quarantined, {} queued",
      books.received, books.delivered, books.bounced, books.expired, books.removed,
      books.quarantined, books.queued);
}

}  // namespace

bool EnvelopeVersion::is_gone() const { return std::ranges::count(ended, false) == 0; }

void SpoolModel::accepting(const MessageId& id, TestMessage message, Place place) {
  const EnvelopeVersion first{.issued = place, .ended = std::vector<bool>(message.recipients)};
  std::vector<Versions> envelopes(message.envelopes.size(), Versions{first});
  messages_.emplace(id, Message{.contents = std::move(message), .envelopes = std::move(envelopes)});
}

void SpoolModel::accepted(const MessageId& id, Place place) {
  for (auto& versions : messages_.at(id).envelopes) versions.front().durable = place;
}

void SpoolModel::recording(const EnvelopeOutcome& outcome, Place place) {
  auto& versions = messages_.at(outcome.key.message).envelopes.at(outcome.key.ordinal);
  auto next = versions.back();
  next.issued = place;
  next.durable = kNoPlace;
  for (const auto position : outcome.ended) next.ended.at(position) = true;
  next.counts.delivered += outcome.counts.delivered;
  next.counts.bounced += outcome.counts.bounced;
  next.counts.expired += outcome.counts.expired;
  next.counts.removed += outcome.counts.removed;
  next.attempts = outcome.attempts;
  next.next_attempt = outcome.next_attempt;
  if (outcome.note) next.replies.push_back(outcome.note->reply);
  if (next.replies.size() > kAttemptsKept) next.replies.erase(next.replies.begin());
  versions.push_back(std::move(next));
}

void SpoolModel::setting(std::uint64_t amount, Place place) {
  settings_.push_back({.amount = amount, .issued = place});
}

void SpoolModel::has_set(Place place) { settings_.back().durable = place; }

void SpoolModel::flushed(Place place) {
  for (auto& [id, message] : messages_) {
    for (auto& versions : message.envelopes) {
      for (auto& version : versions) version.durable = std::min(version.durable, place);
    }
  }
}

std::vector<EnvelopeKey> SpoolModel::queued() const {
  std::vector<EnvelopeKey> keys;
  for (const auto& [id, message] : messages_) {
    for (std::uint16_t ordinal = 0; ordinal < message.envelopes.size(); ++ordinal) {
      const auto& versions = message.envelopes[ordinal];
      const bool is_accepted = versions.front().durable != kNoPlace;
      if (is_accepted && !versions.back().is_gone()) keys.push_back({id, ordinal});
    }
  }
  return keys;
}

const EnvelopeVersion& SpoolModel::latest(const EnvelopeKey& key) const {
  return messages_.at(key.message).envelopes.at(key.ordinal).back();
}

SpoolModel::Comparison SpoolModel::compare_opened(SpoolHarness& harness, Place cut) const {
  Comparison comparison;
  std::set<MessageId> present;
  std::set<EnvelopeKey> told;
  for (const auto& waiting : harness.recovered()) {
    present.insert(waiting.key.message);
    if (!told.insert(waiting.key).second)
      comparison.problems.push_back(name_of(waiting.key) + " is recovered twice");
    if (!messages_.contains(waiting.key.message))
      comparison.problems.push_back(name_of(waiting.key) + " was never accepted");
  }
  compare(harness, &present, cut, comparison);
  compare_ledger(harness.spool(), cut, comparison);
  std::size_t queued = 0;
  for (const auto& [key, version] : comparison.found) {
    const bool is_queued =
        version && !messages_.at(key.message).envelopes[key.ordinal][*version].is_gone();
    queued += is_queued ? 1 : 0;
    if (is_queued != told.contains(key))
      comparison.problems.push_back(name_of(key) + " is not told of as it is stored");
  }
  if (queued != told.size()) comparison.problems.push_back("more envelopes are told of than exist");
  return comparison;
}

SpoolModel::Comparison SpoolModel::compare_running(SpoolHarness& harness) const {
  Comparison comparison;
  compare(harness, nullptr, kNoPlace, comparison);
  return comparison;
}

// Where `present` is given, messages that are not in it need no look.
void SpoolModel::compare(SpoolHarness& harness, const std::set<MessageId>* present, Place cut,
                         Comparison& comparison) const {
  for (const auto& [id, message] : messages_) {
    Present found;
    if (present == nullptr || present->contains(id)) {
      const auto details = harness.inspect(id);
      if (!details && details.error().code() != ErrorCode::not_found)
        comparison.problems.push_back(id.to_string() + ": " + details.error().sentence());
      if (details) {
        for (const auto& one : *details) found.emplace(one.waiting.key.ordinal, one);
      }
    }
    compare_message(harness, id, found, cut, comparison);
  }
  compare_books(harness.spool().accounting(), comparison, comparison.problems);
}

void SpoolModel::compare_message(SpoolHarness& harness, const MessageId& id, const Present& present,
                                 Place cut, Comparison& comparison) const {
  const auto& message = messages_.at(id);
  std::size_t missing = 0;
  for (std::uint16_t ordinal = 0; ordinal < message.envelopes.size(); ++ordinal) {
    const EnvelopeKey key{id, ordinal};
    const auto& versions = message.envelopes[ordinal];
    const auto range = allowed(versions, cut);
    const auto details = present.find(ordinal);
    const bool is_there = details != present.end();
    const auto version = version_of(versions, range, is_there ? &details->second : nullptr);
    comparison.found[key] = version;
    missing += version ? 0 : 1;
    if (!version && (is_there || range.lowest)) {
      comparison.problems.push_back(
          fmt::format("{} is {}, yet versions {} to {} of {} are allowed at {}", name_of(key),
                      is_there ? "something else" : "lost", range.lowest ? int(*range.lowest) : -1,
                      range.highest ? int(*range.highest) : -1, versions.size(), cut));
    }
    if (!is_there) continue;
    const auto& stored = details->second;
    const bool is_same = stored.message_metadata == message.contents.metadata &&
                         stored.envelope_metadata == message.contents.envelopes[ordinal] &&
                         stored.queue == message.contents.queue;
    if (!is_same) comparison.problems.push_back(name_of(key) + ": its metadata are wrong");
    const auto body = harness.read_body(key);
    if (!body)
      comparison.problems.push_back(name_of(key) + ": " + body.error().sentence());
    else if (*body != message.contents.body)
      comparison.problems.push_back(name_of(key) + ": its body is wrong");
  }
  if (missing != 0 && missing != message.envelopes.size())
    comparison.problems.push_back(id.to_string() + " is there in part");
}

void SpoolModel::compare_books(const Accounting& books, const Comparison& comparison,
                               std::vector<std::string>& problems) const {
  auto expected = forgotten_;
  for (const auto& [key, version] : comparison.found) {
    if (version) add(expected, messages_.at(key.message).envelopes[key.ordinal][*version]);
  }
  if (text_of(books) == text_of(expected)) return;
  problems.push_back("the books have " + text_of(books) + "; they should have " +
                     text_of(expected));
}

// Exact: a counter and the messages that it counts are never apart.
void SpoolModel::compare_ledger(const Spool& spool, Place cut, Comparison& comparison) const {
  const auto received = spool.accounting().received;
  const auto counted = amount_of(spool, kQuotaName);
  if (counted != received) {
    comparison.problems.push_back(
        fmt::format("the quota counts {} recipients of {} received", counted, received));
  }
  const auto range = allowed(settings_, cut);
  const auto amount = amount_of(spool, kSettingName);
  for (auto i = range.lowest.value_or(0); i <= range.highest.value_or(0); ++i) {
    if (settings_[i].amount == amount) comparison.setting = i;
  }
  if (comparison.setting) return;
  comparison.problems.push_back(
      fmt::format("the setting is {}, which it was not at {}", amount, cut));
}

void SpoolModel::become(const Comparison& comparison) {
  if (comparison.setting) {
    settings_ = {{.amount = settings_[*comparison.setting].amount, .durable = 0}};
  }
  for (auto message = messages_.begin(); message != messages_.end();) {
    bool is_queued = false;
    Accounting books;
    auto& envelopes = message->second.envelopes;
    for (std::uint16_t ordinal = 0; ordinal < envelopes.size(); ++ordinal) {
      const auto version = comparison.found.at({message->first, ordinal});
      if (!version) continue;
      auto now = envelopes[ordinal][*version];
      now.issued = 0;
      now.durable = 0;
      add(books, now);
      is_queued = is_queued || !now.is_gone();
      envelopes[ordinal] = {std::move(now)};
    }
    if (!is_queued) forgotten_ = forgotten_ + books;
    message = is_queued ? std::next(message) : messages_.erase(message);
  }
}

}  // namespace sluice::spool
