// What the load tools log in with.
#pragma once

#include <string>

#include "core/error.h"

namespace sluice::bench {

// Of the environment, SLUICE_LOAD_PASSWORD. Before any thread is started.
Result<std::string> password_from_environment();

}  // namespace sluice::bench
