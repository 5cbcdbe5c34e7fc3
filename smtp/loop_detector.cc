#include "smtp/loop_detector.h"

#include <fmt/format.h>

#include "smtp/ascii.h"

namespace sluice::smtp {
namespace {

constexpr std::string_view kReceivedName = "received:";

}  // namespace

void LoopDetector::start() {
  received_headers_ = 0;
  place_ = Place::in_name;
  matched_ = 0;
}

StageResult LoopDetector::consume(std::string_view bytes) {
  std::string_view rest = bytes;
  while (place_ != Place::behind_header && !rest.empty()) {
    if (place_ == Place::in_name) {
      match_name(rest);
    } else {
      skip_line(rest);
    }
  }
  if (received_headers_ > received_headers_max_) {
    return std::unexpected(
        reply(554, {5, 4, 6},
              fmt::format("Routing loop detected: the message has more than {} Received: fields",
                          received_headers_max_)));
  }
  return bytes;
}

void LoopDetector::match_name(std::string_view& rest) {
  const char c = rest[0];
  if (matched_ == 0 && c == '\r') {  // an empty line ends the header
    place_ = Place::behind_header;
    return;
  }
  if (to_lower(c) != kReceivedName[matched_]) {
    place_ = Place::in_line;
    return;
  }
  rest.remove_prefix(1);
  if (++matched_ < kReceivedName.size()) return;
  ++received_headers_;
  place_ = Place::in_line;
}

void LoopDetector::skip_line(std::string_view& rest) {
  const std::size_t newline = rest.find('\n');
  if (newline == std::string_view::npos) {
    rest = {};
    return;
  }
  rest.remove_prefix(newline + 1);
  place_ = Place::in_name;
  matched_ = 0;
}

}  // namespace sluice::smtp
