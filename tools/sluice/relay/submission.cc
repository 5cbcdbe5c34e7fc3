#include "relay/submission.h"

#include <algorithm>
#include <utility>

#include "relay/refusals.h"
#include "smtp/mailbox_list.h"

namespace sluice::relay {
namespace {

bool contains(const std::vector<std::string>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

MessageClass default_class(const Submitter& submitter) {
  return submitter.tenant != nullptr ? submitter.tenant->settings.klass : MessageClass::bulk;
}

std::expected<MessageClass, smtp::Reply> grant_class(const Submitter& submitter,
                                                     const std::string& asked) {
  const MessageClass standard = default_class(submitter);
  if (asked.empty()) return standard;
  const auto klass = parse_message_class(asked);
  const bool may_have =
      klass && (*klass == standard || contains(submitter.user->settings.classes, asked));
  if (!may_have) return std::unexpected(header_denied("X-Sluice-Class", asked));
  return *klass;
}

}  // namespace

Refusal check_tenant(const Submitter& submitter) {
  const std::string& name = submitter.user->settings.tenant;
  if (name.empty()) return std::nullopt;
  if (submitter.tenant == nullptr) return tenant_vanished(name);
  if (submitter.tenant->state->is_suspended(TenantPart::reception)) return tenant_suspended();
  return std::nullopt;
}

Refusal check_reverse_path(const User& user, const smtp::Address& reverse_path) {
  if (reverse_path.is_null()) {
    return user.settings.null_sender ? std::nullopt : Refusal(null_sender_denied());
  }
  if (matches_any(user.settings.senders, reverse_path)) return std::nullopt;
  return sender_denied(reverse_path.to_string());
}

Refusal check_from(const User& user, std::span<const std::string> from) {
  const auto& patterns = user.settings.from.empty() ? user.settings.senders : user.settings.from;
  if (from.size() != 1) return from_missing();
  const auto mailboxes = smtp::parse_mailbox_list(from.front());
  if (!mailboxes) return from_missing();
  for (const smtp::Address& mailbox : *mailboxes) {
    if (!matches_any(patterns, mailbox)) return from_denied(mailbox.to_string());
  }
  return std::nullopt;
}

std::expected<GrantedWishes, smtp::Reply> grant(const std::optional<Submitter>& submitter,
                                                smtp::SluiceHeaders asked) {
  GrantedWishes granted;
  granted.expiry = asked.expiry.value_or(Duration(0));
  if (!submitter) {
    asked.campaign.clear();
    asked.pool.clear();
  } else {
    auto klass = grant_class(*submitter, asked.klass);
    if (!klass) return std::unexpected(std::move(klass).error());
    granted.klass = *klass;
    if (!asked.pool.empty() && !contains(submitter->user->settings.pools, asked.pool)) {
      return std::unexpected(header_denied("X-Sluice-Pool", asked.pool));
    }
    if (submitter->tenant == nullptr) asked.campaign.clear();
  }
  asked.klass.clear();
  asked.expiry.reset();
  granted.sender = std::move(asked);
  return granted;
}

MessageClass best_class(const std::optional<Submitter>& submitter) {
  if (!submitter) return MessageClass::bulk;
  const std::string name(name_of(MessageClass::transactional));
  if (contains(submitter->user->settings.classes, name)) return MessageClass::transactional;
  return default_class(*submitter);
}

}  // namespace sluice::relay
