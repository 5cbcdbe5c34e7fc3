#include "tls/alert.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace sluice::tls {

namespace {

struct Alert {
  int code;
  std::string_view name;
};

// IANA "TLS Alerts", those that are sent today.
constexpr std::array kAlerts = {
    Alert{10, "unexpected_message"},
    Alert{20, "bad_record_mac"},
    Alert{22, "record_overflow"},
    Alert{40, "handshake_failure"},
    Alert{42, "bad_certificate"},
    Alert{43, "unsupported_certificate"},
    Alert{44, "certificate_revoked"},
    Alert{45, "certificate_expired"},
    Alert{46, "certificate_unknown"},
    Alert{47, "illegal_parameter"},
    Alert{48, "unknown_ca"},
    Alert{49, "access_denied"},
    Alert{50, "decode_error"},
    Alert{51, "decrypt_error"},
    Alert{70, "protocol_version"},
    Alert{71, "insufficient_security"},
    Alert{80, "internal_error"},
    Alert{86, "inappropriate_fallback"},
    Alert{90, "user_canceled"},
    Alert{100, "no_renegotiation"},
    Alert{109, "missing_extension"},
    Alert{110, "unsupported_extension"},
    Alert{112, "unrecognized_name"},
    Alert{113, "bad_certificate_status_response"},
    Alert{116, "certificate_required"},
    Alert{120, "no_application_protocol"},
};

}  // namespace

std::string alert_name(int code) {
  const auto found = std::ranges::find(kAlerts, code, &Alert::code);
  if (found == kAlerts.end()) return fmt::format("{}", code);
  return fmt::format("{} ({})", found->name, code);
}

}  // namespace sluice::tls
