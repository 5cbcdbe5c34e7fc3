// The user that the relay runs as, once what needs root is done (run_as).
#pragma once

#include <string>

#include "core/error.h"

namespace sluice::relay {

// Makes this process the user's, with the user's groups, for good. Nothing when it is so already.
// Before any thread starts. The sentence of an Error says what to do.
Result<void> run_as_user(const std::string& name);

}  // namespace sluice::relay
