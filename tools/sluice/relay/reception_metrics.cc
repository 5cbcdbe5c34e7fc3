#include "relay/reception_metrics.h"

#include <string>

namespace sluice::relay {
namespace {

constexpr std::array<std::string_view, kRejectionReasons> kReasonNames = {
    "relay_denied",
    "tls_required",
    "authentication_required",
    "authentication_failed",
    "sender_denied",
    "tenant_suspended",
    "rate",
    "quota",
    "tenant_queue_full",
    "no_route",
    "bad_recipient",
    "too_large",
    "too_many_recipients",
    "insufficient_storage",
    "storage_failed",
    "loop",
    "content",
    "too_many_connections",
    "stopping",
    "timed_out",
    "protocol",
};
static_assert(static_cast<std::size_t>(RejectionReason::protocol) + 1 == kRejectionReasons,
              "every reason has a name");

std::array<Counter*, kRejectionReasons> rejection_counters(MetricRegistry& registry) {
  std::array<Counter*, kRejectionReasons> counters{};
  for (std::size_t i = 0; i < kRejectionReasons; ++i) {
    const std::string label = "reason=\"" + std::string(kReasonNames[i]) + "\"";
    counters[i] = &registry.counter("sluice_reception_rejections_total",
                                    "Negative replies to clients, by reason.", label);
  }
  return counters;
}

// RFC 3463 §3.4 and §3.8: the subjects "mail system" and "security or policy".
RejectionReason system_reason(const smtp::EnhancedStatus& status) {
  switch (status.detail) {
    case 0:
      return RejectionReason::storage_failed;
    case 2:
      return RejectionReason::stopping;
    case 4:
      return RejectionReason::too_large;
    default:
      return RejectionReason::insufficient_storage;
  }
}

// RFC 3207 §4 and RFC 4954 §6.
RejectionReason security_reason(const smtp::Reply& reply) {
  if (reply.code == 530) return RejectionReason::tls_required;
  const bool is_login =
      reply.code == 535 || reply.code == 534 || reply.code == 538 || reply.code == 454;
  return is_login ? RejectionReason::authentication_failed : RejectionReason::protocol;
}

}  // namespace

std::string_view name_of(RejectionReason reason) {
  return kReasonNames[static_cast<std::size_t>(reason)];
}

RejectionReason rejection_reason(const smtp::Reply& reply) {
  if (reply.reason != 0) return static_cast<RejectionReason>(reply.reason - 1);
  // RFC 3463 §3: the subject says whose matter it is.
  switch (reply.enhanced.subject) {
    case 1:
      return RejectionReason::bad_recipient;
    case 3:
      return system_reason(reply.enhanced);
    case 4:
      return reply.enhanced.detail == 6 ? RejectionReason::loop : RejectionReason::timed_out;
    case 5:
      return reply.enhanced.detail == 3 ? RejectionReason::too_many_recipients
                                        : RejectionReason::protocol;
    case 6:
      return RejectionReason::content;
    case 7:
      return security_reason(reply);
    default:
      return RejectionReason::protocol;
  }
}

ReceptionMetrics::ReceptionMetrics(MetricRegistry& registry)
    : connections(registry.counter("sluice_reception_connections_total",
                                   "Connections accepted from clients.")),
      proxy_failures(registry.counter("sluice_reception_proxy_failures_total",
                                      "Connections of proxies that named no client in time.")),
      tls_handshakes(registry.counter("sluice_reception_tls_handshakes_total",
                                      "Handshakes of clients that succeeded.")),
      tls_resumptions(registry.counter("sluice_reception_tls_resumptions_total",
                                       "Those of them that resumed a session by its ticket.")),
      tls_failures(registry.counter("sluice_reception_tls_failures_total",
                                    "Handshakes of clients that failed.")),
      sessions(registry.gauge("sluice_reception_sessions", "Connections of clients now open.")),
      messages_accepted(registry.counter("sluice_reception_messages_accepted_total",
                                         "Messages made durable and answered 250.")),
      recipients_accepted(registry.counter("sluice_reception_recipients_accepted_total",
                                           "Recipients of accepted messages.")),
      bytes_accepted(registry.counter("sluice_reception_bytes_accepted_total",
                                      "Bytes of accepted messages, without our trace header.")),
      accept_seconds(registry.histogram("sluice_reception_accept_seconds",
                                        "From the end of a message to its commit.")),
      rejections(rejection_counters(registry)) {}

}  // namespace sluice::relay
