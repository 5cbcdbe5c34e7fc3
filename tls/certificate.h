// Certificate: a server's certificate with the chain that leads to its root, and the key that fits
// it, as PEM files hold them. Immutable; its files are read once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/error.h"
#include "core/secret.h"

namespace sluice::tls {

inline constexpr std::size_t kPemBytesMax = 1 << 20;
// From here on to its end a certificate is a problem.
inline constexpr Duration kExpiryNotice = std::chrono::hours(24 * 14);

enum class KeyKind : std::uint8_t { rsa, ecdsa, ed25519 };

class Certificate {
 public:
  // The error names the file, and says what is wrong with it: unreadable, no PEM, a key that does
  // not fit.
  static Result<Certificate> load(const std::string& certificate_file, const std::string& key_file);

  const std::string& file() const { return file_; }
  KeyKind key_kind() const { return key_kind_; }
  // In lower case: "mx.example.com", "*.example.com".
  const std::vector<std::string>& names() const { return names_; }
  WallTime ends() const { return ends_; }

  // RFC 6125 §6.4: a star stands for one whole label. `name` in lower case.
  bool is_for(std::string_view name) const;

  // "FILE: the certificate ended on 2026-11-01": of one that has ended, or will within
  // kExpiryNotice.
  std::optional<std::string> expiry_problem(WallTime now) const;

  const std::string& chain_pem() const { return chain_; }
  const Secret& key_pem() const { return key_; }

 private:
  Certificate() = default;
  Result<void> read_facts();

  std::string file_;
  std::string chain_;
  Secret key_;
  KeyKind key_kind_ = KeyKind::rsa;
  std::vector<std::string> names_;
  WallTime ends_{0};
};

}  // namespace sluice::tls
