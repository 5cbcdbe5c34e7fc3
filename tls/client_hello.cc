#include "tls/client_hello.h"

#include <optional>

namespace sluice::tls {
namespace {

constexpr std::size_t kRecordHeaderBytes = 5;
constexpr std::size_t kRecordBytesMax = 16 * 1024;
constexpr std::size_t kHandshakeHeaderBytes = 4;
constexpr std::size_t kServerNameBytesMax = 255;
constexpr std::uint8_t kHandshakeRecord = 22;
constexpr std::uint8_t kClientHelloMessage = 1;
constexpr std::uint16_t kServerNameExtension = 0;
constexpr std::uint16_t kSignatureAlgorithmsExtension = 13;
constexpr std::uint16_t kSupportedVersionsExtension = 43;
constexpr std::uint16_t kTls13 = 0x0304;

// Takes numbers and length-prefixed bytes from the front; once something is missing, nothing more.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::uint32_t number(std::size_t bytes) {
    std::uint32_t value = 0;
    for (const char c : take(bytes)) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }
  std::string_view take(std::size_t bytes) {
    if (bytes > rest_.size()) {
      is_short_ = true;
      rest_ = {};
      return {};
    }
    const std::string_view taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return taken;
  }
  // Bytes behind their length, which has so many bytes.
  std::string_view vector(std::size_t length_bytes) { return take(number(length_bytes)); }

  bool empty() const { return rest_.empty(); }
  bool is_short() const { return is_short_; }

 private:
  std::string_view rest_;
  bool is_short_ = false;
};

// The handshake message out of the records that carry it.
std::expected<std::string, ClientHelloFault> join_records(std::string_view bytes) {
  std::string message;
  while (true) {
    if (message.size() >= kHandshakeHeaderBytes) {
      Reader header(message);
      const bool is_hello = header.number(1) == kClientHelloMessage;
      const std::size_t length = header.number(3);
      if (!is_hello || length > kClientHelloBytesMax) {
        return std::unexpected(ClientHelloFault::malformed);
      }
      if (message.size() >= kHandshakeHeaderBytes + length) {
        return message.substr(kHandshakeHeaderBytes, length);
      }
    }
    if (bytes.empty()) return std::unexpected(ClientHelloFault::unfinished);
    Reader record(bytes);
    const bool is_handshake = record.number(1) == kHandshakeRecord;
    if (!is_handshake) return std::unexpected(ClientHelloFault::malformed);
    if (bytes.size() < kRecordHeaderBytes) return std::unexpected(ClientHelloFault::unfinished);
    const bool is_tls = record.number(2) >> 8 == 3;
    const std::size_t length = record.number(2);
    const bool is_good = is_tls && length > 0 && length <= kRecordBytesMax;
    if (!is_good) return std::unexpected(ClientHelloFault::malformed);
    if (bytes.size() < kRecordHeaderBytes + length) {
      return std::unexpected(ClientHelloFault::unfinished);
    }
    message += record.take(length);
    bytes.remove_prefix(kRecordHeaderBytes + length);
  }
}

// RFC 6066 §3: the first name of the kind host_name.
std::string read_server_name(std::string_view extension) {
  Reader outer(extension);
  Reader list(outer.vector(2));
  while (!list.empty()) {
    const bool is_host_name = list.number(1) == 0;
    const std::string_view name = list.vector(2);
    if (list.is_short() || name.size() > kServerNameBytesMax) return {};
    if (!is_host_name) continue;
    std::string lower(name);
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return lower;
  }
  return {};
}

// RFC 8446 §4.2.3 and RFC 5246 §7.4.1.4.1, where the second byte is the kind of key.
void read_signature_algorithms(std::string_view extension, ClientHello& hello) {
  Reader outer(extension);
  Reader list(outer.vector(2));
  while (!list.empty()) {
    const std::uint32_t algorithm = list.number(2);
    if (list.is_short()) return;
    const bool is_pss = algorithm >= 0x0804 && algorithm <= 0x0806;
    const bool is_sha2 = algorithm >> 8 >= 4 && algorithm >> 8 <= 6;
    if (is_pss || (is_sha2 && (algorithm & 0xFF) == 1)) hello.can_verify_rsa = true;
    if (is_sha2 && (algorithm & 0xFF) == 3) hello.can_verify_ecdsa = true;
  }
}

bool names_tls13(std::string_view extension) {
  Reader outer(extension);
  Reader list(outer.vector(1));
  while (!list.empty()) {
    if (list.number(2) == kTls13) return true;
  }
  return false;
}

// In TLS 1.2 the cipher suite names the kind of key: those of ECDHE_ECDSA with an AEAD.
bool has_ecdsa_suite(std::string_view suites) {
  Reader list(suites);
  while (!list.empty()) {
    const std::uint32_t suite = list.number(2);
    if (suite == 0xC02B || suite == 0xC02C || suite == 0xCCA9) return true;
  }
  return false;
}

}  // namespace

std::expected<ClientHello, ClientHelloFault> parse_client_hello(std::string_view bytes) {
  const auto message = join_records(bytes);
  if (!message) return std::unexpected(message.error());
  Reader reader(*message);
  reader.take(2 + 32);  // version, random
  reader.vector(1);     // session
  const std::string_view suites = reader.vector(2);
  reader.vector(1);  // compression
  if (reader.is_short()) return std::unexpected(ClientHelloFault::malformed);

  ClientHello hello;
  bool has_algorithms = false;
  bool is_tls13 = false;
  Reader extensions(reader.empty() ? std::string_view() : reader.vector(2));
  while (!extensions.empty()) {
    const std::uint32_t kind = extensions.number(2);
    const std::string_view content = extensions.vector(2);
    if (extensions.is_short()) return std::unexpected(ClientHelloFault::malformed);
    if (kind == kServerNameExtension) hello.server_name = read_server_name(content);
    if (kind == kSupportedVersionsExtension) is_tls13 = names_tls13(content);
    if (kind != kSignatureAlgorithmsExtension) continue;
    has_algorithms = true;
    read_signature_algorithms(content, hello);
  }
  if (reader.is_short()) return std::unexpected(ClientHelloFault::malformed);
  if (!has_algorithms) hello.can_verify_rsa = true;  // RFC 5246 §7.4.1.4.1: what is assumed
  if (!is_tls13 && !has_ecdsa_suite(suites)) hello.can_verify_ecdsa = false;
  return hello;
}

}  // namespace sluice::tls
