// LocalSite: what one shard keeps of one site. Which parts it has depends on the site's kind, and
// on whether the shard is its home. Lives on its shard; nothing else holds on to it but its own
// tasks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/task_scope.h"
#include "relay/dispatch_plan.h"
#include "relay/mx_stage.h"
#include "relay/site_delivery.h"
#include "relay/site_home.h"

namespace sluice::relay {

struct LocalSite {
  LocalSite(std::size_t its_number, PlannedSite its_plan, RunQueue& run_queue)
      : number(its_number), planned(std::move(its_plan)), tasks(run_queue) {}

  bool is(SiteKind kind) const { return planned.kind == kind; }
  // Nothing of it is in use: it could be made anew when it is wanted again.
  bool is_idle() const {
    const bool has_queued = home != nullptr && home->queue().size() > 0;
    return !has_queued && !is_posting && delivery->is_idle();
  }

  std::size_t number;
  PlannedSite planned;
  std::unique_ptr<SiteDelivery> delivery;
  std::unique_ptr<SiteHome> home;  // on the home shard, but of an mx_route
  std::unique_ptr<MxStage> stage;  // of an mx_route: each shard is home to some of its domains
  std::vector<Returned> outgoing;  // to the home, one letter a turn
  std::uint32_t wanted = 0;        // likewise
  bool is_posting = false;
  Instant used{0};  // when it was last seen in use
  TaskScope tasks;
};

}  // namespace sluice::relay
