// Bytes that nobody can guess: keys, salts, generated passwords. From the kernel, for any thread.
//
// Random (core/random.h) is for chance that may be repeated; this never repeats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::tls {

// One call of the kernel gives at most so many (getentropy(3)).
inline constexpr std::size_t kRandomBytesMax = 256;

// Fills at most kRandomBytesMax bytes.
void fill_randomly(std::span<std::uint8_t> bytes);

}  // namespace sluice::tls
