// ReceptionMetrics: what a shard's reception counts, and the reasons by which refusals are counted.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "core/metrics.h"
#include "smtp/reply.h"

namespace sluice::relay {

// Why a client was told no. The value of the label "reason".
enum class RejectionReason : std::uint8_t {
  relay_denied,             // the client's network is not in relay_networks
  tls_required,             // nothing but STARTTLS is taken in clear
  authentication_required,  // AUTH would help
  authentication_failed,    // wrong user or password, or too many of them
  sender_denied,            // reverse-path, From or a header that the user may not use
  tenant_suspended,         // by an operator, or gone from the configuration
  rate,                     // accept_rate of the user
  quota,                    // of the tenant
  tenant_queue_full,        // queued or queued_size of the tenant
  no_route,                 // no [[route]] has the domain
  bad_recipient,            // the address cannot be delivered to
  too_large,                // message_size, or more than the spool can keep
  too_many_recipients,      // recipients_per_message
  insufficient_storage,     // disk, map or memory is full
  storage_failed,           // the spool reported an error
  loop,                     // received_headers
  content,                  // bare newlines and the like
  too_many_connections,     // of the listener or the address
  stopping,                 // the relay stops or drains
  timed_out,                // the client was too slow
  protocol,                 // wrong commands, wrong order, too many errors
};
inline constexpr std::size_t kRejectionReasons = 21;
std::string_view name_of(RejectionReason reason);

// A reason as the mark of a reply, never 0.
constexpr std::uint8_t mark_of(RejectionReason reason) {
  return static_cast<std::uint8_t>(static_cast<std::uint8_t>(reason) + 1);
}

// The mark of a reply; for the protocol's own refusals, which bear none, read off the codes.
RejectionReason rejection_reason(const smtp::Reply& reply);

struct ReceptionMetrics {
  explicit ReceptionMetrics(MetricRegistry& registry);

  Counter& connections;                                // sluice_reception_connections_total
  Counter& proxy_failures;                             // sluice_reception_proxy_failures_total
  Counter& tls_handshakes;                             // sluice_reception_tls_handshakes_total
  Counter& tls_resumptions;                            // sluice_reception_tls_resumptions_total
  Counter& tls_failures;                               // sluice_reception_tls_failures_total
  Gauge& sessions;                                     // sluice_reception_sessions
  Counter& messages_accepted;                          // sluice_reception_messages_accepted_total
  Counter& recipients_accepted;                        // sluice_reception_recipients_accepted_total
  Counter& bytes_accepted;                             // sluice_reception_bytes_accepted_total
  Histogram& accept_seconds;                           // sluice_reception_accept_seconds
  std::array<Counter*, kRejectionReasons> rejections;  // sluice_reception_rejections_total
};

}  // namespace sluice::relay
