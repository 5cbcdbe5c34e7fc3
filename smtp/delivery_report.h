// DeliveryReport: a delivery status notification (RFC 3461 §6, RFC 3464), as the message that tells
// a sender what became of recipients of his. Pure: whom to tell what is its caller's matter.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "smtp/enhanced_status.h"
#include "smtp/reply.h"

namespace sluice::smtp {

enum class ReportedAction : std::uint8_t {
  failed,
  relayed,  // to a server that sends no notifications (RFC 3464 §2.3.3)
};

struct ReportedRecipient {
  std::string address;
  std::string original = {};  // as ORCPT had it: "rfc822;xtext"; empty: unknown
  ReportedAction action = ReportedAction::failed;
  EnhancedStatus status = {};  // RFC 3464 §2.3.4
  std::string remote = {};     // name of the host that said so; empty: none was asked
  std::string reply = {};      // what it said, or we; one line
};

// What of the reported message goes back (RFC 3461 §6.2).
enum class ReturnedPart : std::uint8_t { nothing, headers, whole };

struct DeliveryReport {
  std::string_view id;         // of the report
  std::string_view hostname;   // ours
  std::string_view recipient;  // the reverse-path of the reported message
  WallTime time{0};
  WallTime arrival{0};           // of the reported message
  std::string envelope_id = {};  // ENVID as xtext; empty: none
  std::vector<ReportedRecipient> recipients = {};
  ReturnedPart returned_part = ReturnedPart::nothing;
  std::string returned = {};  // with CRLF at the end of each line
};

// The status of RFC 3464 §2.3.4 for a reply: its own enhanced code where the class agrees with the
// basic one, else only that class.
EnhancedStatus status_of(const Reply& reply);

// Header and body, lines ended by CRLF, of at most 998 bytes as far as they are ours. It has bytes
// beyond ASCII only where `returned` is whole and has them.
std::string write_delivery_report(const DeliveryReport& report);

// The header of a message, up to the empty line, of which `begin` is the beginning; cut at the end
// of a line where it is longer than kReturnedHeaderBytesMax.
inline constexpr std::size_t kReturnedHeaderBytesMax = 32 * 1024;
std::string_view header_of(std::string_view begin);

// RFC 3461 §4: "+41" becomes "A". What is no xtext stays as it is.
std::string decode_xtext(std::string_view text);

}  // namespace sluice::smtp
