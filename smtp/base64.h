// base64: RFC 4648 §4, as SASL exchanges use it (RFC 4954 §4): one line, padded, nothing else in
// it. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::smtp {

std::string encode_base64(std::string_view bytes);

// Nothing when the text is not exactly what an encoder writes: wrong length, foreign characters,
// padding inside, or bits that are lost.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace sluice::smtp
