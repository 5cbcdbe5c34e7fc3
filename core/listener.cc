#include "core/listener.h"

#include <cerrno>

#include "core/descriptor.h"
#include "core/ring.h"
#include "core/shard.h"
#include "core/wait.h"

namespace sluice {

namespace {

constexpr Duration kExhaustedPause = std::chrono::milliseconds(100);

// Accepts until an error or a request to stop; each connection is handed on as it comes.
class AcceptWait final : public Operation, public Wait {
 public:
  AcceptWait(Shard& shard, int descriptor, const std::function<void(Accepted)>& on_accepted)
      : Wait(shard, Deadline::never()), descriptor_(descriptor), on_accepted_(on_accepted) {}

  int error() const { return error_; }
  bool is_stopped() const { return is_stopped_; }

 private:
  void start() override { shard().ring().accept(*this, descriptor_); }
  void interrupt(WaitEnd /*why*/) noexcept override {
    is_stopped_ = true;
    shard().ring().cancel(*this);
  }
  void on_outcome(const OperationOutcome& outcome) noexcept override {
    if (outcome.result >= 0) {
      hand_on(outcome.result);
    } else {
      error_ = -outcome.result;
    }
    if (outcome.is_last) finish(WaitEnd::done);
  }
  void hand_on(int descriptor) {
    const auto peer = peer_of(descriptor);
    // A client that is gone already has no address.
    if (!peer || is_stopped_) return close_descriptor(descriptor);
    on_accepted_(Accepted{.descriptor = descriptor, .peer = *peer});
  }

  int descriptor_;
  const std::function<void(Accepted)>& on_accepted_;
  int error_ = 0;
  bool is_stopped_ = false;
};

// A client that left before it was accepted is no reason to make the others wait; what else fails
// (EMFILE, ENFILE, ENOBUFS, ENOMEM and the unforeseen) would fail again at once.
bool must_pause(int error) { return error != 0 && error != ECONNABORTED && error != EPROTO; }

}  // namespace

Task<void> accept_connections(Shard& shard, ListenSocket& socket,
                              std::function<void(Accepted)> on_accepted) {
  Counter& pauses = shard.metrics().counter(
      "sluice_core_accept_pauses_total", "Pauses of accepting, for lack of descriptors or memory.");
  while (true) {
    AcceptWait wait(shard, socket.descriptor(), on_accepted);
    const WaitEnd end = co_await wait;
    if (end != WaitEnd::done || wait.is_stopped()) co_return;
    if (!must_pause(wait.error())) continue;
    pauses.add();
    const Deadline pause = Deadline::in(shard.clock(), kExhaustedPause);
    if (!co_await sleep_until(shard, pause)) co_return;
  }
}

}  // namespace sluice
