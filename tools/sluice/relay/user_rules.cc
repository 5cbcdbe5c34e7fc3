#include "relay/user_rules.h"

#include <fmt/format.h>

#include <utility>

#include "relay/message_class.h"
#include "relay/tenant.h"

namespace sluice::relay {

namespace {

class UserRules {
 public:
  UserRules(const ConfigNode& document, ConfigProblems& problems)
      : document_(document), problems_(problems) {}

  void check(const UserSettings& user, const std::string& path);
  void check_name(const UserSettings& user, const std::string& path, UserNames& names);

 private:
  void report(const std::string& key, std::string sentence);
  void check_credentials(const UserSettings& user, const std::string& path);
  void check_tenant(const UserSettings& user, const std::string& path);
  void check_classes(const UserSettings& user, const std::string& path);

  const ConfigNode& document_;
  ConfigProblems& problems_;
};

void UserRules::report(const std::string& key, std::string sentence) {
  if (problems_.concern(key)) return;
  problems_.add(place_of(document_, key), key, std::move(sentence));
}

void UserRules::check(const UserSettings& user, const std::string& path) {
  check_credentials(user, path);
  check_tenant(user, path);
  check_classes(user, path);
  if (user.senders.empty()) {
    report(path + ".senders",
           "found none, expected a pattern such as \"*@example.com\", or \"*\" for any address");
  }
}

void UserRules::check_name(const UserSettings& user, const std::string& path, UserNames& names) {
  const std::string key = path + ".name";
  if (user.name.empty()) report(key, "found none, expected a name");
  if (user.name.size() > kUserNameBytesMax) {
    report(key,
           fmt::format("found {} bytes, expected at most {}", user.name.size(), kUserNameBytesMax));
  }
  if (user.name.empty()) return;
  const auto [first, is_new] = names.try_emplace(user.name, place_of(document_, key));
  if (is_new) return;
  report(key, fmt::format("found {} twice, first at {}", quote_config_text(user.name),
                          first->second.to_string()));
}

void UserRules::check_credentials(const UserSettings& user, const std::string& path) {
  const std::string password = path + ".password";
  const std::string hash = path + ".hash";
  if (problems_.concern(password) || problems_.concern(hash)) return;
  if (user.password.empty() && user.hash.empty()) {
    report(path, "found neither password nor hash, expected one of them");
  }
  if (!user.password.empty() && !user.hash.empty()) {
    report(hash, "found beside password, expected one of them");
  }
  const auto check_count = [&](const std::string& key, std::size_t count) {
    if (count <= kUserPasswordsMax) return;
    report(key, fmt::format("found {}, expected at most {}: the old one and the new one", count,
                            kUserPasswordsMax));
  };
  check_count(password, user.password.size());
  check_count(hash, user.hash.size());
}

// Names of queues have the tenant between ':' and '@'.
void UserRules::check_tenant(const UserSettings& user, const std::string& path) {
  if (user.tenant.empty() || is_valid_tenant_name(user.tenant)) return;
  report(path + ".tenant",
         fmt::format("found {}, expected at most {} letters, digits and the signs - _ .",
                     quote_config_text(user.tenant), kTenantNameBytesMax));
}

void UserRules::check_classes(const UserSettings& user, const std::string& path) {
  for (const std::string& klass : user.classes) {
    if (parse_message_class(klass)) continue;
    report(path + ".classes", fmt::format("found {}, expected {}", quote_config_text(klass),
                                          list_names(kSubmittedClassNames)));
  }
}

}  // namespace

void check_user_rules(const std::vector<UserSettings>& users, const ConfigNode& document,
                      UserNames& names, ConfigProblems& problems) {
  UserRules rules(document, problems);
  for (std::size_t i = 0; i < users.size(); ++i) {
    const std::string path = fmt::format("user[{}]", i);
    rules.check_name(users[i], path, names);
    rules.check(users[i], path);
  }
}

void fetch_user_secrets(std::vector<UserSettings>& users, const ConfigNode& document,
                        ConfigProblems& problems) {
  for (std::size_t i = 0; i < users.size(); ++i) {
    const std::string key = fmt::format("user[{}].password", i);
    for (std::size_t k = 0; k < users[i].password.size(); ++k) {
      keep_secret(users[i].password[k], place_of(document, fmt::format("{}[{}]", key, k)), key,
                  problems);
    }
  }
}

}  // namespace sluice::relay
