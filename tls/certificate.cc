#include "tls/certificate.h"

#include <wolfssl/options.h>
// wolfSSL's options must come first: its other headers depend on them.
#include <fmt/format.h>
#include <wolfssl/error-ssl.h>
#include <wolfssl/ssl.h>
#include <wolfssl/wolfcrypt/asn.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <memory>
#include <utility>

#include "tls/handles.h"
#include "tls/wolfssl_bytes.h"

namespace sluice::tls {

namespace {

Result<std::string> read_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"),
                                                             &std::fclose);
  if (file == nullptr) return std::unexpected(system_error(path, errno));
  std::string text(kCertificateFileBytesMax + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return std::unexpected(system_error(path, errno));
  if (text.size() > kCertificateFileBytesMax) {
    return fail(ErrorCode::limit_exceeded,
                fmt::format("{}: longer than {} bytes", path, kCertificateFileBytesMax));
  }
  return text;
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// A certificate taken apart; points into the DER it was made from.
class Decoded {
 public:
  explicit Decoded(const DerBuffer& der) {
    wc_InitDecodedCert(&cert_, der.buffer, der.length, nullptr);
    status_ = wc_ParseCert(&cert_, CERT_TYPE, NO_VERIFY, nullptr);
  }
  Decoded(const Decoded&) = delete;
  Decoded& operator=(const Decoded&) = delete;
  ~Decoded() { wc_FreeDecodedCert(&cert_); }

  int status() const { return status_; }
  const DecodedCert& operator*() const { return cert_; }

 private:
  DecodedCert cert_;
  int status_;
};

std::optional<KeyKind> key_kind_of(const DecodedCert& cert) {
  if (cert.keyOID == RSAk) return KeyKind::rsa;
  if (cert.keyOID != ECDSAk) return std::nullopt;
  switch (cert.pkCurveOID) {
    case ECC_SECP256R1_OID:
      return KeyKind::ecdsa_p256;
    case ECC_SECP384R1_OID:
      return KeyKind::ecdsa_p384;
    case ECC_SECP521R1_OID:
      return KeyKind::ecdsa_p521;
    default:
      return std::nullopt;
  }
}

// The common name counts only where no name stands in its place (RFC 6125 6.4.4).
std::vector<std::string> names_of(const DecodedCert& cert) {
  std::vector<std::string> names;
  for (const DNS_entry* entry = cert.altNames; entry != nullptr; entry = entry->next) {
    if (entry->type != ASN_DNS_TYPE) continue;
    names.push_back(lower_case({entry->name, static_cast<std::size_t>(entry->len)}));
  }
  if (names.empty() && cert.subjectCN != nullptr) {
    names.push_back(lower_case({cert.subjectCN, static_cast<std::size_t>(cert.subjectCNLen)}));
  }
  return names;
}

std::optional<WallTime> end_of(const DecodedCert& cert) {
  const byte* date = nullptr;
  byte format = 0;
  int length = 0;
  if (wc_GetDateInfo(cert.afterDate, cert.afterDateLen, &date, &format, &length) != 0) {
    return std::nullopt;
  }
  std::tm calendar{};
  if (wc_GetDateAsCalendarTime(date, length, format, &calendar) != 0) return std::nullopt;
  return WallTime(std::int64_t{timegm(&calendar)} * 1000);
}

std::string day_of(WallTime time) {
  const auto days = std::chrono::floor<std::chrono::days>(
      std::chrono::sys_time(std::chrono::milliseconds(time.milliseconds())));
  const std::chrono::year_month_day date(days);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

}  // namespace

Result<Certificate> Certificate::load(const std::string& certificate_file,
                                      const std::string& key_file) {
  Certificate certificate;
  certificate.file_ = certificate_file;
  SLUICE_TRY(chain, read_file(certificate_file));
  SLUICE_TRY(key, read_file(key_file));
  certificate.chain_pem_ = std::move(chain);
  certificate.key_pem_ = std::move(key);
  if (auto read = certificate.read_leaf(); !read) {
    return std::unexpected(std::move(read).error().within(certificate_file));
  }
  if (auto fits = certificate.check_fit(key_file); !fits) {
    return std::unexpected(std::move(fits).error());
  }
  return certificate;
}

Result<void> Certificate::read_leaf() {
  DerBuffer* der = nullptr;
  const int status = wc_PemToDer(bytes_of(chain_pem_), static_cast<long>(chain_pem_.size()),
                                 CERT_TYPE, &der, nullptr, nullptr, nullptr);
  const std::unique_ptr<DerBuffer, void (*)(DerBuffer*)> owner(
      der, [](DerBuffer* buffer) { wc_FreeDer(&buffer); });
  if (status != 0 || der == nullptr) {
    return fail(ErrorCode::invalid_argument, "holds no certificate in PEM form");
  }
  const Decoded decoded(*der);
  if (decoded.status() != 0) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("the certificate cannot be read ({})", reason(decoded.status())));
  }
  const auto kind = key_kind_of(*decoded);
  if (!kind) {
    return fail(ErrorCode::unsupported,
                "the certificate's key is neither RSA nor ECDSA on P-256, P-384 or P-521");
  }
  const auto end = end_of(*decoded);
  if (!end) return fail(ErrorCode::invalid_argument, "the certificate's last day cannot be read");
  key_kind_ = *kind;
  not_after_ = *end;
  names_ = names_of(*decoded);
  return {};
}

Result<void> Certificate::check_fit(const std::string& key_file) const {
  const ContextHandle context(wolfSSL_CTX_new(wolfTLS_server_method()));
  if (context == nullptr) return fail(ErrorCode::system, "wolfSSL cannot make a context");
  wolfSSL_CTX_SetMinRsaKey_Sz(context.get(), kRsaBitsMin);
  const int chain = wolfSSL_CTX_use_certificate_chain_buffer(context.get(), bytes_of(chain_pem_),
                                                             static_cast<long>(chain_pem_.size()));
  if (chain == RSA_KEY_SIZE_E) {
    return fail(ErrorCode::unsupported,
                fmt::format("{}: the RSA key has less than {} bits", file_, kRsaBitsMin));
  }
  if (chain != WOLFSSL_SUCCESS) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{}: the chain cannot be read ({})", file_, reason(chain)));
  }
  const int key = wolfSSL_CTX_use_PrivateKey_buffer(
      context.get(), bytes_of(key_pem_), static_cast<long>(key_pem_.size()), WOLFSSL_FILETYPE_PEM);
  if (key != WOLFSSL_SUCCESS) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{}: holds no private key in PEM form without a password ({})",
                            key_file, reason(key)));
  }
  if (wolfSSL_CTX_check_private_key(context.get()) != WOLFSSL_SUCCESS) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("the key {} does not fit the certificate {}", key_file, file_));
  }
  return {};
}

bool Certificate::covers(std::string_view server_name) const {
  const std::string wanted = lower_case(server_name);
  const std::size_t dot = wanted.find('.');
  const std::string_view parent =
      dot == std::string::npos || dot == 0 ? "" : std::string_view(wanted).substr(dot);
  return std::ranges::any_of(names_, [&](std::string_view name) {
    if (name == wanted) return true;
    return !parent.empty() && name.starts_with("*.") && name.substr(1) == parent;
  });
}

std::optional<std::string> Certificate::expiry_problem(WallTime now) const {
  if (now >= not_after_) {
    return fmt::format("the certificate {} ended on {}", file_, day_of(not_after_));
  }
  const Duration left = not_after_ - now;
  if (left > kExpiryWarning) return std::nullopt;
  const auto days = std::chrono::floor<std::chrono::days>(left).count();
  if (days == 0) {
    return fmt::format("the certificate {} ends within a day, on {}", file_, day_of(not_after_));
  }
  return fmt::format("the certificate {} ends in {} {}, on {}", file_, days,
                     days == 1 ? "day" : "days", day_of(not_after_));
}

}  // namespace sluice::tls
