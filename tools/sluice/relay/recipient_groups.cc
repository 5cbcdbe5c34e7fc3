#include "relay/recipient_groups.h"

#include <utility>

#include "core/assert.h"
#include "spool/spool.h"

namespace sluice::relay {

RecipientGroups::Added RecipientGroups::add(const smtp::Address& recipient) {
  SLUICE_ASSERT(!recipient.domain.empty(), "a recipient without a domain has no envelope");
  std::string domain = recipient.domain_lower();
  std::string identity = recipient.local_part + '@' + domain;
  if (seen_.contains(identity)) return Added::duplicate;

  auto known = index_by_domain_.find(domain);
  if (known == index_by_domain_.end()) {
    if (groups_.size() >= spool::kEnvelopesPerMessageMax) return Added::too_many;
    known = index_by_domain_.emplace(domain, groups_.size()).first;
    groups_.push_back(RecipientGroup{.domain = std::move(domain), .recipients = {}});
  }
  RecipientGroup& group = groups_[known->second];
  if (group.recipients.size() >= spool::kRecipientsPerEnvelopeMax) return Added::too_many;
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
