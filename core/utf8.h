// UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing past U+10FFFF.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace sluice {

// The bytes of the character at the start of `text`, 1 to 4; 0 when it is not valid there.
std::size_t utf8_length(std::string_view text);

// Where text stops being valid; nothing when it is valid throughout.
std::optional<std::size_t> find_invalid_utf8(std::string_view text);

}  // namespace sluice
