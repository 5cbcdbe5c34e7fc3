#include "bench/load_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "bench/quantity.h"
#include "core/assert.h"

namespace sluice::bench {
namespace {

constexpr unsigned kSenders = 1000;

std::uint64_t largest(const std::vector<SizeShare>& sizes) {
  return std::ranges::max(sizes, {}, &SizeShare::bytes).bytes;
}

Result<SizeShare> parse_share(std::string_view text) {
  const std::size_t colon = text.find(':');
  SLUICE_TRY(bytes, parse_bytes(text.substr(0, colon)));
  if (colon == std::string_view::npos) return SizeShare{.bytes = bytes, .weight = 1};
  const std::string_view digits = text.substr(colon + 1);
  std::uint64_t weight = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), weight);
  const bool is_valid = error == std::errc() && end == digits.data() + digits.size() && weight > 0;
  if (!is_valid) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{}: expected SIZE:WEIGHT, for example 10KB:4", text));
  }
  return SizeShare{.bytes = bytes, .weight = weight};
}

}  // namespace

Result<std::vector<SizeShare>> parse_sizes(std::string_view text) {
  std::vector<SizeShare> sizes;
  while (true) {
    const std::size_t comma = text.find(',');
    SLUICE_TRY(share, parse_share(text.substr(0, comma)));
    sizes.push_back(share);
    if (comma == std::string_view::npos) return sizes;
    text.remove_prefix(comma + 1);
  }
}

LoadPlan::LoadPlan(const LoadSettings& settings, Instant start)
    : settings_(settings),
      start_(start),
      maker_(settings.run, largest(settings.sizes), settings.seed) {
  for (const SizeShare& share : settings.sizes) weights_ += share.weight;
  SLUICE_ASSERT(weights_ > 0, "every share has a weight");
}

std::uint64_t LoadPlan::bytes_of(std::uint64_t number) const {
  // A multiplicative hash spreads the sizes over the run in the same way every time.
  std::uint64_t ticket = ((number + settings_.seed) * 0x9E3779B97F4A7C15ull >> 32) % weights_;
  for (const SizeShare& share : settings_.sizes) {
    if (ticket < share.weight) return share.bytes;
    ticket -= share.weight;
  }
  return settings_.sizes.front().bytes;
}

std::optional<PlannedMessage> LoadPlan::next() {
  const std::uint64_t number = next_.fetch_add(1);
  if (number >= settings_.messages) return std::nullopt;
  PlannedMessage message{.number = number,
                         .sender = fmt::format("s{}@sender.example", number % kSenders),
                         .recipients = {},
                         .bytes = bytes_of(number),
                         .due = {}};
  message.recipients.reserve(settings_.recipients);
  for (unsigned i = 0; i < settings_.recipients; ++i) {
    message.recipients.push_back(
        fmt::format("u{}-{}@d{}.load.example", number, i, (number + i) % settings_.domains));
  }
  if (settings_.rate > 0) {
    message.due =
        start_ +
        Duration(static_cast<std::int64_t>(static_cast<double>(number) * 1e9 / settings_.rate));
  }
  return message;
}

}  // namespace sluice::bench
