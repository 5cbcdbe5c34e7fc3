#include "core/dns_question.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "core/assert.h"

namespace sluice {
namespace {

constexpr std::uint16_t kClassInternet = 1;
constexpr std::uint16_t kOptType = 41;            // RFC 6891 §6.1.1
constexpr std::uint8_t kRecursionDesired = 0x01;  // in the third byte of the header
constexpr std::uint8_t kAuthenticData = 0x20;     // in the fourth

void put_number(std::vector<std::uint8_t>& out, std::uint16_t number) {
  out.push_back(static_cast<std::uint8_t>(number >> 8));
  out.push_back(static_cast<std::uint8_t>(number & 0xFF));
}

bool is_printable(char c) { return c > ' ' && c < 0x7F && c != '\\'; }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Visits each label until one is refused.
template <class Visit>
bool each_label(std::string_view name, Visit&& visit) {
  while (true) {
    const std::size_t dot = name.find('.');
    if (!visit(name.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

}  // namespace

std::string_view name_of(DnsType type) {
  switch (type) {
    case DnsType::a:
      return "A";
    case DnsType::cname:
      return "CNAME";
    case DnsType::soa:
      return "SOA";
    case DnsType::ptr:
      return "PTR";
    case DnsType::mx:
      return "MX";
    case DnsType::txt:
      return "TXT";
    case DnsType::aaaa:
      return "AAAA";
    case DnsType::tlsa:
      return "TLSA";
  }
  return "?";
}

Result<std::string> normal_dns_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty()) return fail(ErrorCode::syntax, "the name is empty");
  if (name.size() > kDnsNameBytesMax) return fail(ErrorCode::syntax, "the name is too long");
  if (!std::ranges::all_of(name, is_printable)) {
    return fail(ErrorCode::syntax, "the name has characters that no name of the DNS has");
  }
  const bool has_good_labels = each_label(name, [](std::string_view label) {
    return !label.empty() && label.size() <= kDnsLabelBytesMax;
  });
  if (!has_good_labels) {
    return fail(ErrorCode::syntax, "the name has a part that is empty or longer than 63 bytes");
  }
  std::string normal(name);
  std::ranges::transform(normal, normal.begin(), lower);
  return normal;
}

std::string reverse_dns_name(const IpAddress& address) {
  const auto& bytes = address.bytes();
  if (address.is_v4()) {
    return fmt::format("{}.{}.{}.{}.in-addr.arpa", bytes[15], bytes[14], bytes[13], bytes[12]);
  }
  std::string name;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    name += fmt::format("{:x}.{:x}.", bytes[i] & 0xF, bytes[i] >> 4);
  }
  return name + "ip6.arpa";
}

std::vector<std::uint8_t> encode_dns_query(const DnsQuestion& question, std::uint16_t id) {
  SLUICE_ASSERT(!question.name.empty(), "a question is about a name");
  SLUICE_ASSERT(question.name.size() <= kDnsNameBytesMax, "the name is a normal one");
  std::vector<std::uint8_t> query;
  put_number(query, id);
  query.push_back(kRecursionDesired);
  query.push_back(kAuthenticData);
  for (const std::uint16_t count : std::initializer_list<std::uint16_t>{1, 0, 0, 1}) {
    put_number(query, count);
  }
  each_label(question.name, [&query](std::string_view label) {
    SLUICE_ASSERT(!label.empty() && label.size() <= kDnsLabelBytesMax, "the name is a normal one");
    query.push_back(static_cast<std::uint8_t>(label.size()));
    query.insert(query.end(), label.begin(), label.end());
    return true;
  });
  query.push_back(0);
  put_number(query, static_cast<std::uint16_t>(question.type));
  put_number(query, kClassInternet);
  // The OPT record: the root's name, its type, how much may come at once, no flags, no options.
  query.push_back(0);
  put_number(query, kOptType);
  put_number(query, kDnsDatagramBytesMax);
  for (int i = 0; i < 3; ++i) put_number(query, 0);
  return query;
}

}  // namespace sluice
