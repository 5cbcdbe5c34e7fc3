#include "tls/server_context.h"

#include <wolfssl/options.h>
// wolfSSL's options must come first: its other headers depend on them.
#include <fmt/format.h>
#include <string.h>
#include <wolfssl/ssl.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "core/assert.h"
#include "tls/engine.h"
#include "tls/wolfssl_error.h"

namespace sluice::tls {
namespace {

constexpr const char* kCiphers =
    "TLS13-AES128-GCM-SHA256:TLS13-AES256-GCM-SHA384:TLS13-CHACHA20-POLY1305-SHA256:"
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr unsigned kTicketSecondsMax = 8 * 3600;  // TLS 1.3 allows a week; keys live less

static_assert(TicketKeys::kNameBytes == WOLFSSL_TICKET_NAME_SZ);
static_assert(TicketKeys::kNonceBytes <= WOLFSSL_TICKET_IV_SZ);
static_assert(TicketKeys::kTagBytes <= WOLFSSL_TICKET_MAC_SZ);

TicketKeys::Sealed sealed_from(const unsigned char* name, const unsigned char* nonce,
                               const unsigned char* tag) {
  TicketKeys::Sealed sealed{};
  std::copy_n(name, sealed.name.size(), sealed.name.data());
  std::copy_n(nonce, sealed.nonce.size(), sealed.nonce.data());
  std::copy_n(tag, sealed.tag.size(), sealed.tag.data());
  return sealed;
}

// NOLINTNEXTLINE(readability-function-size): the form is wolfSSL's.
int on_ticket(WOLFSSL* /*ssl*/, unsigned char* name, unsigned char* nonce, unsigned char* tag,
              int encrypts, unsigned char* ticket, int size, int* out_size, void* keys_of) {
  auto& keys = *static_cast<TicketKeys*>(keys_of);
  const std::span<std::uint8_t> bytes(ticket, static_cast<std::size_t>(size));
  *out_size = size;
  const Instant now = Clock().now();
  if (encrypts != 0) {
    const auto sealed = keys.seal(bytes, now);
    if (!sealed) return WOLFSSL_TICKET_RET_FATAL;
    std::copy(sealed->name.begin(), sealed->name.end(), name);
    std::fill_n(nonce, WOLFSSL_TICKET_IV_SZ, std::uint8_t{0});
    std::copy(sealed->nonce.begin(), sealed->nonce.end(), nonce);
    std::fill_n(tag, WOLFSSL_TICKET_MAC_SZ, std::uint8_t{0});
    std::copy(sealed->tag.begin(), sealed->tag.end(), tag);
    return WOLFSSL_TICKET_RET_OK;
  }
  switch (keys.open(bytes, sealed_from(name, nonce, tag), now)) {
    case TicketKeys::Opened::good:
      return WOLFSSL_TICKET_RET_OK;
    case TicketKeys::Opened::old:
      return WOLFSSL_TICKET_RET_CREATE;
    case TicketKeys::Opened::unknown:
      break;
  }
  return WOLFSSL_TICKET_RET_REJECT;
}

Result<void> check(int status, std::string_view what) {
  if (status == WOLFSSL_SUCCESS) return {};
  return fail(ErrorCode::system, fmt::format("TLS: {}: {}", what, wolfssl_reason(status)));
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Result<void> show(WOLFSSL_CTX* context, const Certificate& certificate) {
  const std::string& chain = certificate.chain_pem();
  auto done =
      check(wolfSSL_CTX_use_certificate_chain_buffer_format(
                context, bytes_of(chain), static_cast<long>(chain.size()), WOLFSSL_FILETYPE_PEM),
            certificate.file());
  if (!done) return done;
  const std::string_view key = certificate.key_pem().reveal();
  return check(wolfSSL_CTX_use_PrivateKey_buffer(
                   context, bytes_of(key), static_cast<long>(key.size()), WOLFSSL_FILETYPE_PEM),
               "private key");
}

Result<void> set_policy(WOLFSSL_CTX* context, MinVersion min_version, TicketKeys* keys) {
  const int version = min_version == MinVersion::tls_1_3 ? WOLFSSL_TLSV1_3 : WOLFSSL_TLSV1_2;
  auto done = check(wolfSSL_CTX_SetMinVersion(context, version), "minimum version");
  if (done) done = check(wolfSSL_CTX_set_cipher_list(context, kCiphers), "ciphers");
  if (!done) return done;
  wolfSSL_CTX_set_session_cache_mode(context, WOLFSSL_SESS_CACHE_OFF);  // tickets alone
  wolfSSL_CTX_set_TicketEncCb(context, &on_ticket);
  wolfSSL_CTX_set_TicketEncCtx(context, keys);
  wolfSSL_CTX_set_TicketHint(context, kTicketSecondsMax);
  Engine::prepare(context);
  return {};
}

}  // namespace

Result<std::shared_ptr<const ServerContext>> ServerContext::make(Settings settings) {
  SLUICE_ASSERT(!settings.certificates.empty(), "a server shows a certificate");
  SLUICE_ASSERT(settings.ticket_keys != nullptr, "tickets are encrypted");
  std::shared_ptr<ServerContext> context(new ServerContext(std::move(settings)));
  auto opened = context->open_contexts();
  if (!opened) return std::unexpected(std::move(opened).error());
  return context;
}

ServerContext::ServerContext(Settings settings) : settings_(std::move(settings)) {}

ServerContext::~ServerContext() {
  for (WOLFSSL_CTX* const context : contexts_) wolfSSL_CTX_free(context);
}

Result<void> ServerContext::open_contexts() {
  for (const Certificate& certificate : settings_.certificates) {
    WOLFSSL_CTX* const context = wolfSSL_CTX_new(wolfTLS_server_method());
    if (context == nullptr) return fail(ErrorCode::system, "no memory for TLS");
    contexts_.push_back(context);
    auto done = show(context, certificate);
    if (done) done = set_policy(context, settings_.min_version, settings_.ticket_keys.get());
    if (!done) return done;
  }
  return {};
}

const Certificate& ServerContext::choose(const ClientHello& hello) const {
  return settings_.certificates[index_for(hello)];
}

std::size_t ServerContext::index_for(const ClientHello& hello) const {
  const auto& certificates = settings_.certificates;
  const bool is_known = std::ranges::any_of(
      certificates, [&](const Certificate& one) { return one.is_for(hello.server_name); });
  std::optional<std::size_t> fitting;
  std::optional<std::size_t> verifiable;
  for (std::size_t i = 0; i < certificates.size(); ++i) {
    if (is_known && !certificates[i].is_for(hello.server_name)) continue;
    const bool is_ecdsa = certificates[i].key_kind() == KeyKind::ecdsa;
    if (is_ecdsa && hello.can_verify_ecdsa) return i;
    const bool is_rsa = certificates[i].key_kind() == KeyKind::rsa;
    if (!verifiable && is_rsa && hello.can_verify_rsa) verifiable = i;
    if (!fitting) fitting = i;
  }
  return verifiable.value_or(fitting.value_or(0));
}

WOLFSSL_CTX* ServerContext::context_for(const ClientHello& hello) const {
  return contexts_[index_for(hello)];
}

}  // namespace sluice::tls
