// The rules between keys: what each key's own declaration cannot say.
#pragma once

#include "core/config_document.h"
#include "core/config_problems.h"
#include "relay/config.h"

namespace sluice::relay {

// Reports every broken rule at the place in the document where its key was set. A key that already
// has a problem is left alone.
void check_config_rules(const RelayConfig& config, const ConfigNode& document,
                        ConfigProblems& problems);

}  // namespace sluice::relay
