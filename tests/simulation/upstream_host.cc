#include "tests/simulation/upstream_host.h"

#include <utility>

#include "core/assert.h"
#include "tests/simulation/scheduler.h"
#include "tests/simulation/upstream_conversation.h"

namespace sluice::simulation {

UpstreamHost::UpstreamHost(MailLedger& ledger, HostSettings settings)
    : ledger_(ledger), settings_(std::move(settings)) {
  up();
}

UpstreamHost::~UpstreamHost() = default;

void UpstreamHost::up() {
  if (listener_ >= 0) return;
  NetworkListener* const listener = network().listen(Side::world, settings_.endpoint);
  SLUICE_ASSERT(listener != nullptr, "every host has an address of its own");
  listener_ = listener->number;
  listener->on_change = [this] { on_connection(); };
}

void UpstreamHost::down() {
  if (listener_ < 0) return;
  scheduler().note("host_down", settings_.endpoint.address.bytes()[15]);
  network().close_listener(std::exchange(listener_, -1));
  for (const auto& conversation : conversations_) conversation->reset();
}

void UpstreamHost::note_crash(std::size_t depth) {
  for (const auto& conversation : conversations_) conversation->note_crash(depth);
}

void UpstreamHost::behave() {
  settings_.temporary = settings_.permanent = settings_.closing = settings_.reset = 0;
  settings_.early = settings_.late_reset = settings_.garbage = 0;
  settings_.stall = settings_.pause = 0;
  up();
}

void UpstreamHost::on_connection() {
  std::erase_if(conversations_, [](const auto& conversation) { return conversation->is_over(); });
  NetworkListener& listener = *network().find_listener(listener_);
  while (!listener.pending.empty()) {
    const int number = listener.pending.front();
    listener.pending.pop_front();
    conversations_.push_back(std::make_unique<Conversation>(ledger_, settings_, number));
    conversations_.back()->greet();
  }
}

}  // namespace sluice::simulation
