#include "core/random.h"

#include <bit>

#include "core/assert.h"

namespace sluice {

// xoshiro256** 1.0 by Blackman and Vigna; its state is filled by splitmix64 as they advise.
Random::Random(std::uint64_t seed) {
  for (std::uint64_t& word : state_) {
    seed += 0x9e3779b97f4a7c15;
    std::uint64_t mixed = seed;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    word = mixed ^ (mixed >> 31);
  }
}

std::uint64_t Random::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::uint64_t Random::below(std::uint64_t bound) {
  SLUICE_ASSERT(bound > 0, "there is a number below the bound");
  // The last, incomplete run of `bound` numbers is left out, so that all are equally likely.
  const std::uint64_t rest = (0 - bound) % bound;
  std::uint64_t value = next();
  while (value < rest) value = next();
  return value % bound;
}

double Random::fraction() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

}  // namespace sluice
