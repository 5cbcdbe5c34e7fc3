// SpoolModel: in memory, what the spool was asked to keep, and the comparison with what it kept.
//
// Each envelope has versions: as it was accepted, and after each outcome. A version is issued when
// the spool is asked for it and durable when the spool has said so; both are places in one order of
// events. A spool that is cut off at some place must hold, of every envelope, a version that is not
// older than the last durable one and was issued before. Without a crash only one version is left.
// The ledger has two counters: kQuotaName, to which every message adds its recipients, and
// kSettingName, which is set and has versions like an envelope. For one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "spool/record.h"
#include "tests/unit/spool/spool_harness.h"

namespace sluice::spool {

// A new spool knows of nothing; `Place` is a place in the order of events.
using Place = std::size_t;
inline constexpr Place kNoPlace = SIZE_MAX;  // behind all others: never durable, or no cut

inline constexpr const char* kQuotaName = "quota";
inline constexpr const char* kSettingName = "setting";

struct EnvelopeVersion {
  Place issued;
  Place durable = kNoPlace;
  std::vector<bool> ended = {};
  EndedRecipients counts = {};
  std::uint16_t attempts = 0;
  WallTime next_attempt = WallTime(1000);
  std::vector<std::string> replies = {};  // the last kAttemptsKept
  bool is_gone() const;
};

class SpoolModel {
 public:
  void accepting(const MessageId& id, TestMessage message, Place place);
  void accepted(const MessageId& id, Place place);
  void recording(const EnvelopeOutcome& outcome, Place place);
  void setting(std::uint64_t amount, Place place);
  void has_set(Place place);
  // Everything that was recorded before is durable.
  void flushed(Place place);

  // Envelopes that were accepted and have pending recipients.
  std::vector<EnvelopeKey> queued() const;
  const EnvelopeVersion& latest(const EnvelopeKey& key) const;

  // What the spool did with each envelope: its version, or nothing where it was never accepted.
  struct Comparison {
    std::vector<std::string> problems;
    std::map<EnvelopeKey, std::optional<std::size_t>> found;
    std::optional<std::size_t> setting;  // its version; nothing where the ledger was not read
  };
  // With an open spool that was just opened after it was cut off there.
  Comparison compare_opened(SpoolHarness& harness, Place cut) const;
  // With a spool that goes on; everything is flushed.
  Comparison compare_running(SpoolHarness& harness) const;

  // What was found is from now on the only truth, durable before everything else.
  void become(const Comparison& comparison);

 private:
  struct Message {
    TestMessage contents;
    std::vector<std::vector<EnvelopeVersion>> envelopes;  // by ordinal; oldest version first
  };
  using Present = std::map<std::uint16_t, EnvelopeDetails>;
  void compare(SpoolHarness& harness, const std::set<MessageId>* present, Place cut,
               Comparison& comparison) const;
  void compare_message(SpoolHarness& harness, const MessageId& id, const Present& present,
                       Place cut, Comparison& comparison) const;
  void compare_books(const Accounting& books, const Comparison& comparison,
                     std::vector<std::string>& problems) const;

  // The ledger is told at the start only.
  void compare_ledger(const Spool& spool, Place cut, Comparison& comparison) const;

  struct Setting {
    std::uint64_t amount = 0;
    Place issued = 0;
    Place durable = kNoPlace;
  };
  std::vector<Setting> settings_ = {{.durable = 0}};  // oldest first
  std::map<MessageId, Message> messages_;
  Accounting forgotten_;  // of messages that ended long ago
};

}  // namespace sluice::spool
