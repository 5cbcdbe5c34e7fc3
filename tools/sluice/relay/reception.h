// Reception: what the relay answers to one client. A transaction it accepts becomes a message in
// the spool, one envelope per recipient domain, and then work for the dispatcher.
//
// It decides who may relay, as whom, to where, and how much; the protocol is the session's (smtp/).
// Whoever may not relay is told so at RCPT, as other servers do, so that MAIL stays a test of
// nothing; where AUTH is required, at MAIL (RFC 4954 §6). It goes by the policy under which the
// client connected. One per session, on the session's shard; it outlives the session's run().
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/offload_pool.h"
#include "relay/authenticator.h"
#include "relay/connection_limits.h"
#include "relay/dispatcher.h"
#include "relay/handover.h"
#include "relay/memory_reservation.h"
#include "relay/reception_metrics.h"
#include "relay/reception_policy.h"
#include "relay/recipient_groups.h"
#include "relay/submission.h"
#include "relay/tenant_hold.h"
#include "smtp/message_header.h"
#include "smtp/reception_handler.h"
#include "spool/spool.h"

namespace sluice::relay {

// What the sessions of one shard share. Outlives them.
struct ReceptionParts {
  Shard& shard;
  std::shared_ptr<const ReceptionPolicy> policy;  // of new sessions
  spool::Spool& spool;
  spool::MessageIdSource& ids;
  MemoryBudget& budget;  // of bodies in reception
  ReceptionMetrics& metrics;
  const UserDirectory* users;  // null with authenticator: nobody can log in
  Authenticator* authenticator;
  std::function<void(FreshEnvelope)> submit;  // to the dispatcher
  OffloadPool* signing = nullptr;             // of TLS; null: the shard signs itself
  bool is_stopping = false;                   // new connections are told 421
};

// Whether it is known who the client is; hidden: a proxy did not say.
enum class ClientIdentity : std::uint8_t { known, hidden };

class Reception final : public smtp::ReceptionHandler {
 public:
  // `listener`: position of the client's [[listener]]. A hidden client is in no relay_networks.
  Reception(ReceptionParts& parts, std::size_t listener, Admission admission,
            ClientIdentity identity = ClientIdentity::known);
  ~Reception() override;

  const ReceptionPolicy& policy() const { return *policy_; }
  const smtp::ServerSettings& settings() const { return listener().settings; }

  Task<smtp::Reply> on_connect(const smtp::ClientInfo& client) override;
  Task<smtp::Reply> on_authenticate(const smtp::ClientInfo& client,
                                    const smtp::Credentials& credentials) override;
  void on_secured(const smtp::ClientInfo& client) override;
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
    smtp::MessageDsn dsn;
    MemoryReservation reservation;
    std::optional<Submitter> submitter;
    std::optional<TenantHold> hold;  // of a submitter with a tenant
    RecipientGroups recipients;
    std::size_t recipients_accepted = 0;
    std::uint64_t bytes_max = 0;         // of what the client sends, its dots unstuffed
    std::uint64_t bytes_received = 0;    // of that
    std::optional<spool::MessageId> id;  // from the first byte of the body on
    std::unique_ptr<spool::IncomingBody> body;
    GrantedWishes granted;  // once the header is known
  };

  const ListenerProfile& listener() const { return policy_->listener(listener_); }
  bool may_relay() const { return is_in_relay_networks_ || submitter_.has_value(); }
  smtp::Reply denied() const;
  Refusal check_submitter();
  smtp::Reply answer_mail(const smtp::ClientInfo& client, const smtp::MailCommand& command);
  smtp::Reply answer_recipient(const smtp::RecipientCommand& command);
  Refusal take_recipient(const smtp::RecipientCommand& command);

  bool has_body_begun() const { return transaction_.has_value() && transaction_->id.has_value(); }
  void begin_body();
  using Passed = std::expected<smtp::MessageHeader::Passed, smtp::Reply>;
  Task<smtp::Reply> append(Passed passed);
  Refusal judge_header();
  Task<smtp::Reply> keep(Transaction transaction);
  HandoverFacts facts_of(const Transaction& transaction, WallTime now) const;
  void count_accepted(const Transaction& transaction, std::uint64_t bytes);

  ReceptionParts& parts_;
  std::shared_ptr<const ReceptionPolicy> policy_;
  std::size_t listener_;
  Admission admission_;
  ClientIdentity identity_;
  bool is_in_relay_networks_ = false;
  std::optional<Submitter> submitter_;
  std::uint64_t users_version_ = 0;  // when the submitter was last seen to be current
  std::optional<Transaction> transaction_;
  smtp::MessageHeader header_;
  smtp::MessageHeader::Additions additions_;
  bool is_header_judged_ = false;
};

}  // namespace sluice::relay
