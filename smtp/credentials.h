// Credentials: what a client says it is, and its proof. Wiped from memory when they go.
#pragma once

#include <string>
#include <utility>

namespace sluice::smtp {

// Overwrites the text, in a way that no compiler leaves out.
void wipe(std::string& text);

struct Credentials {
  Credentials() = default;
  Credentials(std::string user_name, std::string pass_word)
      : user(std::move(user_name)), password(std::move(pass_word)) {}
  Credentials(Credentials&&) noexcept = default;
  Credentials& operator=(Credentials&&) noexcept = default;
  ~Credentials() { wipe(password); }

  std::string user;
  std::string password;
};

}  // namespace sluice::smtp
