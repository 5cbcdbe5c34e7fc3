#include "relay/reception_policy.h"

#include <fmt/format.h>

#include <utility>

namespace sluice::relay {
namespace {

smtp::ServerSettings server_settings(const ListenerSettings& listener, const RelayConfig& config) {
  smtp::ServerSettings settings;
  settings.hostname = config.hostname;
  settings.message_bytes_max = config.limits.message_size.value();
  settings.recipients_max = config.limits.recipients_per_message;
  settings.errors_max = listener.errors_per_session;
  settings.received_headers_max = config.limits.received_headers;
  settings.normalises_newlines = listener.bare_newlines == BareNewlines::normalise;
  settings.tls = listener.tls;
  settings.auth = listener.auth;
  settings.allows_auth_in_clear = listener.auth_without_tls;
  return settings;
}

using TlsContext = std::shared_ptr<const tls::ServerContext>;

Result<TlsContext> make_tls_context(const TlsSettings& settings,
                                    std::shared_ptr<tls::TicketKeys> ticket_keys) {
  if (settings.certificates.empty()) return TlsContext();
  tls::ServerSettings context{.certificates = {},
                              .version_min = settings.min_version,
                              .ticket_keys = std::move(ticket_keys)};
  for (std::size_t i = 0; i < settings.certificates.size(); ++i) {
    const CertificateSettings& files = settings.certificates[i];
    auto certificate = tls::Certificate::load(files.certificate, files.key);
    if (!certificate) {
      return std::unexpected(
          std::move(certificate).error().within(fmt::format("tls.certificates[{}]", i)));
    }
    context.certificates.push_back(
        std::make_shared<const tls::Certificate>(*std::move(certificate)));
  }
  return tls::ServerContext::make(std::move(context));
}

}  // namespace

Result<std::shared_ptr<const ReceptionPolicy>> ReceptionPolicy::make(
    std::shared_ptr<const RelayConfig> config, TenantRegistry& tenants,
    std::shared_ptr<tls::TicketKeys> ticket_keys) {
  SLUICE_TRY(context, make_tls_context(config->tls, std::move(ticket_keys)));
  return std::shared_ptr<const ReceptionPolicy>(
      new ReceptionPolicy(std::move(config), std::move(context), tenants));
}

ReceptionPolicy::ReceptionPolicy(std::shared_ptr<const RelayConfig> config, TlsContext tls,
                                 TenantRegistry& tenants)
    : config_(std::move(config)), tls_(std::move(tls)), routes_(config_->routes) {
  for (const ListenerSettings& listener : config_->listeners) {
    listeners_.push_back(ListenerProfile{.settings = server_settings(listener, *config_),
                                         .permission = RelayPermission(listener),
                                         .received = listener.received});
  }
  for (const TenantSettings& tenant : config_->tenants) {
    tenants_.emplace(tenant.name,
                     TenantEntry{.settings = tenant, .state = &tenants.tenant(tenant.name)});
  }
}

void ReceptionPolicy::tell_tenants(TenantRegistry& tenants) const {
  tenants.for_each([this](Tenant& one) { one.set_configured(tenant(one.name()) != nullptr); });
}

const TenantEntry* ReceptionPolicy::tenant(std::string_view name) const {
  const auto found = tenants_.find(std::string(name));
  return found == tenants_.end() ? nullptr : &found->second;
}

}  // namespace sluice::relay
