// Random: seeded chance, so that a run can be repeated. Not for secrets.
#pragma once

#include <cstdint>

namespace sluice {

class Random {
 public:
  explicit Random(std::uint64_t seed);
  std::uint64_t next();                      // uniform over 64 bits
  std::uint64_t below(std::uint64_t bound);  // uniform in [0, bound); bound > 0
  double fraction();                         // uniform in [0, 1)

 private:
  std::uint64_t state_[4];  // xoshiro256**
};

// A seed from the kernel.
std::uint64_t random_seed();

}  // namespace sluice
