#include "tls/server_context.h"

#include <wolfssl/options.h>
// wolfSSL's options must come first: its other headers depend on them.
#include <fmt/format.h>
#include <wolfssl/ssl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <utility>

#include "core/assert.h"
#include "tls/cipher_policy.h"
#include "tls/wolfssl_bytes.h"

namespace sluice::tls {

namespace {

static_assert(sizeof(TicketSeal::key_name) == WOLFSSL_TICKET_NAME_SZ);
static_assert(sizeof(TicketSeal::nonce) <= WOLFSSL_TICKET_IV_SZ);
static_assert(sizeof(TicketSeal::tag) <= WOLFSSL_TICKET_MAC_SZ);

// wolfSSL's fields for what stands beside a ticket.
struct SealFields {
  unsigned char* key_name;
  unsigned char* nonce;
  unsigned char* tag;
};

int seal_ticket(TicketKeys& keys, std::span<std::uint8_t> ticket, SealFields fields) {
  const auto seal = keys.seal(ticket);
  if (!seal) return WOLFSSL_TICKET_RET_FATAL;  // without random bytes there is no TLS at all
  std::memcpy(fields.key_name, seal->key_name.data(), seal->key_name.size());
  std::memset(fields.nonce, 0, WOLFSSL_TICKET_IV_SZ);
  std::memcpy(fields.nonce, seal->nonce.data(), seal->nonce.size());
  std::memset(fields.tag, 0, WOLFSSL_TICKET_MAC_SZ);
  std::memcpy(fields.tag, seal->tag.data(), seal->tag.size());
  return WOLFSSL_TICKET_RET_OK;
}

int open_ticket(const TicketKeys& keys, std::span<std::uint8_t> ticket, SealFields fields) {
  TicketSeal seal;
  std::memcpy(seal.key_name.data(), fields.key_name, seal.key_name.size());
  std::memcpy(seal.nonce.data(), fields.nonce, seal.nonce.size());
  std::memcpy(seal.tag.data(), fields.tag, seal.tag.size());
  // A ticket that cannot be opened is no fault: the client makes a whole handshake.
  return keys.open(ticket, seal) ? WOLFSSL_TICKET_RET_OK : WOLFSSL_TICKET_RET_REJECT;
}

// The signature is wolfSSL's (SessionTicketEncCb).
int on_ticket(WOLFSSL* /*connection*/, unsigned char* key_name, unsigned char* nonce,
              unsigned char* tag, int is_encryption, unsigned char* ticket, int bytes,
              int* bytes_out, void* keys) {
  const std::span<std::uint8_t> text(ticket, static_cast<std::size_t>(bytes));
  const SealFields fields{.key_name = key_name, .nonce = nonce, .tag = tag};
  auto& ticket_keys = *static_cast<TicketKeys*>(keys);
  *bytes_out = bytes;
  if (is_encryption != 0) return seal_ticket(ticket_keys, text, fields);
  return open_ticket(ticket_keys, text, fields);
}

Result<void> install(WOLFSSL_CTX* context, const Certificate& certificate) {
  const std::string& chain = certificate.chain_pem();
  const std::string& key = certificate.key_pem();
  int status = wolfSSL_CTX_use_certificate_chain_buffer(context, bytes_of(chain),
                                                        static_cast<long>(chain.size()));
  if (status == WOLFSSL_SUCCESS) {
    status = wolfSSL_CTX_use_PrivateKey_buffer(context, bytes_of(key),
                                               static_cast<long>(key.size()), WOLFSSL_FILETYPE_PEM);
  }
  if (status == WOLFSSL_SUCCESS) return {};
  return fail(ErrorCode::invalid_argument,
              fmt::format("{}: cannot be used ({})", certificate.file(), reason(status)));
}

void keep_tickets(WOLFSSL_CTX* context, TicketKeys& keys) {
  const auto seconds = static_cast<unsigned>(
      std::chrono::duration_cast<std::chrono::seconds>(kTicketLifetime).count());
  wolfSSL_CTX_set_TicketEncCb(context, on_ticket);
  wolfSSL_CTX_set_TicketEncCtx(context, &keys);
  wolfSSL_CTX_set_TicketHint(context, static_cast<int>(seconds));
  wolfSSL_CTX_set_timeout(context, seconds);
  // Tickets carry the state; a cache of sessions would be one more that shards share.
  wolfSSL_CTX_set_session_cache_mode(context, WOLFSSL_SESS_CACHE_OFF);
}

}  // namespace

ServerContext::ServerContext(std::shared_ptr<TicketKeys> ticket_keys)
    : ticket_keys_(std::move(ticket_keys)) {}

Result<std::shared_ptr<const ServerContext>> ServerContext::make(ServerSettings settings) {
  SLUICE_ASSERT(settings.ticket_keys != nullptr, "tickets need keys");
  if (settings.certificates.empty()) {
    return fail(ErrorCode::invalid_argument, "TLS needs at least one certificate");
  }
  if (settings.certificates.size() > kCertificatesMax) {
    return fail(ErrorCode::limit_exceeded,
                fmt::format("{} certificates, at most {} can be served",
                            settings.certificates.size(), kCertificatesMax));
  }
  std::shared_ptr<ServerContext> made(new ServerContext(std::move(settings.ticket_keys)));
  for (auto& certificate : settings.certificates) {
    auto added = made->add(std::move(certificate), settings.version_min);
    if (!added) return std::unexpected(std::move(added).error());
  }
  return made;
}

Result<void> ServerContext::add(std::shared_ptr<const Certificate> certificate,
                                Version version_min) {
  SLUICE_ASSERT(certificate != nullptr, "a certificate was loaded");
  ContextHandle context(wolfSSL_CTX_new(wolfTLS_server_method()));
  if (context == nullptr) return fail(ErrorCode::system, "wolfSSL cannot make a context");
  const int minimum = version_min == Version::tls_1_3 ? WOLFSSL_TLSV1_3 : WOLFSSL_TLSV1_2;
  if (wolfSSL_CTX_SetMinVersion(context.get(), minimum) != WOLFSSL_SUCCESS ||
      wolfSSL_CTX_set_cipher_list(context.get(), kCipherPolicy) != WOLFSSL_SUCCESS) {
    return fail(ErrorCode::system, "this build of wolfSSL lacks the ciphers that are needed");
  }
  if (auto installed = install(context.get(), *certificate); !installed) return installed;
  keep_tickets(context.get(), *ticket_keys_);

  const bool is_default =
      entries_.empty() ||
      std::ranges::any_of(entries_.front().certificate->names(),
                          [&](const std::string& name) { return certificate->covers(name); });
  entries_.push_back({std::move(certificate), std::move(context), is_default});
  return {};
}

const ServerContext::Entry& ServerContext::choose(const ClientHello& hello) const {
  const bool is_known = std::ranges::any_of(
      entries_, [&](const Entry& entry) { return entry.certificate->covers(hello.server_name); });
  const Entry* chosen = nullptr;
  const Entry* first = nullptr;
  for (const Entry& entry : entries_) {
    const bool is_candidate =
        is_known ? entry.certificate->covers(hello.server_name) : entry.is_default;
    if (!is_candidate) continue;
    if (first == nullptr) first = &entry;
    const KeyKind kind = entry.certificate->key_kind();
    if (!hello.verifies(kind)) continue;
    if (kind != KeyKind::rsa) return entry;
    if (chosen == nullptr) chosen = &entry;
  }
  // With none that it can verify, wolfSSL refuses the client in the terms of the protocol.
  if (chosen == nullptr) chosen = first;
  SLUICE_ASSERT(chosen != nullptr, "the first certificate serves whom no other does");
  return *chosen;
}

const Certificate& ServerContext::certificate_for(const ClientHello& hello) const {
  return *choose(hello).certificate;
}

WOLFSSL_CTX* ServerContext::context_for(const ClientHello& hello) const {
  return choose(hello).context.get();
}

}  // namespace sluice::tls
