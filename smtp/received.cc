#include "smtp/received.h"

#include <fmt/format.h>

#include <vector>

#include "smtp/ascii.h"
#include "smtp/date.h"

namespace sluice::smtp {
namespace {

constexpr std::size_t kColumnsMax = 77;  // RFC 5322 §2.1.1 asks for at most 78

// Comments, quotes and separators in a name could forge the rest of the field.
std::string harmless_name(std::string_view name) {
  std::string harmless(name.substr(0, kDomainBytesMax));
  for (char& c : harmless) {
    const bool is_name_char =
        is_letter(c) || is_digit(c) || std::string_view("-._:[]").find(c) != std::string_view::npos;
    if (!is_name_char) c = '?';
  }
  return harmless;
}

// RFC 5321 §4.1.3
std::string address_literal(const IpAddress& address) {
  return fmt::format("[{}{}]", address.is_v4() ? "" : "IPv6:", address.to_string());
}

// Joins clauses by a space, or by a new line that begins with a tab.
std::string fold(const std::vector<std::string>& clauses) {
  std::string field = "Received:";
  std::size_t column = field.size();
  for (const auto& clause : clauses) {
    if (column + 1 + clause.size() > kColumnsMax) {
      field += "\r\n\t";
      column = 8;
    } else {
      field += ' ';
      ++column;
    }
    field += clause;
    column += clause.size();
  }
  return field + "\r\n";
}

}  // namespace

std::string received_field(const TraceFacts& facts) {
  std::vector<std::string> clauses;
  if (facts.client_trace == ClientTrace::full) {
    clauses.push_back(fmt::format("from {}", harmless_name(facts.client.hello)));
    clauses.push_back(fmt::format("({})", address_literal(facts.client.peer.address)));
  }
  clauses.push_back(fmt::format("by {}", facts.hostname));
  // RFC 3848: the protocol is ESMTP when the client said EHLO.
  clauses.push_back(fmt::format("with {}", facts.client.is_extended ? "ESMTP" : "SMTP"));
  clauses.push_back(fmt::format("id {};", facts.message_id));
  clauses.push_back(format_date(facts.time));
  return fold(clauses);
}

}  // namespace sluice::smtp
