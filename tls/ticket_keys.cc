#include "tls/ticket_keys.h"

#include <wolfssl/options.h>
// wolfSSL's options must come first: its other headers depend on them.
#include <string.h>
#include <wolfssl/wolfcrypt/aes.h>

#include <utility>

#include "tls/random_bytes.h"

namespace sluice::tls {
namespace {

using Secret256 = std::array<std::uint8_t, 32>;

// An AES key schedule for as long as it is used.
class Cipher {
 public:
  explicit Cipher(const Secret256& secret) {
    is_ready_ = wc_AesInit(&aes_, nullptr, INVALID_DEVID) == 0 &&
                wc_AesGcmSetKey(&aes_, secret.data(), static_cast<word32>(secret.size())) == 0;
  }
  Cipher(const Cipher&) = delete;
  Cipher& operator=(const Cipher&) = delete;
  ~Cipher() { wc_AesFree(&aes_); }

  bool encrypt(std::span<std::uint8_t> bytes, TicketKeys::Sealed& sealed) {
    return is_ready_ &&
           wc_AesGcmEncrypt(&aes_, bytes.data(), bytes.data(), static_cast<word32>(bytes.size()),
                            sealed.nonce.data(), TicketKeys::kNonceBytes, sealed.tag.data(),
                            TicketKeys::kTagBytes, sealed.name.data(), TicketKeys::kNameBytes) == 0;
  }
  bool decrypt(std::span<std::uint8_t> bytes, const TicketKeys::Sealed& sealed) {
    return is_ready_ &&
           wc_AesGcmDecrypt(&aes_, bytes.data(), bytes.data(), static_cast<word32>(bytes.size()),
                            sealed.nonce.data(), TicketKeys::kNonceBytes, sealed.tag.data(),
                            TicketKeys::kTagBytes, sealed.name.data(), TicketKeys::kNameBytes) == 0;
  }

 private:
  Aes aes_;
  bool is_ready_ = false;
};

void wipe(Secret256& secret) { ::explicit_bzero(secret.data(), secret.size()); }

}  // namespace

TicketKeys::TicketKeys(Instant now) : newest_(make_key(now)) {}

TicketKeys::~TicketKeys() {
  wipe(newest_.secret);
  if (previous_) wipe(previous_->secret);
}

TicketKeys::Key TicketKeys::make_key(Instant now) {
  Key key;
  fill_randomly(key.name);
  fill_randomly(key.secret);
  key.made = now;
  return key;
}

// Both go when nobody has used them for two lives.
void TicketKeys::rotate(Instant now) {
  if (now - newest_.made < kTicketKeyLife) return;
  const bool is_recent = now - newest_.made < 2 * kTicketKeyLife;
  if (previous_) wipe(previous_->secret);
  previous_.reset();
  if (is_recent) previous_ = newest_;
  wipe(newest_.secret);
  newest_ = make_key(now);
}

std::optional<TicketKeys::Sealed> TicketKeys::seal(std::span<std::uint8_t> ticket, Instant now) {
  const std::lock_guard lock(mutex_);
  rotate(now);
  Sealed sealed{.name = newest_.name, .nonce = {}, .tag = {}};
  fill_randomly(sealed.nonce);
  Cipher cipher(newest_.secret);
  if (!cipher.encrypt(ticket, sealed)) return std::nullopt;
  return sealed;
}

TicketKeys::Opened TicketKeys::open(std::span<std::uint8_t> ticket, const Sealed& sealed,
                                    Instant now) {
  const std::lock_guard lock(mutex_);
  rotate(now);
  const bool is_newest = sealed.name == newest_.name;
  const bool is_previous = previous_ && sealed.name == previous_->name;
  if (!is_newest && !is_previous) return Opened::unknown;
  Cipher cipher(is_newest ? newest_.secret : previous_->secret);
  if (!cipher.decrypt(ticket, sealed)) return Opened::unknown;
  return is_newest ? Opened::good : Opened::old;
}

}  // namespace sluice::tls
