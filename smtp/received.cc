#include "smtp/received.h"

#include <initializer_list>
#include <string_view>
#include <utility>

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

// A field whose clauses are joined by a space, or by a new line that begins with a tab. One string
// grows: this runs for every message.
class Folder {
 public:
  explicit Folder(std::string_view name) : field_(name) {
    field_.reserve(256);
    column_ = field_.size();
  }

  void add(std::initializer_list<std::string_view> clause) {
    std::size_t bytes = 0;
    for (const auto part : clause) bytes += part.size();
    if (column_ + 1 + bytes > kColumnsMax) {
      field_ += "\r\n\t";
      column_ = 8;
    } else {
      field_ += ' ';
      ++column_;
    }
    for (const auto part : clause) field_ += part;
    column_ += bytes;
  }

  std::string finish() && {
    field_ += "\r\n";
    return std::move(field_);
  }

 private:
  std::string field_;
  std::size_t column_ = 0;
};

// RFC 3848: ESMTP when the client said EHLO, S under TLS, A when it has authenticated.
std::string_view protocol_of(const ClientInfo& client) {
  if (!client.is_extended) return "SMTP";
  if (client.tls) return client.user.empty() ? "ESMTPS" : "ESMTPSA";
  return client.user.empty() ? "ESMTP" : "ESMTPA";
}

}  // namespace

std::string received_field(const TraceFacts& facts) {
  Folder field("Received:");
  if (facts.client_trace == ClientTrace::full) {
    field.add({"from ", harmless_name(facts.client.hello)});
    const IpAddress& address = facts.client.peer.address;
    field.add(
        {"([", address.is_v4() ? "" : "IPv6:", address.to_string(), "])"});  // RFC 5321 §4.1.3
  }
  field.add({"by ", facts.hostname});
  field.add({"with ", protocol_of(facts.client)});
  if (const auto& tls = facts.client.tls) field.add({"(", tls->version, " ", tls->cipher, ")"});
  field.add({"id ", facts.message_id, ";"});
  field.add({format_date(facts.time)});
  return std::move(field).finish();
}

}  // namespace sluice::smtp
