// DeliveryMetrics: what became of deliveries, counted where it becomes known. One set per shard.
#pragma once

#include "core/metrics.h"

namespace sluice::relay {

struct DeliveryMetrics {
  explicit DeliveryMetrics(MetricRegistry& registry)
      : delivered(registry.counter("sluice_delivery_recipients_delivered_total",
                                   "Recipients that a next hop took over.")),
        deferred(registry.counter("sluice_delivery_recipients_deferred_total",
                                  "Recipients that an attempt left for later.")),
        failed(registry.counter("sluice_delivery_recipients_failed_total",
                                "Recipients that a next hop refused for good.")),
        expired(registry.counter("sluice_delivery_recipients_expired_total",
                                 "Recipients whose time ran out.")),
        duplicates_possible(
            registry.counter("sluice_delivery_duplicates_possible_total",
                             "Attempts cut off between the end of the message and its reply.")),
        connections_opened(registry.counter("sluice_delivery_connections_opened_total",
                                            "Connections to next hops.")),
        connections_failed(registry.counter("sluice_delivery_connections_failed_total",
                                            "Connections that could not be had.")),
        connections_secured(registry.counter("sluice_delivery_connections_by_security_total",
                                             "Connections to next hops, by what TLS achieved.",
                                             "security=\"tls\"")),
        connections_clear(registry.counter("sluice_delivery_connections_by_security_total",
                                           "Connections to next hops, by what TLS achieved.",
                                           "security=\"none\"")),
        tls_resumptions(
            registry.counter("sluice_delivery_tls_resumptions_total",
                             "Connections to next hops whose TLS went on from an earlier one.")),
        logins_refused(registry.counter("sluice_delivery_logins_refused_total",
                                        "Times a next hop demanded another login or TLS.")),
        dsn_sent(registry.counter("sluice_dsn_sent_total", "Notifications to senders.")),
        dsn_suppressed(registry.counter("sluice_dsn_suppressed_total",
                                        "Notifications left out because of dsn.rate.")),
        connections(registry.gauge("sluice_delivery_connections", "Connections that are open.")),
        in_flight(registry.gauge("sluice_delivery_envelopes_in_flight", "Envelopes being sent.")),
        attempt_seconds(registry.histogram("sluice_delivery_attempt_seconds",
                                           "From the first command to the last reply.")) {}

  Counter& delivered;
  Counter& deferred;
  Counter& failed;
  Counter& expired;
  Counter& duplicates_possible;
  Counter& connections_opened;
  Counter& connections_failed;
  Counter& connections_secured;
  Counter& connections_clear;
  Counter& tls_resumptions;
  Counter& logins_refused;
  Counter& dsn_sent;
  Counter& dsn_suppressed;
  Gauge& connections;
  Gauge& in_flight;
  Histogram& attempt_seconds;
};

}  // namespace sluice::relay
