// Certificate: a server's certificate with its chain and private key, as two PEM files hold them.
//
// Loading finds every mistake that would else be met in a handshake: a file that is not PEM, a key
// of another certificate, a kind of key that clients do not take. It says when the certificate ends
// and whom it names; it verifies no chain, because clients do.
// A value that never changes; shared by shards once it is in a ServerContext.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/error.h"

namespace sluice::tls {

// Chains are a few kilobytes; this leaves room for comments and long keys.
inline constexpr std::size_t kCertificateFileBytesMax = 1024 * 1024;
inline constexpr unsigned kRsaBitsMin = 2048;

// A certificate that ends sooner is worth a warning.
inline constexpr Duration kExpiryWarning = std::chrono::hours(14 * 24);

enum class KeyKind : std::uint8_t { rsa, ecdsa_p256, ecdsa_p384, ecdsa_p521 };

class Certificate {
 public:
  // The certificate file holds the certificate first, then its chain. Each error names the file; a
  // key that does not fit names both.
  static Result<Certificate> load(const std::string& certificate_file, const std::string& key_file);

  // Whether a client that asked for this name is served right: "mail.example.com" by a certificate
  // for it or for "*.example.com" (RFC 6125 6.4.3: the star stands for one whole label).
  bool covers(std::string_view server_name) const;

  // "the certificate FILE ended on 2025-01-31" or "... ends in 3 days, on ...", or nothing to say.
  std::optional<std::string> expiry_problem(WallTime now) const;

  KeyKind key_kind() const { return key_kind_; }
  WallTime not_after() const { return not_after_; }
  // The DNS names it is for, in lower case and no order; the common name where it has none.
  const std::vector<std::string>& names() const { return names_; }
  const std::string& file() const { return file_; }
  const std::string& chain_pem() const { return chain_pem_; }
  const std::string& key_pem() const { return key_pem_; }

 private:
  Certificate() = default;
  Result<void> check_fit(const std::string& key_file) const;
  Result<void> read_leaf();

  std::string file_;
  std::string chain_pem_;
  std::string key_pem_;
  KeyKind key_kind_ = KeyKind::rsa;
  WallTime not_after_{0};
  std::vector<std::string> names_;
};

}  // namespace sluice::tls
