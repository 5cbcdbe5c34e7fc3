// The rules between keys: what each key's own declaration cannot say.
#pragma once

#include <array>
#include <string_view>

#include "core/config_document.h"
#include "core/config_problems.h"
#include "relay/config.h"

namespace sluice::relay {

// Classes of messages that exist in every relay.
inline constexpr std::array<std::string_view, 2> kMessageClasses = {"bulk", "transactional"};

// Reports every broken rule at the place in the document where its key was set. A key that already
// has a problem is left alone.
void check_config_rules(const RelayConfig& config, const ConfigNode& document,
                        ConfigProblems& problems);

}  // namespace sluice::relay
