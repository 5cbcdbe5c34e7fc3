// The limit of open files: each connection is one.
#pragma once

#include <cstdint>

#include "core/error.h"

namespace sluice {

// Raises the process's limit to `wanted` where it is lower, and returns the limit that holds then.
// refused when the system allows less: the sentence says how to allow more.
Result<std::uint64_t> raise_open_files(std::uint64_t wanted);

}  // namespace sluice
