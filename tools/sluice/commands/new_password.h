// NewPassword: where a command takes the password of a user from: a prompt without echo, a file, or
// chance. It checks what no server could take; it hashes nothing.
#pragma once

#include <memory>
#include <string>

#include "core/error.h"
#include "core/secret.h"

namespace CLI {
class App;
}

namespace sluice::commands {

inline constexpr std::size_t kNewPasswordBytesMin = 8;  // NIST SP 800-63B 5.1.1.2

struct PasswordOptions {
  std::string file;  // "-": standard input
  bool is_generated = false;
};

// Adds --password-file; the values are there when the command runs.
std::shared_ptr<PasswordOptions> add_password_options(CLI::App& command);
// Adds --generate as well.
std::shared_ptr<PasswordOptions> add_new_password_options(CLI::App& command);

// Without an option it is asked for twice at the terminal; no terminal is an Error.
Result<Secret> obtain_password(const PasswordOptions& options);

}  // namespace sluice::commands
