// Logins: what authentication needs on the node: who may log in, what was proven lately, who checks
// the rest. One for the process; each shard's Authenticator joins it.
#pragma once

#include <memory>
#include <thread>
#include <utility>

#include "relay/config.h"
#include "relay/credential_cache.h"
#include "relay/hash_worker.h"
#include "relay/login_limits.h"
#include "relay/user_directory.h"

namespace sluice::relay {

struct Logins {
  Logins(const RelayConfig& config, std::unique_ptr<UserDirectory> directory)
      : users(std::move(directory)),
        remembered(config.authentication.remembered),
        hashing({.share = config.authentication.hashing_share,
                 .queue_max = config.authentication.hashing_queue,
                 .cores = std::thread::hardware_concurrency()}),
        limits(config.authentication) {}

  std::unique_ptr<UserDirectory> users;
  CredentialCache remembered;
  HashWorker hashing;
  LoginLimits limits;
};

// Whether some listener lets clients log in.
inline bool has_logins(const RelayConfig& config) {
  for (const ListenerSettings& listener : config.listeners) {
    if (listener.auth != smtp::AuthPolicy::off) return true;
  }
  return false;
}

}  // namespace sluice::relay
