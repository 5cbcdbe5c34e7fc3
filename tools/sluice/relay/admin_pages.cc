#include "relay/admin_pages.h"

#include <utility>

#include "core/log.h"
#include "core/metrics_text.h"
#include "core/shard.h"
#include "core/shard_group.h"

namespace sluice::relay {
namespace {

HttpAnswer sentence(unsigned status, std::string_view text) {
  return HttpAnswer{.status = status,
                    .content_type = "text/plain; charset=utf-8",
                    .body = std::string(text) + "\n"};
}

// The log belongs to no shard.
MetricValue dropped_log_lines() {
  return MetricValue{.name = "sluice_log_lines_dropped_total",
                     .label = {},
                     .help = "Lines of the log that came faster than they could be written.",
                     .kind = MetricValue::Kind::counter,
                     .value = static_cast<std::int64_t>(log_lines_dropped()),
                     .buckets = {}};
}

std::vector<const MetricRegistry*> all_registries(ShardGroup& shards, const spool::Spool& spool) {
  std::vector<const MetricRegistry*> registries = spool.metrics();
  for (std::size_t i = 0; i < shards.size(); ++i) {
    registries.push_back(&shards.at(ShardId(static_cast<std::uint16_t>(i))).metrics());
  }
  return registries;
}

}  // namespace

HttpAnswer health(Phase phase, SpoolRoom room) {
  switch (phase) {
    case Phase::starting:
      return sentence(503, "The relay is starting: it takes no mail yet.");
    case Phase::draining:
      return sentence(503, "The relay is draining: it takes no more mail, and will end.");
    case Phase::stopping:
      return sentence(503, "The relay is stopping: it takes no more mail.");
    case Phase::running:
      break;
  }
  if (room == SpoolRoom::none) {
    return sentence(503, "The spool or its disk is full: new mail is answered 452.");
  }
  return sentence(200, "The relay takes mail.");
}

HttpAnswer metrics_page(std::span<const MetricRegistry* const> registries) {
  std::vector<MetricValue> values = sum_metrics(registries);
  values.push_back(dropped_log_lines());
  return HttpAnswer{.status = 200,
                    .content_type = std::string(kMetricsContentType),
                    .body = metrics_text(values)};
}

HttpServer::Pages admin_pages(ShardGroup& shards, const spool::Spool& spool,
                              const Lifecycle& lifecycle) {
  HttpServer::Pages pages;
  pages["/metrics"] = [&shards, &spool] { return metrics_page(all_registries(shards, spool)); };
  pages["/healthz"] = [&spool, &lifecycle] {
    const SpoolRoom room =
        spool.has_room(spool::Space::ordinary) ? SpoolRoom::some : SpoolRoom::none;
    return health(lifecycle.progress().phase, room);
  };
  return pages;
}

}  // namespace sluice::relay
