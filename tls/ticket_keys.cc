#include "tls/ticket_keys.h"

#include <wolfssl/options.h>
// wolfSSL's options must come first: its other headers depend on them.
#include <sys/random.h>
#include <wolfssl/wolfcrypt/aes.h>

#include <cerrno>
#include <mutex>
#include <utility>

namespace sluice::tls {

namespace {

Result<void> fill_random(std::span<std::uint8_t> bytes) {
  // Up to 256 bytes come whole once the kernel's generator is ready.
  const ssize_t got = getrandom(bytes.data(), bytes.size(), 0);
  if (got == static_cast<ssize_t>(bytes.size())) return {};
  return std::unexpected(system_error("random bytes", got < 0 ? errno : EIO));
}

class Cipher {
 public:
  explicit Cipher(std::span<const std::uint8_t> secret) {
    wc_AesInit(&aes_, nullptr, INVALID_DEVID);
    status_ = wc_AesGcmSetKey(&aes_, secret.data(), static_cast<word32>(secret.size()));
  }
  Cipher(const Cipher&) = delete;
  Cipher& operator=(const Cipher&) = delete;
  ~Cipher() { wc_AesFree(&aes_); }

  bool seal(std::span<std::uint8_t> text, TicketSeal& seal) {
    return status_ == 0 &&
           wc_AesGcmEncrypt(&aes_, text.data(), text.data(), static_cast<word32>(text.size()),
                            seal.nonce.data(), static_cast<word32>(seal.nonce.size()),
                            seal.tag.data(), static_cast<word32>(seal.tag.size()),
                            seal.key_name.data(), static_cast<word32>(seal.key_name.size())) == 0;
  }
  bool open(std::span<std::uint8_t> text, const TicketSeal& seal) {
    return status_ == 0 &&
           wc_AesGcmDecrypt(&aes_, text.data(), text.data(), static_cast<word32>(text.size()),
                            seal.nonce.data(), static_cast<word32>(seal.nonce.size()),
                            seal.tag.data(), static_cast<word32>(seal.tag.size()),
                            seal.key_name.data(), static_cast<word32>(seal.key_name.size())) == 0;
  }

 private:
  Aes aes_;
  int status_;
};

}  // namespace

Result<std::shared_ptr<TicketKeys>> TicketKeys::make(Clock clock) {
  SLUICE_TRY(first, make_key(clock.now()));
  return std::shared_ptr<TicketKeys>(new TicketKeys(clock, first));
}

Result<TicketKeys::Key> TicketKeys::make_key(Instant now) {
  Key key{.name = {}, .secret = {}, .made = now};
  if (auto filled = fill_random(key.name); !filled) return std::unexpected(filled.error());
  if (auto filled = fill_random(key.secret); !filled) return std::unexpected(filled.error());
  return key;
}

Result<TicketKeys::Key> TicketKeys::key_to_seal(Instant now) {
  {
    const std::shared_lock lock(mutex_);
    if (now < newest_.made + kTicketKeyPeriod) return newest_;
  }
  const std::unique_lock lock(mutex_);
  if (now < newest_.made + kTicketKeyPeriod) return newest_;  // another shard was faster
  SLUICE_TRY(key, make_key(now));
  previous_ = std::exchange(newest_, key);
  return newest_;
}

std::optional<TicketKeys::Key> TicketKeys::key_named(const std::array<std::uint8_t, 16>& name,
                                                     Instant now) const {
  const std::shared_lock lock(mutex_);
  const bool is_newest = newest_.name == name;
  if (!is_newest && (!previous_ || previous_->name != name)) return std::nullopt;
  const Key& key = is_newest ? newest_ : *previous_;
  if (now >= key.made + 2 * kTicketKeyPeriod) return std::nullopt;
  return key;
}

Result<TicketSeal> TicketKeys::seal(std::span<std::uint8_t> ticket) {
  return seal(ticket, clock_.now());
}

Result<TicketSeal> TicketKeys::seal(std::span<std::uint8_t> ticket, Instant now) {
  SLUICE_TRY(key, key_to_seal(now));
  TicketSeal seal{.key_name = key.name, .nonce = {}, .tag = {}};
  if (auto filled = fill_random(seal.nonce); !filled) return std::unexpected(filled.error());
  if (!Cipher(key.secret).seal(ticket, seal)) {
    return fail(ErrorCode::system, "a session ticket cannot be encrypted");
  }
  return seal;
}

Result<void> TicketKeys::open(std::span<std::uint8_t> ticket, const TicketSeal& seal) const {
  return open(ticket, seal, clock_.now());
}

Result<void> TicketKeys::open(std::span<std::uint8_t> ticket, const TicketSeal& seal,
                              Instant now) const {
  const auto key = key_named(seal.key_name, now);
  if (!key) return fail(ErrorCode::not_found, "the session ticket's key is gone");
  if (Cipher(key->secret).open(ticket, seal)) return {};
  return fail(ErrorCode::corrupt, "the session ticket was changed");
}

}  // namespace sluice::tls
