#include "core/event.h"

#include "core/wait.h"

namespace sluice {

// A waiting task, linked in the order of arrival.
struct Event::Waiter final : Wait {
  Waiter(Event& owner, Deadline deadline) : Wait(owner.shard_, deadline), event(owner) {}

  void start() override {
    previous = event.last_;
    (previous != nullptr ? previous->next : event.first_) = this;
    event.last_ = this;
  }

  void unlink() {
    (previous != nullptr ? previous->next : event.first_) = next;
    (next != nullptr ? next->previous : event.last_) = previous;
  }

  void interrupt(WaitEnd why) noexcept override {
    unlink();
    finish(why);
  }

  Event& event;
  Waiter* previous = nullptr;
  Waiter* next = nullptr;
};

Event::~Event() { SLUICE_ASSERT(first_ == nullptr, "nobody waits for an event that is destroyed"); }

Task<Result<void>> Event::wait(Deadline deadline) {
  Waiter waiter(*this, deadline);
  const WaitEnd end = co_await waiter;
  if (end != WaitEnd::done) co_return wait_error(end, "event");
  co_return Result<void>{};
}

void Event::notify_one() {
  if (first_ == nullptr) return;
  Waiter* const waiter = first_;
  waiter->unlink();
  waiter->finish(WaitEnd::done);
}

void Event::notify_all() {
  while (first_ != nullptr) notify_one();
}

}  // namespace sluice
