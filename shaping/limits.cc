#include "shaping/limits.h"

#include "core/assert.h"

namespace sluice::shaping {

std::string_view name_of_wait(LimitVerdict verdict) {
  switch (verdict) {
    case LimitVerdict::granted:
      return "connection slot";
    case LimitVerdict::route_full:
      return "connection slot (connections of the route)";
    case LimitVerdict::node_full:
      return "connection slot (limits.outgoing_connections)";
  }
  SLUICE_ASSERT(false, "every verdict has a name");
}

}  // namespace sluice::shaping
