#include "spool/reader.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/assert.h"
#include "core/log.h"
#include "spool/compaction.h"
#include "spool/entry_lookup.h"
#include "spool/inspection.h"

namespace sluice::spool {

namespace {

constexpr Duration kRoundMax = std::chrono::milliseconds(3);
constexpr Duration kAnswerRetryInterval = std::chrono::milliseconds(1);

// Tells the kernel to fetch these bytes of the map. Advice: a failure costs time only.
void read_ahead(std::string_view bytes) {
  static const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(bytes.data()) / page * page;
  const auto end = reinterpret_cast<std::uintptr_t>(bytes.data()) + bytes.size();
  madvise(reinterpret_cast<void*>(begin), end - begin, MADV_WILLNEED);
}

template <class T>
void move_all(std::deque<T>& from, std::deque<T>& to) {
  std::ranges::move(from, std::back_inserter(to));
  from.clear();
}

}  // namespace

// A request of a round, and where its entry lies in the map.
struct Reader::Located {
  std::size_t request;  // position in the round
  std::optional<EnvelopeRecord> record;
  std::string_view bytes;  // of the entry
  std::optional<Error> failure;

  std::pair<std::uint64_t, std::uint32_t> place() const {
    return record ? std::pair(record->location.pack, record->location.offset)
                  : std::pair(std::uint64_t{0}, 0U);
  }
};

Reader::Reader(const Environment& environment, const OutcomeLog& outcomes, const QueueNames& names,
               MemoryBudget& budget)
    : environment_(environment),
      outcomes_(outcomes),
      names_(names),
      budget_(budget),
      metrics_(registry_) {}

void Reader::start(ReaderLinks links, SpoolAtStart found) {
  links_ = std::move(links);
  recovery_.emplace(environment_, std::move(found));
}

void Reader::attach(Worker* worker) {
  worker_.store(worker);
  if (worker != nullptr) worker->wake();
}

void Reader::wake() {
  if (auto* const worker = worker_.load(); worker != nullptr) worker->wake();
}

void Reader::submit(std::unique_ptr<ReadRequest> request) {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    was_empty = incoming_.is_empty();
    incoming_.reads.push_back(std::move(request));
  }
  if (was_empty) wake();
}

void Reader::submit(std::unique_ptr<PartReadRequest> request) {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    was_empty = incoming_.is_empty();
    incoming_.parts.push_back(std::move(request));
  }
  if (was_empty) wake();
}

void Reader::submit(std::unique_ptr<InspectRequest> request) {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    was_empty = incoming_.is_empty();
    incoming_.inspections.push_back(std::move(request));
  }
  if (was_empty) wake();
}

void Reader::compact(std::vector<std::uint64_t> packs) {
  {
    const std::lock_guard lock(mutex_);
    incoming_.packs.insert(incoming_.packs.end(), packs.begin(), packs.end());
  }
  wake();
}

void Reader::take_work() {
  const std::lock_guard lock(mutex_);
  move_all(incoming_.reads, work_.reads);
  move_all(incoming_.parts, work_.parts);
  move_all(incoming_.inspections, work_.inspections);
  move_all(incoming_.packs, work_.packs);
}

Instant Reader::step() {
  const auto now = clock_.now();
  const bool are_answers_sent = answers_.flush();
  take_work();
  if (!work_.reads.empty()) read_envelopes();
  if (!work_.parts.empty()) read_part();
  if (!work_.inspections.empty()) inspect();
  if (recovery_) {
    recover();
  } else if (!work_.packs.empty() && work_.reads.empty()) {
    compact_some();
  }
  answers_.send();
  if (!damaged_.empty()) links_.damaged(std::exchange(damaged_, {}));
  if (recovery_ || !work_.is_empty()) return now;
  return are_answers_sent && answers_.flush() ? Instant::far_future() : now + kAnswerRetryInterval;
}

void Reader::read_envelopes() {
  const auto begin = clock_.now();
  Round round;
  while (!work_.reads.empty() && round.size() < kReadsPerRound) {
    round.push_back(std::move(work_.reads.front()));
    work_.reads.pop_front();
  }
  std::ranges::sort(round, {}, [](const auto& request) { return request->key; });
  read_round(round);
  put_back(round);
  metrics_.round_seconds.observe(clock_.now() - begin);
}

// Reads until the time or the bytes of a round are used up. What it finished leaves `round`.
void Reader::read_round(Round& round) {
  // Outcomes first: those that leave their log meanwhile are in the transaction.
  std::vector<EnvelopeKey> keys;
  keys.reserve(round.size());
  for (const auto& request : round) keys.push_back(request->key);
  const auto ended = outcomes_.ended(keys);

  auto transaction = ReadTransaction::begin(environment_);
  if (!transaction) {
    for (auto& request : round) finish(std::move(request), std::unexpected(transaction.error()));
    return;
  }
  const auto end = clock_.now() + kRoundMax;
  auto located = locate(**transaction, round);
  std::size_t bytes = 0;
  for (auto& found : located) {
    // The rest waits for the next round, in a transaction of its own.
    const bool is_over = bytes >= kReadBytesPerRound || clock_.now() >= end;
    if (bytes > 0 && is_over) break;
    bytes += found.bytes.size();
    auto& request = round[found.request];
    auto envelope = load(found, *request, ended[found.request]);
    finish(std::move(request), std::move(envelope));
  }
}

void Reader::finish(std::unique_ptr<ReadRequest> request, Result<StoredEnvelope> envelope) {
  metrics_.reads.add();
  if (!envelope) note_failure(request->key, envelope.error());
  request->finish(std::move(envelope));
  answers_.add(std::move(request));
}

void Reader::put_back(Round& round) {
  for (auto request = round.rbegin(); request != round.rend(); ++request) {
    if (*request != nullptr) work_.reads.push_front(std::move(*request));
  }
}

// Finds where everything lies, without touching it, and has the kernel fetch it. In pack order.
std::vector<Reader::Located> Reader::locate(const ReadTransaction& transaction,
                                            const Round& round) {
  std::vector<Located> located;
  located.reserve(round.size());
  for (std::size_t i = 0; i < round.size(); ++i) {
    Located found{.request = i, .record = {}, .bytes = {}, .failure = {}};
    if (auto done = locate_one(transaction, round[i]->key, found); !done)
      found.failure = std::move(done).error();
    located.push_back(std::move(found));
  }
  std::ranges::sort(located, {}, &Located::place);
  return located;
}

Result<void> Reader::locate_one(const ReadTransaction& transaction, const EnvelopeKey& key,
                                Located& found) {
  const auto encoded_key = encode_key(key);
  SLUICE_TRY(row, transaction.find(Table::envelopes, encoded_key.view()));
  if (!row) return fail(ErrorCode::not_found, "the envelope has ended");
  SLUICE_TRY(record, decode_record(*row));
  SLUICE_TRY(bytes, locate_entry(transaction, record.location));
  read_ahead(bytes);
  found.record = record;
  found.bytes = bytes;
  return {};
}

Result<StoredEnvelope> Reader::load(const Located& located, const ReadRequest& request,
                                    std::span<const std::uint16_t> ended_since) {
  if (located.failure) return std::unexpected(*located.failure);
  auto record = *located.record;
  for (const auto position : ended_since) {
    if (position < record.recipients) record.ended.set(position);
  }
  if (record.pending() == 0) return fail(ErrorCode::not_found, "the envelope has ended");

  SLUICE_TRY(entry, parse_entry(located.bytes, request.key, record));
  StoredEnvelope envelope;
  envelope.message_metadata = entry.metadata();
  envelope.envelope_metadata = entry.envelope_metadata(request.key.ordinal);
  for (std::size_t i = 0; i < record.recipients; ++i) envelope.ended.push_back(record.ended[i]);
  envelope.body_bytes = entry.body_bytes();
  envelope.body_parts = entry.body_parts();
  if (request.body == ReadBody::no || entry.body_parts() > 0) return envelope;
  if (auto sound = entry.check_body(); !sound) return std::unexpected(std::move(sound).error());
  SLUICE_TRY(body, copy_bytes(entry.body()));
  envelope.body = std::move(body);
  return envelope;
}

Result<std::shared_ptr<const ByteChain>> Reader::copy_bytes(std::string_view bytes) {
  ByteChain chain(budget_);
  if (auto copied = chain.append(bytes); !copied) return std::unexpected(std::move(copied).error());
  metrics_.bytes.add(bytes.size());
  return std::make_shared<const ByteChain>(std::move(chain));
}

void Reader::read_part() {
  auto request = std::move(work_.parts.front());
  work_.parts.pop_front();
  auto part = copy_part(*request);
  if (!part) note_failure(request->key, part.error());
  metrics_.reads.add();
  request->finish(std::move(part));
  answers_.add(std::move(request));
}

Result<std::shared_ptr<const ByteChain>> Reader::copy_part(const PartReadRequest& request) {
  SLUICE_TRY(transaction, ReadTransaction::begin(environment_));
  const auto envelope_key = encode_key(request.key);
  SLUICE_TRY(envelope, transaction->find(Table::envelopes, envelope_key.view()));
  if (!envelope) return fail(ErrorCode::not_found, "the envelope has ended");
  SLUICE_TRY(record, decode_record(*envelope));
  if (request.part >= record.body_parts)
    return fail(ErrorCode::not_found, "the body has no such part");
  const auto key = encode_part_key({request.key.message, request.part});
  SLUICE_TRY(value, transaction->find(Table::parts, key.view()));
  if (!value) return fail(ErrorCode::corrupt, "part of a body is missing");
  read_ahead(*value);
  SLUICE_TRY(bytes, parse_part(*value, request.key.message, request.part));
  return copy_bytes(bytes);
}

void Reader::inspect() {
  auto request = std::move(work_.inspections.front());
  work_.inspections.pop_front();
  request->finish(inspect_message(environment_, outcomes_, names_, request->message));
  answers_.add(std::move(request));
}

void Reader::recover() {
  auto piece = recovery_->step();
  if (!piece) {
    links_.on_fatal(std::move(piece).error().within("recovery of " + environment_.directory()));
    recovery_.reset();
    return;
  }
  metrics_.recovered.add(piece->envelopes.size());
  std::ranges::move(piece->damaged, std::back_inserter(damaged_));
  if (!piece->envelopes.empty()) links_.on_envelopes(std::move(piece->envelopes));
  if (piece->has_all_envelopes) links_.on_all_envelopes();
  if (!recovery_->is_finished()) return;
  links_.recovered(recovery_->take_result());
  recovery_.reset();
}

void Reader::compact_some() {
  const auto before = work_.packs;
  auto copied = copy_survivors(environment_, work_.packs);
  if (!copied) {
    SLUICE_LOG(error, "spool_compaction_failed", {"directory", environment_.directory()},
               {"error", copied.error().sentence()});
    work_.packs.clear();
    links_.compacted({.survivors = {}, .sources = {}, .declined = {before.begin(), before.end()}});
    return;
  }
  std::ranges::move(copied->damaged, std::back_inserter(damaged_));
  links_.compacted(std::move(copied->packs));
}

void Reader::note_failure(const EnvelopeKey& key, const Error& error) {
  if (error.code() == ErrorCode::out_of_budget) metrics_.out_of_budget.add();
  if (error.code() != ErrorCode::corrupt) return;
  metrics_.damaged.add();
  damaged_.push_back({.key = key, .reason = error.sentence()});
}

}  // namespace sluice::spool
