#include "spool/inspection.h"

#include <span>

#include "spool/entry_lookup.h"
#include "spool/record.h"

namespace sluice::spool {

namespace {

std::vector<AttemptNote> past_attempts(const Transaction& transaction, const EnvelopeKey& key) {
  const auto encoded_key = encode_key(key);
  const auto found = transaction.find(Table::deferrals, encoded_key.view());
  if (!found || !*found) return {};
  auto notes = decode_attempts(**found);
  // Damaged notes are history lost; the envelope is still shown.
  return notes ? std::move(*notes) : std::vector<AttemptNote>();
}

Result<EnvelopeDetails> details_of(const Transaction& transaction, const EnvelopeKey& key,
                                   EnvelopeRecord record,
                                   std::span<const std::uint16_t> ended_since) {
  SLUICE_TRY(entry, find_entry(transaction, key, record));
  for (const auto position : ended_since) {
    if (position < record.recipients) record.ended.set(position);
  }
  EnvelopeDetails details{.waiting = waiting_envelope(key, record),
                          .queue = {},
                          .message_metadata = std::string(entry.metadata()),
                          .envelope_metadata = std::string(entry.envelope_metadata(key.ordinal)),
                          .ended = {},
                          .body_bytes = entry.body_bytes(),
                          .attempts = past_attempts(transaction, key)};
  for (std::size_t i = 0; i < record.recipients; ++i) details.ended.push_back(record.ended[i]);
  return details;
}

}  // namespace

Result<std::vector<EnvelopeDetails>> inspect_message(const Environment& environment,
                                                     const OutcomeLog& outcomes,
                                                     const QueueNames& names,
                                                     const MessageId& message) {
  // Outcomes first: what leaves their log meanwhile is in the transaction.
  std::vector<EnvelopeKey> keys;
  for (std::uint32_t i = 0; i < kEnvelopesPerMessageMax; ++i) {
    keys.push_back({message, static_cast<std::uint16_t>(i)});
  }
  const auto ended = outcomes.ended(keys);

  SLUICE_TRY(transaction, ReadTransaction::begin(environment));
  SLUICE_TRY(cursor, Cursor::open(*transaction, Table::envelopes));
  std::vector<EnvelopeDetails> found;
  const auto prefix = message_prefix(message);
  SLUICE_TRY(row, cursor->seek(prefix));
  while (row && row->key.starts_with(prefix)) {
    const auto key = decode_key(row->key);
    auto record = decode_record(row->value);
    if (key && record && key->ordinal < kEnvelopesPerMessageMax) {
      auto details = details_of(*transaction, *key, std::move(*record), ended[key->ordinal]);
      if (details && details->waiting.recipients_pending > 0) {
        details->queue = names.name(details->waiting.queue);
        found.push_back(std::move(*details));
      }
    }
    SLUICE_TRY(next, cursor->next());
    row = next;
  }
  if (found.empty()) return fail(ErrorCode::not_found, "no envelope of this message is queued");
  return found;
}

}  // namespace sluice::spool
