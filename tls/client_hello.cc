#include "tls/client_hello.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace sluice::tls {

namespace {

// RFC 8446 5.1, 4, 4.2
constexpr std::uint8_t kHandshakeRecord = 22;
constexpr std::uint8_t kClientHelloMessage = 1;
constexpr std::size_t kRecordHeaderBytes = 5;
constexpr std::size_t kRecordBytesMax = 1 << 14;
constexpr std::size_t kMessageHeaderBytes = 4;
constexpr std::uint16_t kServerName = 0;
constexpr std::uint16_t kSupportedGroups = 10;
constexpr std::uint16_t kSignatureAlgorithms = 13;
constexpr std::uint16_t kSupportedVersions = 43;
constexpr std::uint16_t kTls13 = 0x0304;

// Reads big-endian numbers and vectors from the front; after a read past the end it has failed, and
// gives zeros and nothing.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::size_t number(std::size_t bytes) {
    std::size_t value = 0;
    for (const char byte : take(bytes)) value = value << 8 | static_cast<unsigned char>(byte);
    return value;
  }
  std::string_view take(std::size_t bytes) {
    if (bytes > rest_.size()) {
      has_failed_ = true;
      rest_ = {};
      return {};
    }
    const std::string_view taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return taken;
  }
  // A vector whose length stands in front, in so many bytes.
  std::string_view vector(std::size_t length_bytes) { return take(number(length_bytes)); }

  bool is_at_end() const { return rest_.empty(); }
  bool has_failed() const { return has_failed_; }

 private:
  std::string_view rest_;
  bool has_failed_ = false;
};

std::unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorCode::syntax, fmt::format("TLS: the ClientHello is malformed ({})", what));
}

bool is_numbers(std::string_view list) { return !list.empty() && list.size() % 2 == 0; }

bool has_number(std::string_view list, auto accepts) {
  for (Reader reader(list); !reader.is_at_end();) {
    if (accepts(static_cast<std::uint16_t>(reader.number(2)))) return true;
  }
  return false;
}

bool is_host_name(std::string_view name) {
  return !name.empty() && name.size() <= kServerNameBytesMax &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                  c == '_';
         });
}

// RFC 6066 3: a list of names; only host names (type 0) were ever defined. What is no host name is
// as good as none: it goes into logs and headers.
Result<std::string> parse_server_name(std::string_view extension) {
  Reader extension_reader(extension);
  Reader names(extension_reader.vector(2));
  if (extension_reader.has_failed() || !extension_reader.is_at_end()) {
    return malformed("server name");
  }
  while (!names.is_at_end()) {
    const std::size_t type = names.number(1);
    std::string name(names.vector(2));
    if (names.has_failed()) return malformed("server name");
    if (type != 0) continue;
    std::ranges::transform(name, name.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    if (name.ends_with('.')) name.pop_back();
    return is_host_name(name) ? name : std::string();
  }
  return std::string();
}

// An extension that holds one list of 16-bit numbers behind its length.
Result<std::string_view> parse_numbers(std::string_view extension, std::size_t length_bytes) {
  Reader reader(extension);
  const std::string_view list = reader.vector(length_bytes);
  if (reader.has_failed() || !reader.is_at_end() || !is_numbers(list)) {
    return malformed("list of numbers");
  }
  return list;
}

Result<void> parse_extension(ClientHello& hello, std::uint16_t type, std::string_view extension) {
  if (type == kServerName) {
    SLUICE_TRY(name, parse_server_name(extension));
    hello.server_name = std::move(name);
  } else if (type == kSupportedGroups) {
    SLUICE_TRY(groups, parse_numbers(extension, 2));
    hello.groups = groups;
  } else if (type == kSignatureAlgorithms) {
    SLUICE_TRY(schemes, parse_numbers(extension, 2));
    hello.signature_schemes = schemes;
  } else if (type == kSupportedVersions) {
    SLUICE_TRY(versions, parse_numbers(extension, 1));
    hello.offers_tls13 =
        has_number(versions, [](std::uint16_t version) { return version == kTls13; });
  }
  return {};
}

std::unexpected<Error> not_tls(std::string_view received) {
  const auto first = static_cast<unsigned char>(received[0]);
  // SSL 2 began with a length whose top bit was set.
  if (first >= 0x80)
    return fail(ErrorCode::syntax, "TLS: the client speaks SSL 2, or no TLS at all");
  if (first >= 0x20) return fail(ErrorCode::syntax, "TLS: the client sent plain text instead");
  return fail(ErrorCode::syntax, "TLS: the client does not begin with a handshake");
}

// IANA "TLS Cipher Suites" whose key exchange is ECDHE_ECDSA, of those that we accept.
bool is_ecdsa_suite(std::uint16_t suite) {
  return suite == 0xc02b || suite == 0xc02c || suite == 0xcca9 || suite == 0xc023 ||
         suite == 0xc024;
}
// The same for ECDHE_RSA.
bool is_rsa_suite(std::uint16_t suite) {
  return suite == 0xc02f || suite == 0xc030 || suite == 0xcca8 || suite == 0xc027 ||
         suite == 0xc028;
}

// RFC 8446 4.2.3: the scheme of TLS 1.3 for each curve, and its number in 4.2.7.
struct Curve {
  std::uint16_t scheme;
  std::uint16_t group;
};
Curve curve_of(KeyKind kind) {
  if (kind == KeyKind::ecdsa_p384) return {.scheme = 0x0503, .group = 24};
  if (kind == KeyKind::ecdsa_p521) return {.scheme = 0x0603, .group = 25};
  return {.scheme = 0x0403, .group = 23};
}

}  // namespace

bool ClientHello::verifies(KeyKind kind) const {
  const bool is_rsa = kind == KeyKind::rsa;
  const Curve curve = curve_of(kind);
  if (offers_tls13) {
    if (!signature_schemes) return false;  // RFC 8446 9.2: it must be there
    // In TLS 1.3 an RSA key signs with PSS only.
    return has_number(*signature_schemes, [&](std::uint16_t scheme) {
      return is_rsa ? scheme >= 0x0804 && scheme <= 0x0806 : scheme == curve.scheme;
    });
  }
  if (!has_number(cipher_suites, is_rsa ? is_rsa_suite : is_ecdsa_suite)) return false;
  // RFC 8422 5.1: the groups bind the key of the certificate too.
  if (!is_rsa && groups &&
      !has_number(*groups, [&](std::uint16_t group) { return group == curve.group; })) {
    return false;
  }
  if (!signature_schemes) return true;
  // RFC 5246 7.4.1.4.1: the hash, then the signature: 1 is RSA, 3 is ECDSA.
  return has_number(*signature_schemes, [&](std::uint16_t scheme) {
    const int signature = scheme & 0xff;
    const bool is_pss = scheme >= 0x0804 && scheme <= 0x0806;
    return is_rsa ? signature == 1 || is_pss : signature == 3;
  });
}

Result<std::optional<std::string>> find_client_hello(std::string_view received) {
  std::string message;
  std::size_t wanted = kMessageHeaderBytes;
  while (!received.empty()) {
    if (static_cast<unsigned char>(received[0]) != kHandshakeRecord) return not_tls(received);
    if (received.size() > 1 && received[1] != 3) return malformed("version of the record");
    if (received.size() < kRecordHeaderBytes) return std::nullopt;
    Reader reader(received.substr(3));
    const std::size_t length = reader.number(2);
    if (length == 0 || length > kRecordBytesMax) return malformed("length of the record");
    // A message may be cut into records at any place (RFC 8446 5.1).
    const std::string_view part = received.substr(kRecordHeaderBytes, length);
    message += part;
    if (static_cast<unsigned char>(message.empty() ? kClientHelloMessage : message[0]) !=
        kClientHelloMessage) {
      return malformed("another message comes first");
    }
    if (message.size() >= kMessageHeaderBytes) {
      Reader header(std::string_view(message).substr(1));
      wanted = kMessageHeaderBytes + header.number(3);
    }
    if (wanted > kClientHelloBytesMax) {
      return fail(ErrorCode::limit_exceeded,
                  fmt::format("TLS: a ClientHello of {} bytes, at most {} are taken", wanted,
                              kClientHelloBytesMax));
    }
    if (message.size() >= wanted) {
      return message.substr(kMessageHeaderBytes, wanted - kMessageHeaderBytes);
    }
    if (part.size() < length) return std::nullopt;
    received.remove_prefix(kRecordHeaderBytes + length);
  }
  return std::nullopt;
}

Result<ClientHello> parse_client_hello(std::string_view body) {
  ClientHello hello;
  Reader reader(body);
  reader.take(2 + 32);  // version and random
  reader.vector(1);     // session id
  hello.cipher_suites = reader.vector(2);
  reader.vector(1);  // compression
  if (reader.has_failed()) return malformed("it ends early");
  if (!is_numbers(hello.cipher_suites)) return malformed("cipher suites");
  if (reader.is_at_end()) return hello;  // RFC 5246 7.4.1.2: a client without extensions

  Reader extensions(reader.vector(2));
  if (reader.has_failed() || !reader.is_at_end()) return malformed("extensions");
  while (!extensions.is_at_end()) {
    const auto type = static_cast<std::uint16_t>(extensions.number(2));
    const std::string_view extension = extensions.vector(2);
    if (extensions.has_failed()) return malformed("extensions");
    if (auto parsed = parse_extension(hello, type, extension); !parsed) {
      return std::unexpected(std::move(parsed).error());
    }
  }
  return hello;
}

}  // namespace sluice::tls
