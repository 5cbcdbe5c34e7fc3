// RecipientGroups: the recipients of one transaction by domain; each group becomes an envelope.
//
// Domains are compared without case, local parts with it (RFC 5321 §2.4). A recipient named twice
// is kept once. It checks no address and knows no route. Lives in a session's transaction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "relay/envelope_codec.h"
#include "smtp/command.h"

namespace sluice::relay {

struct RecipientGroup {
  std::string domain;                   // lower case
  std::vector<std::string> recipients;  // as written, in the order of their RCPT commands
  std::vector<PositionedDsn> dsn;       // of those that asked for something
  std::size_t dsn_bytes = 0;
};

class RecipientGroups {
 public:
  // too_many: the spool's bound on envelopes of a message or recipients of an envelope is reached.
  enum class Added : std::uint8_t { yes, duplicate, too_many };
  Added add(const smtp::RecipientCommand& command);

  // In the order in which the domains were first named. Leaves nothing behind.
  std::vector<RecipientGroup> take();

  std::size_t recipient_count() const { return seen_.size(); }

 private:
  std::vector<RecipientGroup> groups_;
  std::unordered_map<std::string, std::size_t> index_by_domain_;
  std::unordered_set<std::string> seen_;  // local part as written, domain in lower case
};

}  // namespace sluice::relay
