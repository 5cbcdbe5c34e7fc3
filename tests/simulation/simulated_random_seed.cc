// random_seed()'s twin: chance that comes from the simulation's seed.
#include "core/random.h"
#include "tests/simulation/scheduler.h"

namespace sluice {

std::uint64_t random_seed() { return simulation::scheduler().random().next(); }

}  // namespace sluice
