// SecretSetting: a secret as the configuration names it, { env = "NAME" } or { file = "path" }.
//
// The configuration says where a secret is, never what it is: plain text is refused without being
// repeated, and the effective configuration shows the reference. Reading the keys asks the machine
// nothing; fetch_secret() does, and whoever loads a configuration keeps its result.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/config_problems.h"
#include "core/config_value.h"
#include "core/error.h"
#include "core/secret.h"

namespace sluice {

inline constexpr std::size_t kSecretBytesMax = 64 << 10;

struct SecretSetting {
  enum class Source : std::uint8_t { environment, file };

  Source source = Source::environment;
  std::string name;  // of the variable, or the path of the file
  Secret value;      // empty until it is fetched
};

// The secret as it is now; a line break at the end of a file is not part of it. An empty one is an
// Error, since nobody means that.
Result<Secret> fetch_secret(const SecretSetting& setting);

// Fetches it into the setting, or reports why it cannot be had: at that place, by that key.
void keep_secret(SecretSetting& setting, ConfigPlace place, std::string key,
                 ConfigProblems& problems);

template <>
struct ConfigType<SecretSetting> {
  static constexpr std::string_view kRefusal =
      "secrets are not written here: use { env = \"NAME\" } or { file = \"path\" }";
  static std::string name() { return "secret"; }
  static std::string noun() { return "a secret"; }
  static std::string example() { return "{ env = \"NAME\" }"; }
  static std::optional<SecretSetting> from(const ConfigNode& node);
  static std::string show(const SecretSetting& setting);
};

}  // namespace sluice
