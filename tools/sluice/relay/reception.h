// Reception: what the relay answers to one client. A transaction it accepts becomes a message in
// the spool, one envelope per recipient domain, and then work for the dispatcher.
//
// It decides who may relay, to where, and how much; the protocol is the session's (smtp/). Whoever
// may not relay is told so at RCPT, as other servers do, so that MAIL stays a test of nothing.
// One per session, on the session's shard; it outlives the session's run().
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "relay/connection_limits.h"
#include "relay/dispatcher.h"
#include "relay/memory_reservation.h"
#include "relay/reception_metrics.h"
#include "relay/recipient_groups.h"
#include "relay/relay_permission.h"
#include "smtp/reception_handler.h"
#include "spool/spool.h"

namespace sluice::relay {

// What the sessions of one shard share. Outlives them.
struct ReceptionParts {
  Shard& shard;
  const RelayConfig& config;
  spool::Spool& spool;
  spool::MessageIdSource& ids;
  MemoryBudget& budget;  // of bodies in reception
  ReceptionMetrics& metrics;
  std::function<bool(std::string_view domain)> has_route;
  std::function<void(FreshEnvelope)> submit;  // to the dispatcher
  bool is_stopping = false;                   // new connections are told 421
};

class Reception final : public smtp::ReceptionHandler {
 public:
  Reception(ReceptionParts& parts, const RelayPermission& permission, Admission admission);
  ~Reception() override;

  Task<smtp::Reply> on_connect(const smtp::ClientInfo& client) override;
  Task<smtp::Reply> on_mail(const smtp::ClientInfo& client,
                            const smtp::MailCommand& command) override;
  Task<smtp::Reply> on_recipient(const smtp::ClientInfo& client,
                                 const smtp::RecipientCommand& command) override;
  Task<smtp::Reply> on_body(std::string_view bytes) override;
  Task<smtp::Reply> on_end() override;
  Task<void> on_reset() override;
  void on_rejected(const smtp::ClientInfo& client, std::string_view command,
                   const smtp::Reply& reply) override;

 private:
  // What MAIL opened and the end of the message, or a reset, closes.
  struct Transaction {
    smtp::ClientInfo client;
    std::string reverse_path;
    smtp::BodyType body_type = smtp::BodyType::seven_bit;
    MemoryReservation reservation;
    RecipientGroups recipients;
    std::size_t recipients_accepted = 0;
    std::optional<spool::MessageId> id;  // from the first byte of the body on
    std::unique_ptr<spool::IncomingBody> body;
  };
  // A finished transaction in the two forms in which it goes on: to the spool, to the dispatcher.
  struct Handover {
    spool::NewMessage message;
    std::vector<FreshEnvelope> envelopes;
  };

  smtp::Reply answer_mail(const smtp::ClientInfo& client, const smtp::MailCommand& command);
  smtp::Reply answer_recipient(const smtp::Address& recipient);
  bool has_body_begun() const { return transaction_.has_value() && transaction_->id.has_value(); }
  void begin_body();
  Task<smtp::Reply> keep(Transaction transaction);
  Handover hand_over(Transaction& transaction);
  MessageMetadata metadata_of(const Transaction& transaction, WallTime now) const;
  void count_accepted(const Transaction& transaction, std::uint64_t bytes);

  ReceptionParts& parts_;
  const RelayPermission& permission_;
  Admission admission_;
  ClientMayRelay may_relay_ = ClientMayRelay::no;
  std::optional<Transaction> transaction_;
};

}  // namespace sluice::relay
