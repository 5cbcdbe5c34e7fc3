// Credentials: who a client says it is, and its proof.
#pragma once

#include <string>

#include "core/secret.h"

namespace sluice::smtp {

struct Credentials {
  std::string user;
  Secret password;
};

}  // namespace sluice::smtp
