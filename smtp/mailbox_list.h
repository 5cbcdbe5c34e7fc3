// The addresses of a From field (RFC 5322 §3.4, §3.6.2), without the names that people see.
//
// Pure and bounded. What follows the obsolete syntax is read as far as it names addresses; what
// names none, or a group, is refused: whoever checks who sent a message must not guess.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "smtp/address.h"

namespace sluice::smtp {

inline constexpr std::size_t kMailboxesMax = 100;

// Of an unfolded value; nothing when it is malformed, empty or names too many.
std::optional<std::vector<Address>> parse_mailbox_list(std::string_view value);

}  // namespace sluice::smtp
