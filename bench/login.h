// What the load tools log in with.
#pragma once

#include <string>
#include <string_view>

#include "core/error.h"

namespace sluice::bench {

// AUTH PLAIN with an initial response (RFC 4954 4, RFC 4616 2), as a line.
std::string plain_login(std::string_view user, std::string_view password);

// Of the environment, SLUICE_LOAD_PASSWORD. Before any thread is started.
Result<std::string> password_from_environment();

}  // namespace sluice::bench
