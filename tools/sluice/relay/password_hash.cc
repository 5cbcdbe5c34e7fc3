#include "relay/password_hash.h"

#include <argon2.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <utility>

#include "core/assert.h"
#include "tls/random_bytes.h"

namespace sluice::relay {

namespace {

constexpr std::size_t kSaltBytes = 16;  // RFC 9106 3.1: 16 bytes are recommended
constexpr std::size_t kTagBytes = 32;
// What is taken from other programs.
constexpr std::size_t kSaltBytesMin = 8;  // RFC 9106 3.1
constexpr std::size_t kSaltBytesMax = 64;
constexpr std::size_t kTagBytesMin = 16;
constexpr std::size_t kTagBytesMax = 64;
constexpr std::size_t kEncodedBytesMax = 256;

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Base64 without padding, as the encoded form has it.
std::string encode_base64(std::string_view bytes) {
  std::string text;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (count += 8; count >= 6; count -= 6) text += kAlphabet[bits >> (count - 6) & 63];
  }
  if (count > 0) text += kAlphabet[bits << (6 - count) & 63];
  return text;
}

// Nothing when a character is none of the alphabet, or bits are left that no encoder leaves.
std::optional<std::string> decode_base64(std::string_view text) {
  std::string bytes;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const auto digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 255);
  }
  const bool is_whole = count < 6 && (bits & ((1U << count) - 1)) == 0;
  return is_whole ? std::optional(bytes) : std::nullopt;
}

// Takes `start` off the text; false when it does not begin so.
bool take(std::string_view& text, std::string_view start) {
  if (!text.starts_with(start)) return false;
  text.remove_prefix(start.size());
  return true;
}

// Takes "m=19456" off the text: digits without a zero in front.
std::optional<std::uint32_t> take_number(std::string_view& text, std::string_view name) {
  if (!take(text, name) || text.starts_with('0')) return std::nullopt;
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

std::optional<HashCost> take_cost(std::string_view& text) {
  const auto memory = take_number(text, "m=");
  const auto passes = take_number(text, ",t=");
  const auto lanes = take_number(text, ",p=");
  if (!memory || !passes || !lanes) return std::nullopt;
  return HashCost{.memory_kib = *memory, .passes = *passes, .lanes = *lanes};
}

Result<void> check_cost(const HashCost& cost) {
  const bool is_allowed = cost.memory_kib <= kHashCostMax.memory_kib &&
                          cost.passes <= kHashCostMax.passes && cost.lanes <= kHashCostMax.lanes;
  if (!is_allowed) {
    return fail(ErrorCode::limit_exceeded, "the hash costs more than m=262144,t=10,p=4");
  }
  // RFC 9106 3.1: at least 8 KiB for each lane.
  if (cost.memory_kib < 8 * cost.lanes) {
    return fail(ErrorCode::syntax, "the hash has less memory than its lanes need");
  }
  return {};
}

std::string random_salt() {
  std::array<std::uint8_t, kSaltBytes> salt{};
  tls::fill_randomly(salt);
  return {salt.begin(), salt.end()};
}

// The tag of a password, on this thread alone, whatever the number of lanes.
Result<std::string> work(std::string_view password, const std::string& salt, const HashCost& cost,
                         std::size_t tag_bytes) {
  std::string tag(tag_bytes, '\0');
  std::string salt_copy = salt;  // the library wants what it only reads to be writable
  std::string password_copy(password);
  argon2_context context{};
  context.out = reinterpret_cast<std::uint8_t*>(tag.data());
  context.outlen = static_cast<std::uint32_t>(tag.size());
  context.pwd = reinterpret_cast<std::uint8_t*>(password_copy.data());
  context.pwdlen = static_cast<std::uint32_t>(password_copy.size());
  context.salt = reinterpret_cast<std::uint8_t*>(salt_copy.data());
  context.saltlen = static_cast<std::uint32_t>(salt_copy.size());
  context.t_cost = cost.passes;
  context.m_cost = cost.memory_kib;
  context.lanes = cost.lanes;
  context.threads = 1;
  context.version = ARGON2_VERSION_13;
  const int status = argon2id_ctx(&context);
  wipe(password_copy);
  if (status == ARGON2_OK) return tag;
  return fail(ErrorCode::out_of_budget, fmt::format("argon2id: {}", argon2_error_message(status)));
}

}  // namespace

Result<PasswordHash> PasswordHash::parse(std::string_view encoded) {
  const auto malformed = [] { return fail(ErrorCode::syntax, "no argon2id hash of version 19"); };
  if (encoded.size() > kEncodedBytesMax || !take(encoded, "$argon2id$v=19$")) return malformed();
  const auto cost = take_cost(encoded);
  if (!cost || !take(encoded, "$")) return malformed();
  if (auto allowed = check_cost(*cost); !allowed) {
    return std::unexpected(std::move(allowed).error());
  }
  const auto border = encoded.find('$');
  if (border == std::string_view::npos) return malformed();
  const auto salt = decode_base64(encoded.substr(0, border));
  const auto tag = decode_base64(encoded.substr(border + 1));
  if (!salt || salt->size() < kSaltBytesMin || salt->size() > kSaltBytesMax) return malformed();
  if (!tag || tag->size() < kTagBytesMin || tag->size() > kTagBytesMax) return malformed();

  PasswordHash hash;
  hash.cost_ = *cost;
  hash.salt_ = *salt;
  hash.tag_ = *tag;
  return hash;
}

Result<PasswordHash> PasswordHash::make(const Secret& password, HashCost cost) {
  SLUICE_ASSERT(check_cost(cost).has_value(), "our own hashes can be read again");
  SLUICE_ASSERT(password.size() <= kPasswordBytesMax, "a longer password could not be used");
  PasswordHash hash;
  hash.cost_ = cost;
  hash.salt_ = random_salt();
  SLUICE_TRY(tag, work(password.reveal(), hash.salt_, cost, kTagBytes));
  hash.tag_ = std::move(tag);
  return hash;
}

PasswordHash PasswordHash::of_nobody() {
  PasswordHash hash;
  hash.salt_ = std::string(kSaltBytes, '\0');
  hash.tag_ = std::string(kTagBytes, '\0');  // whoever finds its password has broken argon2
  return hash;
}

std::string PasswordHash::encoded() const {
  return fmt::format("$argon2id$v=19$m={},t={},p={}${}${}", cost_.memory_kib, cost_.passes,
                     cost_.lanes, encode_base64(salt_), encode_base64(tag_));
}

Result<bool> PasswordHash::matches(const Secret& password) const {
  SLUICE_TRY(tag, work(password.reveal().substr(0, kPasswordBytesMax), salt_, cost_, tag_.size()));
  return equal_in_constant_time(tag, tag_) && password.size() <= kPasswordBytesMax;
}

}  // namespace sluice::relay

namespace sluice {

std::optional<relay::PasswordHash> ConfigType<relay::PasswordHash>::from(const ConfigNode& node) {
  if (node.kind != ConfigNode::Kind::text) return std::nullopt;
  auto hash = relay::PasswordHash::parse(node.text);
  return hash ? std::optional(*std::move(hash)) : std::nullopt;
}

}  // namespace sluice
