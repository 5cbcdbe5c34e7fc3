#include "tls/keyed_digest.h"

#include <wolfssl/options.h>
// wolfSSL's options must come first: its other headers depend on them.
#include <string.h>
#include <wolfssl/wolfcrypt/hmac.h>

#include "core/assert.h"
#include "tls/random_bytes.h"

namespace sluice::tls {

namespace {

using Bytes = std::span<const std::uint8_t>;

class Hmac {
 public:
  explicit Hmac(const KeyedDigest::Key& key) {
    require(wc_HmacInit(&state_, nullptr, INVALID_DEVID));
    require(wc_HmacSetKey(&state_, WC_SHA256, key.data(), static_cast<word32>(key.size())));
  }
  Hmac(const Hmac&) = delete;
  Hmac& operator=(const Hmac&) = delete;
  ~Hmac() { wc_HmacFree(&state_); }

  void add(Bytes bytes) {
    require(wc_HmacUpdate(&state_, bytes.data(), static_cast<word32>(bytes.size())));
  }
  KeyedDigest::Value finish() {
    KeyedDigest::Value value{};
    require(wc_HmacFinal(&state_, value.data()));
    return value;
  }

 private:
  static void require(int status) { SLUICE_ASSERT(status == 0, "HMAC in memory cannot fail"); }
  ::Hmac state_{};
};

}  // namespace

KeyedDigest::KeyedDigest() { fill_randomly(key_); }

KeyedDigest::~KeyedDigest() { ::explicit_bzero(key_.data(), key_.size()); }

KeyedDigest::Value KeyedDigest::of(std::span<const std::string_view> texts) const {
  Hmac hmac(key_);
  for (const std::string_view text : texts) {
    std::array<std::uint8_t, 8> length{};
    for (std::size_t i = 0; i < length.size(); ++i) {
      length[i] = static_cast<std::uint8_t>(std::uint64_t{text.size()} >> (8 * i));
    }
    hmac.add(length);
    hmac.add({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }
  return hmac.finish();
}

}  // namespace sluice::tls
