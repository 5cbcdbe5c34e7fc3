// What the keys of [[user]] cannot say each for itself: names that are unique, one way to prove
// oneself, at least one sender. The same for the configuration and for user_file.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/config_document.h"
#include "core/config_problems.h"
#include "relay/user.h"

namespace sluice::relay {

// A user's name and where it was written. Over all the files that may name users.
using UserNames = std::map<std::string, ConfigPlace, std::less<>>;

// Reports every broken rule at its place in the document; asks the machine nothing. A name that is
// in `names` already is a problem; the others are added to it.
void check_user_rules(const std::vector<UserSettings>& users, const ConfigNode& document,
                      UserNames& names, ConfigProblems& problems);

// Fetches the passwords that are named. Those that cannot be had are problems.
void fetch_user_secrets(std::vector<UserSettings>& users, const ConfigNode& document,
                        ConfigProblems& problems);

}  // namespace sluice::relay
