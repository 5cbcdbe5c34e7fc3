#include "relay/queue_name.h"

#include <fmt/format.h>

#include "core/assert.h"

namespace sluice::relay {

QueueName parse_queue_name(std::string_view name) {
  const auto at = name.rfind('@');
  if (at == std::string_view::npos) return {.campaign = {}, .tenant = {}, .domain = name};
  const std::string_view owner = name.substr(0, at);
  const std::string_view domain = name.substr(at + 1);
  const auto colon = owner.rfind(':');
  if (colon == std::string_view::npos) return {.campaign = {}, .tenant = owner, .domain = domain};
  return {.campaign = owner.substr(0, colon), .tenant = owner.substr(colon + 1), .domain = domain};
}

std::string to_string(const QueueName& name) {
  SLUICE_ASSERT(name.campaign.empty() || !name.tenant.empty(), "a campaign is a tenant's");
  if (name.tenant.empty()) return std::string(name.domain);
  if (name.campaign.empty()) return fmt::format("{}@{}", name.tenant, name.domain);
  return fmt::format("{}:{}@{}", name.campaign, name.tenant, name.domain);
}

}  // namespace sluice::relay
