#include "tls/certificate.h"

#include <wolfssl/options.h>
// wolfSSL's options must come first: its other headers depend on them.
#include <fmt/format.h>
#include <wolfssl/ssl.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <fstream>
#include <memory>
#include <utility>

#include "tls/wolfssl_error.h"

namespace sluice::tls {
namespace {

struct FreeContext {
  void operator()(WOLFSSL_CTX* context) const { wolfSSL_CTX_free(context); }
};
struct FreeX509 {
  void operator()(WOLFSSL_X509* x509) const { wolfSSL_X509_free(x509); }
};

Result<std::string> read_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string content(kPemBytesMax + 1, '\0');
  file.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (!file.is_open() || file.bad()) {
    return fail(ErrorCode::refused,
                fmt::format("{} cannot be read: {}", path, std::generic_category().message(errno)));
  }
  content.resize(static_cast<std::size_t>(file.gcount()));
  if (content.size() <= kPemBytesMax) return content;
  return fail(
      ErrorCode::limit_exceeded,
      fmt::format("{} is larger than {} bytes, which no certificate is", path, kPemBytesMax));
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// The library judges both as it would when it uses them.
Result<void> check_pair(std::string_view chain, std::string_view key, const std::string& chain_file,
                        const std::string& key_file) {
  const std::unique_ptr<WOLFSSL_CTX, FreeContext> context(wolfSSL_CTX_new(wolfTLS_server_method()));
  if (context == nullptr) return fail(ErrorCode::system, "no memory for TLS");
  int status = wolfSSL_CTX_use_certificate_chain_buffer_format(
      context.get(), bytes_of(chain), static_cast<long>(chain.size()), WOLFSSL_FILETYPE_PEM);
  if (status != WOLFSSL_SUCCESS) {
    return fail(ErrorCode::syntax, fmt::format("{} is no certificate in PEM ({})", chain_file,
                                               wolfssl_reason(status)));
  }
  status = wolfSSL_CTX_use_PrivateKey_buffer(context.get(), bytes_of(key),
                                             static_cast<long>(key.size()), WOLFSSL_FILETYPE_PEM);
  if (status != WOLFSSL_SUCCESS) {
    return fail(ErrorCode::syntax,
                fmt::format("{} is no private key in PEM without a password, or does not fit the "
                            "certificate in {} ({})",
                            key_file, chain_file, wolfssl_reason(status)));
  }
  if (wolfSSL_CTX_check_private_key(context.get()) == WOLFSSL_SUCCESS) return {};
  return fail(
      ErrorCode::invalid_argument,
      fmt::format("the key in {} does not fit the certificate in {}", key_file, chain_file));
}

std::string lower(std::string_view text) {
  std::string lowered(text);
  for (char& c : lowered) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return lowered;
}

std::string date_of(WallTime time) {
  const std::chrono::sys_time<std::chrono::milliseconds> point{
      std::chrono::milliseconds(time.milliseconds())};
  const std::chrono::year_month_day date{std::chrono::floor<std::chrono::days>(point)};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

}  // namespace

Result<Certificate> Certificate::load(const std::string& certificate_file,
                                      const std::string& key_file) {
  SLUICE_TRY(chain, read_file(certificate_file));
  SLUICE_TRY(key_text, read_file(key_file));
  Certificate certificate;
  certificate.file_ = certificate_file;
  certificate.chain_ = std::move(chain);
  certificate.key_ = Secret(std::move(key_text));
  auto checked =
      check_pair(certificate.chain_, certificate.key_.reveal(), certificate_file, key_file);
  if (!checked) return std::unexpected(std::move(checked).error());
  auto read = certificate.read_facts();
  if (!read) return std::unexpected(std::move(read).error());
  return certificate;
}

Result<void> Certificate::read_facts() {
  const std::unique_ptr<WOLFSSL_X509, FreeX509> leaf(wolfSSL_X509_load_certificate_buffer(
      bytes_of(chain_), static_cast<int>(chain_.size()), WOLFSSL_FILETYPE_PEM));
  if (leaf == nullptr) {
    return fail(ErrorCode::syntax, fmt::format("{} is no certificate in PEM", file_));
  }
  while (const char* const name = wolfSSL_X509_get_next_altname(leaf.get())) {
    names_.push_back(lower(name));
  }
  const char* const common_name = wolfSSL_X509_get_subjectCN(leaf.get());
  if (names_.empty() && common_name != nullptr) names_.push_back(lower(common_name));

  const int kind = wolfSSL_X509_get_pubkey_type(leaf.get());
  key_kind_ = kind == ECDSAk ? KeyKind::ecdsa : kind == ED25519k ? KeyKind::ed25519 : KeyKind::rsa;

  std::tm end{};
  if (wolfSSL_ASN1_TIME_to_tm(wolfSSL_X509_get_notAfter(leaf.get()), &end) != WOLFSSL_SUCCESS) {
    return fail(ErrorCode::syntax,
                fmt::format("{}: the certificate has no date of its end", file_));
  }
  ends_ = WallTime(static_cast<std::int64_t>(::timegm(&end)) * 1000);
  return {};
}

bool Certificate::is_for(std::string_view name) const {
  return std::ranges::any_of(names_, [name](std::string_view pattern) {
    if (!pattern.starts_with("*.")) return pattern == name;
    const auto dot = name.find('.');
    return dot != std::string_view::npos && dot > 0 && name.substr(dot) == pattern.substr(1);
  });
}

std::optional<std::string> Certificate::expiry_problem(WallTime now) const {
  if (ends_ <= now) return fmt::format("{}: the certificate ended on {}", file_, date_of(ends_));
  if (ends_ - now >= kExpiryNotice) return std::nullopt;
  return fmt::format("{}: the certificate ends on {}, in less than 14 days", file_, date_of(ends_));
}

}  // namespace sluice::tls
