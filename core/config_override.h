// One KEY=VALUE of the command line, put over what the files say.
//
// KEY is a path: `limits.memory`, `delivery.timeouts.connect`, `route[0].connections`; an index one
// past the last adds a table. VALUE is TOML when it parses as such, else text: quotes are optional.
#pragma once

#include <string_view>

#include "core/config_document.h"
#include "core/config_problems.h"

namespace sluice {

void set_config_value(ConfigNode& root, std::string_view assignment, ConfigProblems& problems);

}  // namespace sluice
