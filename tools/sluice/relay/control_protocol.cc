#include "relay/control_protocol.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/assert.h"

namespace sluice::relay {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::pair<std::string_view, ControlCommand>, 10> kCommands = {{
    {"queue.summary", ControlCommand::queue_summary},
    {"queue.list", ControlCommand::queue_list},
    {"queue.show", ControlCommand::queue_show},
    {"release", ControlCommand::release},
    {"drain", ControlCommand::drain},
    {"tenant.list", ControlCommand::tenant_list},
    {"tenant.show", ControlCommand::tenant_show},
    {"tenant.suspend", ControlCommand::tenant_suspend},
    {"tenant.resume", ControlCommand::tenant_resume},
    {"reload", ControlCommand::reload},
}};

constexpr std::size_t kDomainBytesMax = 255;

std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

// ISO 8601 in UTC, or null where there is no time.
Json time_json(WallTime time) {
  if (time == WallTime(0)) return nullptr;
  const std::chrono::sys_time<std::chrono::milliseconds> point{
      std::chrono::milliseconds(time.milliseconds())};
  const auto seconds = std::chrono::floor<std::chrono::seconds>(point);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(seconds),
                     (point - seconds).count());
}

// From now until then; 0 when it is due, null when there is no time.
Json seconds_until(WallTime time, WallTime now) {
  if (time == WallTime(0)) return nullptr;
  const auto wait = std::chrono::duration_cast<std::chrono::seconds>(time - now).count();
  return wait < 0 ? 0 : wait;
}

Result<std::uint64_t> read_number(const Json& object, const char* key, std::uint64_t least,
                                  std::uint64_t most) {
  const Json& value = object[key];
  const bool is_in_range = value.is_number_unsigned() && value.get<std::uint64_t>() >= least &&
                           value.get<std::uint64_t>() <= most;
  if (is_in_range) return value.get<std::uint64_t>();
  return fail(ErrorCode::syntax,
              fmt::format("\"{}\" must be a whole number from {} to {}", key, least, most));
}

Result<std::string> read_text(const Json& object, const char* key, std::size_t bytes_max) {
  const Json& value = object[key];
  const bool is_good = value.is_string() && value.get_ref<const std::string&>().size() <= bytes_max;
  if (is_good) return value.get<std::string>();
  return fail(ErrorCode::syntax,
              fmt::format("\"{}\" must be a string of at most {} bytes", key, bytes_max));
}

Result<ControlCommand> read_command(const Json& object) {
  if (!object.contains("command")) return fail(ErrorCode::syntax, "the request has no \"command\"");
  SLUICE_TRY(name, read_text(object, "command", 64));
  for (const auto& [known, command] : kCommands) {
    if (known == name) return command;
  }
  return fail(ErrorCode::unsupported, fmt::format("there is no command \"{}\"", name));
}

Result<TenantPart> read_part(const Json& object) {
  SLUICE_TRY(name, read_text(object, "part", 64));
  for (const TenantPart part : {TenantPart::reception, TenantPart::delivery}) {
    if (name_of(part) == name) return part;
  }
  return fail(ErrorCode::syntax, "\"part\" must be \"reception\" or \"delivery\"");
}

// What is not limited, or not known any more, is null.
Json tenant_json(const TenantRow& row) {
  const auto state = [](bool is_suspended) { return is_suspended ? "suspended" : "running"; };
  const bool has_quota = row.limits && row.limits->quota;
  return {{"tenant", row.name},
          {"is_configured", row.limits.has_value()},
          {"class", row.limits ? Json(name_of(row.limits->klass)) : Json(nullptr)},
          {"reception", state(row.is_reception_suspended)},
          {"delivery", row.limits ? state(row.is_delivery_suspended) : "held: no [[tenant]]"},
          {"accepted_today", row.accepted_today},
          {"quota", has_quota ? Json(row.limits->quota->amount) : Json(nullptr)},
          {"queued", row.queued},
          {"queued_max", row.limits ? Json(row.limits->queued) : Json(nullptr)},
          {"queued_bytes", row.queued_bytes},
          {"queued_bytes_max", row.limits ? Json(row.limits->queued_size.value()) : Json(nullptr)}};
}

Json accounting_json(const spool::Accounting& accounting) {
  return {{"received", accounting.received},     {"generated", accounting.generated},
          {"delivered", accounting.delivered},   {"bounced", accounting.bounced},
          {"expired", accounting.expired},       {"removed", accounting.removed},
          {"suppressed", accounting.suppressed}, {"quarantined", accounting.quarantined},
          {"queued", accounting.queued}};
}

Json queue_json(const QueueSummary& queue, WallTime now) {
  return {{"queue", queue.queue},
          {"route", queue.route},
          {"ready", queue.ready},
          {"scheduled", queue.scheduled},
          {"in_flight", queue.in_flight},
          {"next_attempt", time_json(queue.next_attempt)},
          {"next_attempt_in_seconds", seconds_until(queue.next_attempt, now)},
          {"waits_for", queue.waits_for},
          {"detail", queue.detail}};
}

std::string_view name_of(EnvelopeState state) {
  switch (state) {
    case EnvelopeState::ready:
      return "ready";
    case EnvelopeState::scheduled:
      return "scheduled";
    case EnvelopeState::in_flight:
      return "in flight";
  }
  return "unknown";
}

Json attempt_json(const spool::AttemptNote& note) {
  return {{"time", time_json(note.time)},
          {"host", note.host},
          {"source", note.source},
          {"reply", note.reply}};
}

Json waiting_json(const spool::WaitingEnvelope& waiting, WallTime now) {
  return {{"envelope", waiting.key.ordinal},
          {"recipients_pending", waiting.recipients_pending},
          {"attempts", waiting.attempts},
          {"next_attempt", time_json(waiting.next_attempt)},
          {"next_attempt_in_seconds", seconds_until(waiting.next_attempt, now)},
          {"expires", time_json(waiting.expiry)},
          {"expires_in_seconds", seconds_until(waiting.expiry, now)}};
}

Json attempts_json(const std::vector<spool::AttemptNote>& notes) {
  Json attempts = Json::array();
  for (const spool::AttemptNote& note : notes) attempts.push_back(attempt_json(note));
  return attempts;
}

Json recipients_json(const ShownEnvelope& envelope) {
  Json recipients = Json::array();
  for (std::size_t i = 0; i < envelope.envelope.recipients.size(); ++i) {
    const bool has_ended = i < envelope.details.ended.size() && envelope.details.ended[i];
    recipients.push_back(
        {{"address", envelope.envelope.recipients[i]}, {"state", has_ended ? "ended" : "pending"}});
  }
  return recipients;
}

Json envelope_json(const ShownEnvelope& envelope, WallTime now) {
  Json json = {{"queue", envelope.details.queue}};
  json.update(waiting_json(envelope.details.waiting, now));
  json["route"] = envelope.route;
  json["state"] = envelope.state ? Json(name_of(*envelope.state)) : Json(nullptr);
  json["waits_for"] = envelope.waits_for;
  json["detail"] = envelope.detail;
  json["recipients"] = recipients_json(envelope);
  json["last_attempts"] = attempts_json(envelope.details.attempts);
  return json;
}

}  // namespace

std::string encode(const ControlRequest& request) {
  Json json;
  for (const auto& [name, command] : kCommands) {
    if (command == request.command) json["command"] = name;
  }
  json["limit"] = request.limit;
  if (!request.domain.empty()) json["domain"] = request.domain;
  if (!request.id.empty()) json["id"] = request.id;
  if (!request.tenant.empty()) {
    json["tenant"] = request.tenant;
    json["part"] = name_of(request.part);
  }
  if (request.is_dry_run) json["dry_run"] = true;
  if (request.timeout) {
    json["timeout_seconds"] =
        std::chrono::duration_cast<std::chrono::seconds>(*request.timeout).count();
  }
  return line_of(json);
}

Result<ControlRequest> parse_control_request(std::string_view line) {
  if (line.size() > kControlRequestBytesMax) return fail(ErrorCode::limit_exceeded, "too long");
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return fail(ErrorCode::syntax, "the request is no JSON object");
  ControlRequest request;
  SLUICE_TRY(command, read_command(json));
  request.command = command;
  if (json.contains("limit")) {
    SLUICE_TRY(limit, read_number(json, "limit", 1, kControlRowsMax));
    request.limit = limit;
  }
  if (json.contains("domain")) {
    SLUICE_TRY(domain, read_text(json, "domain", kDomainBytesMax));
    request.domain = std::move(domain);
  }
  if (json.contains("id")) {
    SLUICE_TRY(id, read_text(json, "id", spool::MessageId::kTextLength));
    request.id = std::move(id);
  }
  if (json.contains("timeout_seconds")) {
    SLUICE_TRY(seconds, read_number(json, "timeout_seconds", 0, kDrainSecondsMax));
    request.timeout = std::chrono::seconds(seconds);
  }
  if (json.contains("tenant")) {
    SLUICE_TRY(tenant, read_text(json, "tenant", kTenantNameBytesMax));
    request.tenant = std::move(tenant);
  }
  if (json.contains("dry_run")) {
    if (!json["dry_run"].is_boolean()) {
      return fail(ErrorCode::syntax, "\"dry_run\" must be true or false");
    }
    request.is_dry_run = json["dry_run"].get<bool>();
  }
  if (json.contains("part")) {
    SLUICE_TRY(part, read_part(json));
    request.part = part;
  }
  return request;
}

std::string answer_error(std::string_view sentence) {
  return line_of({{"ok", false}, {"error", sentence}});
}

std::string answer_overview(const QueueOverview& overview, const RelayFacts& relay, WallTime now) {
  Json queues = Json::array();
  for (const QueueSummary& queue : overview.queues) queues.push_back(queue_json(queue, now));
  const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(relay.uptime).count();
  return line_of({{"ok", true},
                  {"relay",
                   {{"version", SLUICE_VERSION},
                    {"hostname", relay.hostname},
                    {"addresses", relay.addresses},
                    {"shards", relay.shards},
                    {"phase", name_of(relay.phase)},
                    {"delivery", relay.is_delivery_held ? "held" : "running"},
                    {"uptime_seconds", uptime}}},
                  {"queues", std::move(queues)},
                  {"totals",
                   {{"queues", overview.totals.queues},
                    {"ready", overview.totals.ready},
                    {"scheduled", overview.totals.scheduled},
                    {"in_flight", overview.totals.in_flight}}},
                  {"pending", overview.accounting.queued},
                  {"accounting", accounting_json(overview.accounting)}});
}

std::string answer_listing(const QueueListing& listing, WallTime now) {
  Json envelopes = Json::array();
  for (const QueuedEnvelope& queued : listing.envelopes) {
    Json json = {{"id", queued.waiting.key.message.to_string()}, {"queue", queued.queue}};
    json.update(waiting_json(queued.waiting, now));
    const auto age = now - queued.waiting.key.message.time();
    json["age_seconds"] = std::chrono::duration_cast<std::chrono::seconds>(age).count();
    json["route"] = queued.route;
    json["state"] = name_of(queued.state);
    json["waits_for"] = queued.waits_for;
    json["detail"] = queued.detail;
    json["last_attempt"] = queued.last_attempt ? attempt_json(*queued.last_attempt) : Json(nullptr);
    envelopes.push_back(std::move(json));
  }
  return line_of(
      {{"ok", true}, {"envelopes", std::move(envelopes)}, {"is_complete", listing.is_complete}});
}

std::string answer_message(spool::MessageId id, const std::vector<ShownEnvelope>& envelopes,
                           WallTime now) {
  SLUICE_ASSERT(!envelopes.empty(), "a message without queued envelopes is not_found");
  const ShownEnvelope& first = envelopes.front();
  const bool is_8bit = first.message.body_type == smtp::BodyType::eight_bit_mime;
  Json queued = Json::array();
  for (const ShownEnvelope& envelope : envelopes) queued.push_back(envelope_json(envelope, now));
  return line_of({{"ok", true},
                  {"id", id.to_string()},
                  {"from", first.message.reverse_path},
                  {"client", first.message.client},
                  {"received", time_json(first.message.received)},
                  {"bytes", first.details.body_bytes},
                  {"body", is_8bit ? "8BITMIME" : "7BIT"},
                  {"envelopes", std::move(queued)}});
}

std::string answer_tenants(const std::vector<TenantRow>& tenants) {
  Json rows = Json::array();
  for (const TenantRow& row : tenants) rows.push_back(tenant_json(row));
  return line_of({{"ok", true}, {"tenants", std::move(rows)}});
}

std::string answer_reload_report(const ReloadReport& report) {
  Json changes = Json::array();
  for (const ConfigChange& change : report.changes) {
    changes.push_back({{"key", change.key},
                       {"before", change.before},
                       {"after", change.after},
                       {"takes_effect", change.is_fixed ? "restart" : "now"}});
  }
  return line_of(
      {{"ok", true}, {"is_applied", report.is_applied}, {"changes", std::move(changes)}});
}

std::string answer_done() { return line_of({{"ok", true}}); }

std::string answer_progress(const DrainProgress& progress) {
  return line_of({{"ok", true},
                  {"phase", name_of(progress.phase)},
                  {"recipients_queued", progress.recipients_queued},
                  {"recipients_held_back", progress.recipients_held_back},
                  {"is_over", progress.is_over}});
}

}  // namespace sluice::relay
