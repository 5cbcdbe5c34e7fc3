// Ring's twin: the operations of one shard over the simulated network.
//
// As with the kernel's deferred task work, outcomes are made inside turn() and nowhere else. Chance
// ends a multishot operation early, hands out only some of what has come, and lets a cancelled
// operation succeed before its end comes: all of which the Ring's contract allows.
#include "core/ring.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/assert.h"
#include "core/ip_address.h"
#include "core/socket.h"
#include "tests/simulation/scheduler.h"
#include "tests/simulation/simulated_network.h"

namespace sluice {

using simulation::network;
using simulation::NetworkListener;
using simulation::scheduler;
using simulation::SimulatedThread;
using simulation::Socket;

namespace {

constexpr double kMultishotEndChance = 0.03;
constexpr double kAcceptErrorChance = 0.01;
constexpr double kPartialTurnChance = 0.1;
constexpr double kSlowCancelChance = 0.3;
constexpr Duration kSlowCancelPause = std::chrono::microseconds(50);

enum class Kind : std::uint8_t { receive, send, connect, accept, close };

// An operation the "kernel" has.
struct Request {
  Operation* operation;
  Kind kind;
  int descriptor;
  std::uint32_t bytes_max = 0;  // of a receive; 0: multishot
  const msghdr* message = nullptr;
  std::size_t sent = 0;
  bool is_done = false;  // its last outcome waits to be handed out
  bool is_cancelling = false;
};

struct Outcome {
  Operation* operation;
  int result;
  bool is_last;
  bool has_more_bytes = false;
  std::string bytes = {};
};

// What is left of the message behind the bytes that were sent.
std::string_view rest_of(const msghdr& message, std::size_t sent) {
  for (std::size_t i = 0; i < message.msg_iovlen; ++i) {
    const iovec& piece = message.msg_iov[i];
    if (sent < piece.iov_len) {
      return std::string_view(static_cast<const char*>(piece.iov_base), piece.iov_len).substr(sent);
    }
    sent -= piece.iov_len;
  }
  return {};
}

}  // namespace

struct Ring::Impl {
  explicit Impl(std::size_t bytes) : buffer_bytes(bytes), thread(scheduler().current()) {
    SLUICE_ASSERT(thread != nullptr, "a ring is opened on a simulated thread");
  }

  void add(Operation& operation, Request request);
  void watch(int descriptor);
  void on_change(int descriptor);

  void look_at_changes();
  void progress(Request& request);
  void receive(Request& request, Socket& socket);
  void send(Request& request, Socket& socket);
  void connect(Request& request, Socket& socket);
  void accept(Request& request);
  void finish_cancels();
  void put(Request& request, Outcome outcome);
  void hand_out(Outcome outcome);

  std::size_t buffer_bytes;
  SimulatedThread* thread;
  std::unordered_map<Operation*, Request> requests;  // looked up, never walked through
  std::multimap<int, Operation*> by_descriptor;
  std::vector<int> changed;  // descriptors, each once
  std::vector<Operation*> cancelling;
  std::deque<Outcome> outcomes;
  std::size_t armed = 0;
  bool is_woken = false;
};

Operation::~Operation() {
  SLUICE_ASSERT(!is_armed(), "the kernel knows an armed operation: it is not destroyed");
}

Ring::Ring(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Ring::~Ring() {
  SLUICE_ASSERT(impl_->armed == 0, "every operation has ended before the ring does");
}

Result<std::unique_ptr<Ring>> Ring::open(const RingSettings& settings) {
  return std::unique_ptr<Ring>(new Ring(std::make_unique<Impl>(settings.buffer_bytes.value())));
}

// ---- verbs

void Ring::Impl::add(Operation& operation, Request request) {
  SLUICE_ASSERT(request.descriptor >= 0, "an operation is about an open descriptor");
  ++armed;
  by_descriptor.emplace(request.descriptor, &operation);
  requests.insert_or_assign(&operation, request);
  watch(request.descriptor);
  on_change(request.descriptor);
}

void Ring::Impl::watch(int descriptor) {
  const auto changed_now = [this, descriptor] { on_change(descriptor); };
  if (Socket* const socket = network().find(descriptor)) {
    socket->on_change = changed_now;
  } else if (NetworkListener* const listener = network().find_listener(descriptor)) {
    listener->on_change = changed_now;
  }
}

void Ring::Impl::on_change(int descriptor) {
  if (std::ranges::find(changed, descriptor) == changed.end()) changed.push_back(descriptor);
  thread->wake();
}

void Ring::receive(Operation& operation, int descriptor, Direction direction) {
  receive_once(operation, descriptor, direction, 0);
}

void Ring::receive_once(Operation& operation, int descriptor, Direction direction,
                        std::uint32_t bytes_max) {
  SLUICE_ASSERT(!operation.is_armed(), "an operation does one thing at a time");
  operation.state_ = Operation::State::in_kernel;
  operation.direction_ = direction;
  impl_->add(operation, {.operation = &operation,
                         .kind = Kind::receive,
                         .descriptor = descriptor,
                         .bytes_max = bytes_max});
}

void Ring::send(Operation& operation, int descriptor, const msghdr& message) {
  SLUICE_ASSERT(!operation.is_armed(), "an operation does one thing at a time");
  operation.state_ = Operation::State::in_kernel;
  impl_->add(
      operation,
      {.operation = &operation, .kind = Kind::send, .descriptor = descriptor, .message = &message});
}

void Ring::connect(Operation& operation, int descriptor, const sockaddr_storage& peer) {
  SLUICE_ASSERT(!operation.is_armed(), "an operation does one thing at a time");
  operation.state_ = Operation::State::in_kernel;
  const auto remote = Endpoint::from_sockaddr(peer);
  SLUICE_ASSERT(remote.has_value(), "a peer is an internet address");
  network().connect(*network().find(descriptor), *remote);
  impl_->add(operation, {.operation = &operation, .kind = Kind::connect, .descriptor = descriptor});
}

void Ring::accept(Operation& operation, int descriptor) {
  SLUICE_ASSERT(!operation.is_armed(), "an operation does one thing at a time");
  operation.state_ = Operation::State::in_kernel;
  impl_->add(operation, {.operation = &operation, .kind = Kind::accept, .descriptor = descriptor});
}

void Ring::close(Operation& operation, int descriptor) {
  SLUICE_ASSERT(!operation.is_armed(), "an operation does one thing at a time");
  operation.state_ = Operation::State::in_kernel;
  Socket* const socket = network().find(descriptor);
  SLUICE_ASSERT(socket != nullptr, "a descriptor is closed once");
  impl_->add(operation, {.operation = &operation, .kind = Kind::close, .descriptor = descriptor});
  socket->close();
}

void Ring::cancel(Operation& operation) {
  SLUICE_ASSERT(operation.is_armed(), "only what is armed can be cancelled");
  Request& request = impl_->requests.at(&operation);
  if (std::exchange(request.is_cancelling, true)) return;
  impl_->cancelling.push_back(&operation);
  impl_->thread->wake();
}

// ---- the turn

void Ring::Impl::look_at_changes() {
  for (const int descriptor : std::exchange(changed, {})) {
    const auto [first, last] = by_descriptor.equal_range(descriptor);
    for (auto entry = first; entry != last; ++entry) progress(requests.at(entry->second));
  }
}

void Ring::Impl::progress(Request& request) {
  if (request.is_done) return;
  if (request.kind == Kind::accept) return accept(request);
  if (request.kind == Kind::close) {
    return put(request, {.operation = request.operation, .result = 0, .is_last = true});
  }
  Socket* const socket = network().find(request.descriptor);
  SLUICE_ASSERT(socket != nullptr, "a descriptor is closed after its operations");
  if (request.kind == Kind::receive) return receive(request, *socket);
  if (request.kind == Kind::send) return send(request, *socket);
  connect(request, *socket);
}

void Ring::Impl::receive(Request& request, Socket& socket) {
  while (!request.is_done && !socket.readable().empty()) {
    std::size_t bytes = std::min(socket.readable().size(), buffer_bytes);
    if (request.bytes_max > 0) bytes = std::min<std::size_t>(bytes, request.bytes_max);
    Outcome outcome{.operation = request.operation,
                    .result = static_cast<int>(bytes),
                    .is_last = request.bytes_max > 0 || scheduler().chance(kMultishotEndChance),
                    .bytes = std::string(socket.readable().substr(0, bytes))};
    socket.consume(bytes);
    outcome.has_more_bytes = !socket.readable().empty();
    put(request, std::move(outcome));
  }
  if (request.is_done) return;
  const bool is_over = socket.error() != 0 || socket.has_ended();
  if (is_over) {
    put(request, {.operation = request.operation, .result = -socket.error(), .is_last = true});
  }
}

void Ring::Impl::send(Request& request, Socket& socket) {
  std::string_view rest = rest_of(*request.message, request.sent);
  while (!rest.empty()) {
    const std::size_t taken = socket.send(rest);
    if (taken == 0) break;
    request.sent += taken;
    rest = rest_of(*request.message, request.sent);
  }
  if (!rest.empty() && socket.error() == 0) return;
  const bool has_sent = rest.empty() || request.sent > 0;
  const int result = has_sent ? static_cast<int>(request.sent) : -socket.error();
  put(request, {.operation = request.operation, .result = result, .is_last = true});
}

void Ring::Impl::connect(Request& request, Socket& socket) {
  if (!socket.is_connected() && socket.error() == 0) return;
  put(request, {.operation = request.operation, .result = -socket.error(), .is_last = true});
}

void Ring::Impl::accept(Request& request) {
  NetworkListener* const listener = network().find_listener(request.descriptor);
  SLUICE_ASSERT(listener != nullptr, "a listener is closed after its operations");
  while (!request.is_done && !listener->pending.empty()) {
    if (scheduler().chance(kAcceptErrorChance)) {
      return put(request, {.operation = request.operation, .result = -EMFILE, .is_last = true});
    }
    const int accepted = listener->pending.front();
    listener->pending.pop_front();
    if (network().find(accepted) == nullptr) continue;
    put(request, {.operation = request.operation,
                  .result = accepted,
                  .is_last = scheduler().chance(kMultishotEndChance)});
  }
}

void Ring::Impl::finish_cancels() {
  std::vector<Operation*> later;
  for (Operation* operation : std::exchange(cancelling, {})) {
    const auto found = requests.find(operation);
    if (found == requests.end() || found->second.is_done || !found->second.is_cancelling) continue;
    if (scheduler().chance(kSlowCancelChance)) {
      later.push_back(operation);
      continue;
    }
    const bool is_sent = found->second.kind == Kind::send && found->second.sent > 0;
    const int result = is_sent ? static_cast<int>(found->second.sent) : -ECANCELED;
    put(found->second, {.operation = operation, .result = result, .is_last = true});
  }
  cancelling.insert(cancelling.end(), later.begin(), later.end());
}

void Ring::Impl::put(Request& request, Outcome outcome) {
  request.is_done = outcome.is_last;
  outcomes.push_back(std::move(outcome));
}

void Ring::Impl::hand_out(Outcome outcome) {
  Operation& operation = *outcome.operation;
  const Request request = requests.at(&operation);
  scheduler().note("outcome", static_cast<std::uint64_t>(request.descriptor),
                   static_cast<std::uint64_t>(outcome.result));
  if (outcome.is_last) {
    const auto [first, last] = by_descriptor.equal_range(request.descriptor);
    by_descriptor.erase(
        std::find_if(first, last, [&](const auto& entry) { return entry.second == &operation; }));
    requests.erase(&operation);
    operation.state_ = Operation::State::idle;
    --armed;
  }
  operation.on_outcome({.result = outcome.result,
                        .is_last = outcome.is_last,
                        .has_more_bytes = outcome.has_more_bytes,
                        .received = outcome.bytes});
}

void Ring::turn(Duration wait_max) {
  Impl& ring = *impl_;
  Instant until = scheduler().now();
  const bool may_sleep = ring.outcomes.empty() && ring.changed.empty() && !ring.is_woken;
  if (may_sleep && wait_max > Duration::zero()) {
    until = wait_max == Duration::max() ? Instant::far_future() : until + wait_max;
    if (!ring.cancelling.empty()) until = std::min(until, scheduler().now() + kSlowCancelPause);
  }
  ring.thread->wait(until);
  ring.is_woken = false;
  ring.look_at_changes();
  ring.finish_cancels();
  std::size_t count = ring.outcomes.size();
  if (count > 1 && scheduler().chance(kPartialTurnChance)) {
    count = 1 + scheduler().random().below(count - 1);
  }
  for (; count > 0; --count) {
    Outcome next = std::move(ring.outcomes.front());
    ring.outcomes.pop_front();
    ring.hand_out(std::move(next));
  }
}

void Ring::wake() {
  impl_->is_woken = true;
  impl_->thread->wake();
}

std::size_t Ring::armed() const { return impl_->armed; }
std::uint64_t Ring::starved_receives() const { return 0; }

}  // namespace sluice
