// The protocol of the control socket: one JSON object on a line each way.
//
// A connection carries one request, {"command":"queue.list","limit":100}, and its answer: one line,
// or several while a drain goes on. Every answer has "ok"; where it is false, "error" is a
// sentence. Pure: what to ask and what to say are arguments; no socket here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/units.h"
#include "relay/config_reload.h"
#include "relay/lifecycle.h"
#include "relay/queue_report.h"
#include "relay/tenant_control.h"

namespace sluice::relay {

inline constexpr std::size_t kControlRequestBytesMax = 64 * 1024;
inline constexpr std::uint64_t kControlRowsDefault = 100;
inline constexpr std::uint64_t kControlRowsMax = 100'000;
inline constexpr std::uint64_t kDrainSecondsMax = 365ULL * 24 * 3600;

enum class ControlCommand : std::uint8_t {
  queue_summary,
  queue_list,
  queue_show,
  release,
  drain,
  tenant_list,
  tenant_show,
  tenant_suspend,
  tenant_resume,
  reload,
};

struct ControlRequest {
  ControlCommand command = ControlCommand::queue_summary;
  std::uint64_t limit = kControlRowsDefault;  // rows of queue.summary and queue.list
  std::string domain;                         // of queue.list; empty: all
  std::string id;                             // of queue.show
  std::optional<Duration> timeout;            // of drain, in whole seconds
  std::string tenant;                         // of tenant.show, .suspend and .resume
  TenantPart part = TenantPart::reception;    // of tenant.suspend and .resume
  bool is_dry_run = false;                    // of reload
};

std::string encode(const ControlRequest& request);  // with its line feed
Result<ControlRequest> parse_control_request(std::string_view line);

// What stands beside the rows of a summary.
struct RelayFacts {
  std::string hostname;
  std::vector<std::string> addresses;
  std::size_t shards = 0;
  Phase phase = Phase::starting;
  bool is_delivery_held = false;
  Duration uptime{0};
};

// Answers, each with its line feed. Bytes that are no UTF-8 (peers say anything) are replaced.
std::string answer_error(std::string_view sentence);
std::string answer_overview(const QueueOverview& overview, const RelayFacts& relay, WallTime now);
std::string answer_listing(const QueueListing& listing, WallTime now);
std::string answer_message(spool::MessageId id, const std::vector<ShownEnvelope>& envelopes,
                           WallTime now);
std::string answer_tenants(const std::vector<TenantRow>& tenants);
std::string answer_reload_report(const ReloadReport& report);
std::string answer_done();
std::string answer_progress(const DrainProgress& progress);

}  // namespace sluice::relay
