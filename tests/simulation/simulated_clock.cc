// Clock's twin: the time of the simulation. Before and after it, a time that stands still.
#include "core/clock.h"

#include "tests/simulation/scheduler.h"

namespace sluice {

Instant Clock::now() const { return simulation::scheduler().now(); }
WallTime Clock::wall() const { return simulation::scheduler().wall(); }

}  // namespace sluice
