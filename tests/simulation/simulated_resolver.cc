// Resolver's twin: it asks the names of the simulation, which answer late or not at all.
#include <algorithm>
#include <utility>

#include "core/event.h"
#include "core/resolver.h"
#include "core/shard.h"
#include "tests/simulation/scheduler.h"
#include "tests/simulation/simulated_names.h"

namespace sluice {
namespace simulation {

NamesSettings& names() {
  static NamesSettings settings;
  return settings;
}

}  // namespace simulation

namespace {

class SimulatedResolver final : public Resolver {
 public:
  explicit SimulatedResolver(Shard& shard) : shard_(shard), closing_(shard) {}

  Task<Result<DnsAnswer>> ask(DnsQuestion question) override;
  Task<void> close() override;

 private:
  Shard& shard_;
  Event closing_;
  std::size_t open_ = 0;
  bool is_closing_ = false;
};

DnsAnswer answer_to(const DnsQuestion& question) {
  const auto& known = simulation::names();
  DnsAnswer answer{.name = question.name};
  const auto exchanges = known.exchanges.find(question.name);
  const auto address = known.addresses.find(question.name);
  const bool exists = exchanges != known.exchanges.end() || address != known.addresses.end();
  answer.status = exists ? DnsStatus::no_data : DnsStatus::no_such_name;
  if (question.type == DnsType::mx && exchanges != known.exchanges.end()) {
    answer.exchanges = exchanges->second;
  }
  if (question.type == DnsType::a && address != known.addresses.end()) {
    answer.addresses.push_back(address->second);
  }
  if (!answer.exchanges.empty() || !answer.addresses.empty()) answer.status = DnsStatus::found;
  return answer;
}

Task<Result<DnsAnswer>> SimulatedResolver::ask(DnsQuestion question) {
  auto& random = simulation::scheduler();
  const auto& settings = simulation::names();
  const Instant until = shard_.clock().now() + random.some_time(Duration(0), settings.answer_max);
  const bool fails = random.chance(settings.failure);
  ++open_;
  while (!is_closing_ && shard_.clock().now() < until) {
    const Deadline deadline = Deadline::at(until);
    auto woken = co_await closing_.wait(deadline);
    if (!woken && woken.error().code() == ErrorCode::cancelled) break;
  }
  --open_;
  if (is_closing_) co_return fail(ErrorCode::cancelled, "the resolver ends");
  if (fails) co_return fail(ErrorCode::timed_out, "no DNS server answers");
  DnsAnswer answer = answer_to(question);
  answer.ttl = random.some_time(Duration(0), settings.ttl_max);
  co_return answer;
}

Task<void> SimulatedResolver::close() {
  is_closing_ = true;
  closing_.notify_all();
  while (open_ > 0) co_await yield(shard_);
}

}  // namespace

std::unique_ptr<Resolver> Resolver::open(Shard& shard, const ResolverSettings& /*settings*/) {
  return std::make_unique<SimulatedResolver>(shard);
}

}  // namespace sluice
