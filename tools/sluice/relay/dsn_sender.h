// DsnSender: tells senders what became of their recipients (RFC 3461), by messages of the relay's
// own: from the null reverse-path, in a class of their own, into the spool like any other message.
//
// A notification is on disk before the outcome that it tells of is recorded: after a crash in
// between it is written again, and never lost. Nothing is told of a message that came from the null
// reverse-path, so that no two servers bounce each other's bounces for ever, nor more per
// reverse-path than dsn.rate: what was sent under a forged address would flood its owner.
// One per shard.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "relay/attempt_result.h"
#include "relay/config.h"
#include "relay/delivery.h"
#include "relay/delivery_metrics.h"
#include "relay/dispatcher.h"
#include "relay/failure_table.h"
#include "smtp/delivery_report.h"
#include "spool/spool.h"

namespace sluice::relay {

// How many notifications went to each reverse-path lately. Any thread.
class DsnLimits {
 public:
  explicit DsnLimits(const Rate& rate);

  // False when it has had its number.
  [[nodiscard]] bool try_take(const std::string& reverse_path, Instant now);

 private:
  std::uint64_t most_;
  std::mutex mutex_;
  FailureTable<std::string> counts_;
};

class DsnSender {
 public:
  struct Parts {
    Shard& shard;
    spool::Spool& spool;
    DsnLimits& limits;
    DeliveryMetrics& metrics;
    std::function<std::shared_ptr<const RelayConfig>()> config;
    std::function<void(FreshEnvelope)> submit;
  };
  explicit DsnSender(Parts parts);

  // Who hears what of an envelope. `peer_sends_dsn`: the host that took its recipients tells of
  // their success itself.
  struct Facts {
    const LoadedEnvelope& envelope;
    bool peer_sends_dsn = false;
  };
  // Of the recipients that `ended` says have ended: reports what their sender wants to hear.
  Task<void> report(Facts facts, const AttemptResult& ended);
  // Of pending recipients whose time ran out, and why they could not be delivered before.
  Task<void> report_expired(const LoadedEnvelope& envelope, std::string trouble);

 private:
  using Recipients = std::vector<smtp::ReportedRecipient>;
  bool may_report(const MessageMetadata& message) const;
  Task<void> send(const LoadedEnvelope& envelope, Recipients recipients);
  Task<void> add_returned(const LoadedEnvelope& envelope, smtp::DeliveryReport& report);
  Task<std::string> read_body(const LoadedEnvelope& envelope, std::size_t bytes_max);
  Task<Result<void>> store(const LoadedEnvelope& envelope, const smtp::DeliveryReport& report,
                           spool::MessageId id);

  Parts parts_;
  spool::MessageIdSource ids_;
};

}  // namespace sluice::relay
