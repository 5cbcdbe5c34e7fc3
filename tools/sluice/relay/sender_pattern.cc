#include "relay/sender_pattern.h"

#include <algorithm>
#include <utility>

#include "smtp/ascii.h"

namespace sluice::relay {

namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), smtp::to_lower);
  return result;
}

// A literal names a host, which has no domains below it.
bool is_domain_name(std::string_view domain) {
  return !domain.starts_with('[') && smtp::is_valid_domain(domain);
}

}  // namespace

SenderPattern::SenderPattern(Kind kind, std::string local_part, std::string domain)
    : kind_(kind), local_part_(std::move(local_part)), domain_(std::move(domain)) {}

std::optional<SenderPattern> SenderPattern::parse(std::string_view text) {
  if (text == "*") return SenderPattern(Kind::any, {}, {});

  constexpr std::string_view kBelow = "*@*.";
  constexpr std::string_view kWhole = "*@";
  if (text.starts_with(kBelow)) {
    text.remove_prefix(kBelow.size());
    if (!is_domain_name(text)) return std::nullopt;
    return SenderPattern(Kind::below_domain, {}, lower(text));
  }
  if (text.starts_with(kWhole)) {
    text.remove_prefix(kWhole.size());
    if (!smtp::is_valid_domain(text)) return std::nullopt;
    return SenderPattern(Kind::domain, {}, lower(text));
  }
  auto mailbox = smtp::parse_mailbox(text);
  if (!mailbox || mailbox->domain.empty()) return std::nullopt;
  // A star is an ordinary letter of a local part (RFC 5322 3.2.3), but who writes "news*@..." here
  // means more than that one address.
  if (mailbox->local_part.contains('*')) return std::nullopt;
  return SenderPattern(Kind::mailbox, std::move(mailbox->local_part), lower(mailbox->domain));
}

bool SenderPattern::matches(const smtp::Address& address) const {
  if (address.is_null()) return false;
  if (kind_ == Kind::any) return true;
  if (kind_ != Kind::below_domain) {
    const bool is_domain = smtp::equal_ignoring_case(address.domain, domain_);
    return is_domain && (kind_ == Kind::domain || address.local_part == local_part_);
  }
  const std::string_view domain = address.domain;
  if (domain.size() < domain_.size() + 2) return false;  // a label and its dot
  const std::size_t start = domain.size() - domain_.size();
  return domain[start - 1] == '.' && smtp::equal_ignoring_case(domain.substr(start), domain_);
}

std::string SenderPattern::to_string() const {
  switch (kind_) {
    case Kind::any:
      return "*";
    case Kind::domain:
      return "*@" + domain_;
    case Kind::below_domain:
      return "*@*." + domain_;
    case Kind::mailbox:
      return local_part_ + '@' + domain_;
  }
  return {};
}

bool matches_any(std::span<const SenderPattern> patterns, const smtp::Address& address) {
  return std::ranges::any_of(
      patterns, [&](const SenderPattern& pattern) { return pattern.matches(address); });
}

}  // namespace sluice::relay
