#include "relay/recipient_groups.h"

#include <utility>

#include "core/assert.h"
#include "spool/spool.h"

namespace sluice::relay {

RecipientGroups::Added RecipientGroups::add(const smtp::RecipientCommand& command) {
  const smtp::Address& recipient = command.recipient;
  SLUICE_ASSERT(!recipient.domain.empty(), "a recipient without a domain has no envelope");
  std::string domain = recipient.domain_lower();
  std::string identity = recipient.local_part + '@' + domain;
  if (seen_.contains(identity)) return Added::duplicate;

  auto known = index_by_domain_.find(domain);
  if (known == index_by_domain_.end()) {
    if (groups_.size() >= spool::kEnvelopesPerMessageMax) return Added::too_many;
    known = index_by_domain_.emplace(domain, groups_.size()).first;
    groups_.push_back(RecipientGroup{.domain = std::move(domain), .recipients = {}, .dsn = {}});
  }
  RecipientGroup& group = groups_[known->second];
  if (group.recipients.size() >= spool::kRecipientsPerEnvelopeMax) return Added::too_many;
  if (!command.dsn.is_empty()) {
    const std::size_t bytes = sizeof(PositionedDsn) + command.dsn.original_recipient.size();
    if (group.dsn_bytes + bytes > kDsnBytesMax) return Added::too_many;
    group.dsn_bytes += bytes;
    const auto position = static_cast<std::uint16_t>(group.recipients.size());
    group.dsn.push_back(PositionedDsn{.position = position, .dsn = command.dsn});
  }
  group.recipients.push_back(recipient.to_string());
  seen_.insert(std::move(identity));
  return Added::yes;
}

std::vector<RecipientGroup> RecipientGroups::take() {
  index_by_domain_.clear();
  seen_.clear();
  return std::exchange(groups_, {});
}

}  // namespace sluice::relay
