// Submission: what one authenticated user may do in one message, as the configuration has it.
//
// It answers with the reply that refuses, or with nothing. Whether the client is that user, and
// whether the node has room, is decided elsewhere. Pure but for the cells of limits.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "relay/reception_policy.h"
#include "relay/user_directory.h"
#include "smtp/command.h"
#include "smtp/message_header.h"
#include "smtp/sluice_headers.h"

namespace sluice::relay {

// Who submits. `tenant`: null when the user has none.
struct Submitter {
  std::shared_ptr<const User> user;
  const TenantEntry* tenant;
};

using Refusal = std::optional<smtp::Reply>;

// Whether the user's tenant takes mail now: it is configured, and not suspended.
Refusal check_tenant(const Submitter& submitter);
// Whether he may send with this reverse-path.
Refusal check_reverse_path(const User& user, const smtp::Address& reverse_path);
// Whether he may say that these wrote the message: the values of its From fields.
Refusal check_from(const User& user, std::span<const std::string> from);

// What the X-Sluice fields get a message: its class, pool and time. What the user may not have is
// refused; without a user (a client of relay_networks) only time, tags and metadata are granted.
struct GrantedWishes {
  MessageClass klass = MessageClass::bulk;
  Duration expiry{0};  // 0: as the class has it
  smtp::SluiceHeaders sender;
};
std::expected<GrantedWishes, smtp::Reply> grant(const std::optional<Submitter>& submitter,
                                                smtp::SluiceHeaders asked);

// The class that the user's messages have at most, for the question whether there is room for one.
MessageClass best_class(const std::optional<Submitter>& submitter);

}  // namespace sluice::relay
