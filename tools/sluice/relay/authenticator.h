// Authenticator: whether a client is the user that he says he is, and what he is answered.
//
// It joins the users, the passwords that were right lately, the workers that check hashes and the
// limits of failures; it speaks no SASL and knows no session. Whoever fails is answered late and
// with one sentence for all reasons, after the same work whether the user exists or not: the log
// has the reason, without the password. Who comes with the same password while it is checked waits
// for that check: a customer who comes back with all his connections at once costs one. One per
// shard, on its thread; what it joins is the node's.
#pragma once

#include <list>
#include <memory>
#include <string>

#include "core/event.h"
#include "core/ip_address.h"
#include "core/secret.h"
#include "core/task.h"
#include "relay/credential_cache.h"
#include "relay/hash_worker.h"
#include "relay/login_limits.h"
#include "relay/login_metrics.h"
#include "relay/user_directory.h"
#include "smtp/reply.h"

namespace sluice {
class Shard;
}

namespace sluice::relay {

struct AuthenticationResult {
  smtp::Reply reply;                 // 235, 535, 454, or 421 to end the session
  std::shared_ptr<const User> user;  // of a 235 alone
};

// All outlive the authenticator.
struct AuthenticatorParts {
  Shard& shard;
  const UserDirectory& users;
  CredentialCache& remembered;
  HashWorker& hashing;
  LoginLimits& limits;
  LoginMetrics& metrics;
};

class Authenticator {
 public:
  explicit Authenticator(const AuthenticatorParts& parts) : parts_(parts), checked_(parts.shard) {}

  // Waits for a check and, after a failure, for the delay; a task that is cancelled is answered
  // without the delay.
  Task<AuthenticationResult> authenticate(std::string name, Secret password, IpAddress client);

 private:
  struct Attempt;
  Task<AuthenticationResult> wait_or_check(Attempt& attempt);
  bool is_remembered(const Attempt& attempt, Instant now) const;
  bool is_being_checked(const Attempt& attempt) const;
  Task<AuthenticationResult> check(Attempt& attempt);
  // Keeps a refusal for its time.
  Task<AuthenticationResult> hold_back(const Attempt& attempt, AuthenticationResult result);
  AuthenticationResult judge(Attempt& attempt, CheckOutcome outcome);
  AuthenticationResult succeed(const Attempt& attempt);
  AuthenticationResult refuse(const Attempt& attempt, LoginFailure failure);

  AuthenticatorParts parts_;
  std::list<const Attempt*> checking_;
  Event checked_;  // a check ended
};

}  // namespace sluice::relay
