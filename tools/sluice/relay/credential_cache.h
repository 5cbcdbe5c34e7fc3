// CredentialCache: passwords that were right a short while ago, so that a login need not cost the
// work of a hash each time.
//
// What is kept is a keyed digest of the user's generation, name and password, never the password;
// the key is this process's own. A user of another generation has another digest: whoever is
// changed, disabled or removed is forgotten with that. What was wrong is not remembered. One for
// the node, since a proof that each shard wanted for itself would cost a hash on each; its
// functions are for any thread, and each holds one of several locks for some hundred nanoseconds.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <unordered_map>

#include "core/clock.h"
#include "core/secret.h"
#include "relay/user_directory.h"
#include "tls/keyed_digest.h"

namespace sluice::relay {

inline constexpr std::size_t kRememberedCredentialsMax = 100'000;

class CredentialCache {
 public:
  // `kept`: how long one proof is good; 0: not at all.
  explicit CredentialCache(Duration kept, std::size_t entries_max = kRememberedCredentialsMax);

  bool knows(const User& user, const Secret& password, Instant now) const;
  // The oldest is forgotten when there is no room. A proof that is there already is not prolonged:
  // each is renewed by the work of a hash.
  void remember(const User& user, const Secret& password, Instant now);
  std::size_t size() const;

 private:
  using Digest = tls::KeyedDigest::Value;
  struct DigestHash {
    std::size_t operator()(const Digest& digest) const noexcept;
  };
  struct Part {
    mutable std::mutex mutex;
    std::unordered_map<Digest, Instant, DigestHash> until;
    std::deque<Digest> oldest_first;  // all are kept equally long
  };
  static constexpr std::size_t kParts = 16;

  Digest digest_of(const User& user, const Secret& password) const;
  const Part& part_of(const Digest& digest) const { return parts_[digest[0] % kParts]; }
  Part& part_of(const Digest& digest) { return parts_[digest[0] % kParts]; }

  const tls::KeyedDigest digests_;
  const Duration kept_;
  const std::size_t part_entries_max_;
  std::array<Part, kParts> parts_;
};

}  // namespace sluice::relay
