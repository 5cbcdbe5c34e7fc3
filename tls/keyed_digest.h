// KeyedDigest: HMAC-SHA256 (RFC 2104) under a key that this process draws and nobody else has.
//
// What depends on a secret can be looked up by its digest without keeping the secret: without the
// key a digest says nothing, and two processes give different ones. Immutable; for any thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::tls {

class KeyedDigest {
 public:
  using Value = std::array<std::uint8_t, 32>;
  using Key = std::array<std::uint8_t, 32>;

  KeyedDigest();  // with a random key
  explicit KeyedDigest(const Key& key) : key_(key) {}
  KeyedDigest(const KeyedDigest&) = delete;
  KeyedDigest& operator=(const KeyedDigest&) = delete;
  ~KeyedDigest();  // wipes the key

  // Of the texts in their order and with their borders: "ab", "c" is not "a", "bc".
  Value of(std::span<const std::string_view> texts) const;

 private:
  Key key_{};
};

}  // namespace sluice::tls
