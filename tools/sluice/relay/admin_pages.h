// AdminPages: what [admin].http serves: /metrics for Prometheus, /healthz for whoever decides
// whether this relay is given mail.
//
// It asks the parts of the relay when it is asked itself, and keeps nothing. Lives on shard 0.
#pragma once

#include <cstdint>
#include <span>

#include "core/http_server.h"
#include "core/metrics.h"
#include "relay/lifecycle.h"

namespace sluice::relay {

enum class SpoolRoom : std::uint8_t { none, some };

// 200 when new mail is taken; else 503, and a sentence that says why not.
HttpAnswer health(Phase phase, SpoolRoom room);

// All of the registries, summed; and what the log counts for the whole process.
HttpAnswer metrics_page(std::span<const MetricRegistry* const> registries);

HttpServer::Pages admin_pages(ShardGroup& shards, const spool::Spool& spool,
                              const Lifecycle& lifecycle);

}  // namespace sluice::relay
