#include "smtp/delivery_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "core/assert.h"
#include "smtp/ascii.h"
#include "smtp/date.h"
#include "smtp/dsn_parameters.h"

namespace sluice::smtp {
namespace {

constexpr std::size_t kReportedTextBytesMax = 900;  // of a line, which may have 998

// What others said, fit for one line of ours.
std::string one_line(std::string_view text) {
  std::string line(text.substr(0, kReportedTextBytesMax));
  std::ranges::replace_if(line, [](char c) { return c < ' ' || c == '\x7f'; }, ' ');
  return line;
}

std::string_view name_of(ReportedAction action) {
  return action == ReportedAction::failed ? "failed" : "relayed";
}

bool has_failed(const DeliveryReport& report) {
  return std::ranges::any_of(report.recipients, [](const ReportedRecipient& recipient) {
    return recipient.action == ReportedAction::failed;
  });
}

void append_header(const DeliveryReport& report, std::string_view boundary, std::string& out) {
  const std::string_view subject = has_failed(report) ? "Undelivered mail returned to its sender"
                                                      : "Mail relayed to its destination";
  const bool is_8bit = report.returned_part == ReturnedPart::whole && !is_ascii(report.returned);
  out += fmt::format("From: Mail Delivery System <MAILER-DAEMON@{}>\r\n", report.hostname);
  out += fmt::format("To: <{}>\r\n", one_line(report.recipient));
  out += fmt::format("Subject: {}\r\n", subject);
  out += fmt::format("Date: {}\r\n", format_date(report.time));
  out += fmt::format("Message-ID: <{}@{}>\r\n", report.id, report.hostname);
  out += "Auto-Submitted: auto-replied\r\n";  // RFC 3834 §5
  out += "MIME-Version: 1.0\r\n";
  out += "Content-Type: multipart/report; report-type=delivery-status;\r\n";
  out += fmt::format("\tboundary=\"{}\"\r\n", boundary);
  if (is_8bit) out += "Content-Transfer-Encoding: 8bit\r\n";
  out += "\r\n";
}

// For people.
void append_explanation(const DeliveryReport& report, std::string& out) {
  out += "Content-Type: text/plain; charset=us-ascii\r\n\r\n";
  out += fmt::format("This is the mail system at {}.\r\n\r\n", report.hostname);
  out += has_failed(report)
             ? "Your message could not be delivered to these recipients:\r\n\r\n"
             : "Your message was passed on to a server that sends no notifications of its\r\n"
               "own, for these recipients:\r\n\r\n";
  for (const ReportedRecipient& recipient : report.recipients) {
    out += fmt::format("  <{}>\r\n", one_line(recipient.address));
    if (!recipient.remote.empty()) {
      out += fmt::format("    {} said:\r\n", one_line(recipient.remote));
    }
    if (!recipient.reply.empty()) out += fmt::format("    {}\r\n", one_line(recipient.reply));
    out += "\r\n";
  }
}

void append_recipient(const ReportedRecipient& recipient, const DeliveryReport& report,
                      std::string& out) {
  out += "\r\n";
  if (!recipient.original.empty()) {
    const std::size_t semicolon = recipient.original.find(';');
    const std::string_view type = std::string_view(recipient.original).substr(0, semicolon);
    const std::string address = semicolon == std::string::npos
                                    ? std::string()
                                    : decode_xtext(recipient.original.substr(semicolon + 1));
    out += fmt::format("Original-Recipient: {};{}\r\n", one_line(type), one_line(address));
  }
  out += fmt::format("Final-Recipient: rfc822;{}\r\n", one_line(recipient.address));
  out += fmt::format("Action: {}\r\n", name_of(recipient.action));
  out += fmt::format("Status: {}\r\n", recipient.status.to_string());
  if (!recipient.remote.empty()) {
    out += fmt::format("Remote-MTA: dns;{}\r\n", one_line(recipient.remote));
  }
  if (!recipient.reply.empty()) {
    out += fmt::format("Diagnostic-Code: smtp;{}\r\n", one_line(recipient.reply));
  }
  out += fmt::format("Last-Attempt-Date: {}\r\n", format_date(report.time));
}

void append_status(const DeliveryReport& report, std::string& out) {
  out += "Content-Type: message/delivery-status\r\n\r\n";
  if (!report.envelope_id.empty()) {
    out += fmt::format("Original-Envelope-Id: {}\r\n", one_line(decode_xtext(report.envelope_id)));
  }
  out += fmt::format("Reporting-MTA: dns;{}\r\n", report.hostname);
  out += fmt::format("Arrival-Date: {}\r\n", format_date(report.arrival));
  for (const ReportedRecipient& recipient : report.recipients) {
    append_recipient(recipient, report, out);
  }
  out += "\r\n";
}

// A header with bytes beyond ASCII loses them, so that the report goes everywhere.
void append_returned(const DeliveryReport& report, std::string& out) {
  const bool is_whole = report.returned_part == ReturnedPart::whole;
  out += is_whole ? "Content-Type: message/rfc822\r\n" : "Content-Type: text/rfc822-headers\r\n";
  if (is_whole && !is_ascii(report.returned)) out += "Content-Transfer-Encoding: 8bit\r\n";
  out += "\r\n";
  const std::size_t begin = out.size();
  out += report.returned;
  if (!is_whole) {
    std::replace_if(
        out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(),
        [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
  }
  if (!out.ends_with("\r\n")) out += "\r\n";
}

}  // namespace

EnhancedStatus status_of(const Reply& reply) {
  const auto klass = static_cast<std::uint8_t>(reply.code / 100);
  if (reply.enhanced.is_present() && reply.enhanced.klass == klass) return reply.enhanced;
  return {klass, 0, 0};
}

std::string write_delivery_report(const DeliveryReport& report) {
  SLUICE_ASSERT(!report.recipients.empty(), "a report is about somebody");
  const std::string boundary = fmt::format("=_{}", report.id);
  std::string out;
  append_header(report, boundary, out);
  out += fmt::format("--{}\r\n", boundary);
  append_explanation(report, out);
  out += fmt::format("--{}\r\n", boundary);
  append_status(report, out);
  if (report.returned_part != ReturnedPart::nothing) {
    out += fmt::format("--{}\r\n", boundary);
    append_returned(report, out);
  }
  out += fmt::format("--{}--\r\n", boundary);
  return out;
}

std::string_view header_of(std::string_view begin) {
  const std::size_t empty_line = begin.find("\r\n\r\n");
  std::string_view header =
      begin.substr(0, empty_line == std::string_view::npos ? empty_line : empty_line + 2);
  if (header.size() <= kReturnedHeaderBytesMax) return header;
  header = header.substr(0, kReturnedHeaderBytesMax);
  const std::size_t line_end = header.rfind("\r\n");
  return header.substr(0, line_end == std::string_view::npos ? 0 : line_end + 2);
}

std::string decode_xtext(std::string_view text) {
  if (!is_xtext(text)) return std::string(text);
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '+') {
      decoded += text[i];
      continue;
    }
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'A' + 10; };
    decoded += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
    i += 2;
  }
  return decoded;
}

}  // namespace sluice::smtp
