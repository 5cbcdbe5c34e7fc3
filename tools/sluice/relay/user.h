// UserSettings: who may submit mail, how he proves it, and what he may do, as [[user]] of the
// configuration and of user_file says it. A value; relay/user_directory serves it to the shards.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/ip_address.h"
#include "core/rate.h"
#include "core/secret_setting.h"
#include "core/units.h"
#include "relay/password_hash.h"
#include "relay/sender_pattern.h"

namespace sluice::relay {

inline constexpr std::size_t kUserNameBytesMax = 128;
inline constexpr std::size_t kUserPasswordsMax = 2;  // the old one and the new one, while rotating

struct UserSettings {
  std::string name;
  std::vector<SecretSetting> password;  // either these or hashes
  std::vector<PasswordHash> hash;
  std::string tenant;  // empty: none
  bool enabled = true;
  std::vector<SenderPattern> senders;  // reverse-paths
  std::vector<SenderPattern> from;     // From: addresses; empty: as senders
  bool null_sender = false;
  std::vector<IpNetwork> networks;   // where he may come from; empty: anywhere
  std::vector<std::string> classes;  // what his messages may claim
  std::vector<std::string> pools;
  std::optional<Rate> accept_rate;                      // recipients
  std::optional<ByteCount> message_size;                // unset: limits.message_size
  std::optional<std::uint32_t> recipients_per_message;  // unset: limits.recipients_per_message
};

// The size of a burst that accept_rate allows: a tenth of its amount, unless it says another.
inline std::uint64_t accept_burst(const Rate& rate) {
  return rate.max_burst.value_or(rate.amount < 10 ? 1 : rate.amount / 10);
}

}  // namespace sluice::relay
