#include "tests/simulation/simulated_network.h"

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "core/assert.h"
#include "tests/simulation/scheduler.h"

namespace sluice::simulation {

namespace {

constexpr std::size_t kPiecesMax = 5;
constexpr Duration kRetransmitMax = std::chrono::seconds(1);

SimulatedNetwork* the_network = nullptr;

}  // namespace

SimulatedNetwork& network() {
  SLUICE_ASSERT(the_network != nullptr, "the twins are used within a simulation");
  return *the_network;
}

SimulatedNetwork::SimulatedNetwork() {
  SLUICE_ASSERT(the_network == nullptr, "a process simulates one world");
  the_network = this;
}

SimulatedNetwork::~SimulatedNetwork() { the_network = nullptr; }

// ---- sockets

std::size_t Socket::send(std::string_view bytes) {
  if (state_ != State::connected || error_ != 0) return 0;
  const std::size_t window = network_.settings_.window_bytes;
  const std::size_t room = window - std::min(window, unacknowledged_);
  // As TCP avoids a silly window: no small pieces because of little room.
  if (bytes.empty() || room < std::min(bytes.size(), window / 2)) return 0;
  bytes = bytes.substr(0, room);
  const std::size_t taken = bytes.size();
  if (scheduler().chance(network_.settings_.silence_chance)) network_.silence(*this);
  const bool is_cut = scheduler().chance(network_.settings_.cut_chance);
  if (is_cut) bytes = bytes.substr(0, scheduler().random().below(bytes.size()));
  unacknowledged_ += taken;
  sent_ += taken;
  if (is_cut_ || is_silent_) return taken;
  std::size_t pieces = 1;
  if (scheduler().chance(network_.settings_.split_chance)) {
    pieces += scheduler().random().below(kPiecesMax);
  }
  for (; pieces > 1 && bytes.size() > 1; --pieces) {
    const std::size_t part = 1 + scheduler().random().below(bytes.size() - 1);
    network_.send_piece(*this, std::string(bytes.substr(0, part)));
    bytes.remove_prefix(part);
  }
  if (!bytes.empty()) network_.send_piece(*this, std::string(bytes));
  if (is_cut) network_.cut(*this);
  return taken;
}

void Socket::consume(std::size_t bytes) {
  SLUICE_ASSERT(bytes <= readable().size(), "only what has arrived is consumed");
  read_ += bytes;
  if (read_ == arrived_.size()) {
    arrived_.clear();
    read_ = 0;
  }
  const Duration delay =
      scheduler().some_time(network_.settings_.delay_min, network_.settings_.delay_max);
  scheduler().after(delay, [&net = network_, to = peer_, bytes] { net.acknowledge(to, bytes); });
}

bool Socket::is_peer_gone() const {
  const Socket* const peer = network_.find(peer_);
  return peer == nullptr || peer->is_closed() || peer->error() != 0;
}

void Socket::fail(int error) {
  if (error_ != 0 || state_ == State::closed) return;
  error_ = error;
  network_.note_left(number_);
  notify();
}

void Socket::close() {
  if (state_ == State::closed) return;
  // Linux resets a connection that is closed with bytes unread.
  const bool is_reset = !readable().empty();
  if (state_ == State::connected && error_ == 0) {
    network_.send_end(*this, is_reset ? ECONNRESET : 0);
  }
  state_ = State::closed;
  network_.note_left(number_);
  on_change = nullptr;
  scheduler().after(Duration(0), [&net = network_, number = number_] { net.forget(number); });
}

// ---- what travels

// When something that is sent now arrives: in order, and not while a host cannot be reached.
std::int64_t SimulatedNetwork::arrival(const Socket& socket) const {
  const Duration delay = scheduler().some_time(settings_.delay_min, settings_.delay_max);
  std::int64_t when = (scheduler().now() + delay).nanoseconds();
  for (const Endpoint& end : {socket.local_, socket.remote_}) {
    const auto found = isolated_until_.find(end.address);
    if (found == isolated_until_.end() || found->second <= scheduler().now().nanoseconds())
      continue;
    when =
        std::max(when, found->second + scheduler().some_time(Duration(0), kRetransmitMax).count());
  }
  return std::max(when, socket.last_arrival_ + 1);
}

void SimulatedNetwork::send_piece(Socket& socket, std::string bytes) {
  socket.last_arrival_ = arrival(socket);
  const Duration delay = Instant(socket.last_arrival_) - scheduler().now();
  scheduler().after(
      delay, [this, to = socket.peer_, from = socket.number_, bytes = std::move(bytes)]() mutable {
        arrive(to, from, std::move(bytes));
      });
}

void SimulatedNetwork::arrive(int to, int from, std::string bytes) {
  Socket* const socket = find(to);
  if (socket == nullptr || socket->is_closed()) {
    // Nobody reads there any more: the sender is told.
    const Duration delay = scheduler().some_time(settings_.delay_min, settings_.delay_max);
    scheduler().after(delay, [this, from] { end(from, ECONNRESET); });
    return;
  }
  if (socket->error_ != 0 || socket->is_silent_) return;
  socket->heard_at_ = scheduler().now();
  socket->arrived_ += bytes;
  socket->notify();
}

void SimulatedNetwork::acknowledge(int to, std::size_t bytes) {
  Socket* const socket = find(to);
  if (socket == nullptr || socket->is_silent_) return;
  socket->heard_at_ = scheduler().now();
  socket->unacknowledged_ -= std::min(bytes, socket->unacknowledged_);
  socket->notify();
}

void SimulatedNetwork::send_end(Socket& socket, int error) {
  if (socket.is_cut_ || socket.is_silent_) return;
  socket.last_arrival_ = arrival(socket);
  const Duration delay = Instant(socket.last_arrival_) - scheduler().now();
  scheduler().after(delay, [this, to = socket.peer_, error] { end(to, error); });
}

void SimulatedNetwork::end(int to, int error) {
  Socket* const socket = find(to);
  if (socket == nullptr || socket->is_closed() || socket->is_silent_) return;
  socket->heard_at_ = scheduler().now();
  if (error != 0) return socket->fail(error);
  socket->has_ended_ = true;
  socket->notify();
}

void SimulatedNetwork::cut(Socket& socket) {
  scheduler().note("cut", static_cast<std::uint64_t>(socket.number_));
  for (const int number : {socket.number_, socket.peer_}) {
    if (Socket* const end = find(number)) end->is_cut_ = true;
    const Duration delay = scheduler().some_time(settings_.delay_min, settings_.delay_max * 2);
    scheduler().after(delay, [this, number] { end(number, ECONNRESET); });
  }
}

void SimulatedNetwork::silence(Socket& socket) {
  scheduler().note("silence", static_cast<std::uint64_t>(socket.number_));
  socket.is_silent_ = true;
  if (Socket* const peer = find(socket.peer_)) peer->is_silent_ = true;
}

void SimulatedNetwork::silence_all() {
  for (const auto& [number, socket] : sockets_) {
    if (!socket->is_silent_) silence(*socket);
  }
}

void SimulatedNetwork::isolate(const IpAddress& host, Duration how_long) {
  scheduler().note("isolated", host.bytes()[15], static_cast<std::uint64_t>(how_long.count()));
  isolated_until_[host] = (scheduler().now() + how_long).nanoseconds();
}

// ---- opening and closing

Socket& SimulatedNetwork::open(Side side, const Endpoint& local) {
  const int number = ++numbers_;
  auto& slot = sockets_[number];
  slot.reset(new Socket(*this, side, number));
  slot->local_ = local;
  slot->heard_at_ = scheduler().now();
  return *slot;
}

Socket* SimulatedNetwork::find(int number) {
  const auto found = sockets_.find(number);
  return found == sockets_.end() ? nullptr : found->second.get();
}

void SimulatedNetwork::note_left(int number) { left_at_.try_emplace(number, scheduler().now()); }

std::optional<Instant> SimulatedNetwork::left_at(int number) const {
  const auto found = left_at_.find(number);
  return found == left_at_.end() ? std::nullopt : std::optional(found->second);
}

void SimulatedNetwork::forget(int number) { sockets_.erase(number); }

void SimulatedNetwork::connect(Socket& socket, const Endpoint& remote) {
  SLUICE_ASSERT(socket.state_ == Socket::State::fresh, "a socket connects once");
  socket.state_ = Socket::State::connecting;
  socket.remote_ = remote;
  if (scheduler().chance(settings_.silence_chance)) return silence(socket);
  const Duration delay = Instant(arrival(socket)) - scheduler().now();
  scheduler().after(delay, [this, number = socket.number_] { answer_connect(number); });
}

void SimulatedNetwork::answer_connect(int number) {
  Socket* const client = find(number);
  if (client == nullptr || client->state_ != Socket::State::connecting) return;
  const auto listener = std::ranges::find_if(
      listeners_, [&](const auto& entry) { return entry.second->endpoint == client->remote_; });
  const Duration delay = Instant(arrival(*client)) - scheduler().now();
  if (listener == listeners_.end()) {
    scheduler().after(delay, [this, number] { end(number, ECONNREFUSED); });
    return;
  }
  NetworkListener& at = *listener->second;
  Socket& server = open(at.side, at.endpoint);
  server.remote_ = client->local_;
  server.state_ = Socket::State::connected;
  server.peer_ = number;
  client->peer_ = server.number_;
  client->last_arrival_ = 0;
  server.last_arrival_ = (scheduler().now() + delay).nanoseconds();
  at.pending.push_back(server.number_);
  scheduler().after(delay, [this, number] {
    Socket* const connected = find(number);
    if (connected == nullptr || connected->state_ != Socket::State::connecting) return;
    if (connected->is_silent_) return;
    connected->heard_at_ = scheduler().now();
    connected->state_ = Socket::State::connected;
    connected->notify();
  });
  if (at.on_change) at.on_change();
}

NetworkListener* SimulatedNetwork::listen(Side side, const Endpoint& endpoint) {
  for (const auto& [number, listener] : listeners_) {
    if (listener->endpoint == endpoint) return nullptr;
  }
  const int number = ++numbers_;
  auto& slot = listeners_[number];
  slot = std::make_unique<NetworkListener>(NetworkListener{
      .number = number, .side = side, .endpoint = endpoint, .pending = {}, .on_change = {}});
  return slot.get();
}

NetworkListener* SimulatedNetwork::find_listener(int number) {
  const auto found = listeners_.find(number);
  return found == listeners_.end() ? nullptr : found->second.get();
}

void SimulatedNetwork::close_listener(int number) {
  NetworkListener* const listener = find_listener(number);
  SLUICE_ASSERT(listener != nullptr, "a listener is closed once");
  // Connections that nobody accepted are reset.
  for (const int pending : listener->pending) {
    Socket* const socket = find(pending);
    if (socket == nullptr) continue;
    send_end(*socket, ECONNRESET);
    socket->error_ = ECONNRESET;
    socket->close();
  }
  listeners_.erase(number);
}

void SimulatedNetwork::close_relay() {
  std::vector<int> numbers;
  for (const auto& [number, listener] : listeners_) {
    if (listener->side == Side::relay) numbers.push_back(number);
  }
  for (const int number : numbers) close_listener(number);
  for (const auto& [number, socket] : sockets_) {
    if (socket->side() == Side::relay) socket->close();
  }
}

std::size_t SimulatedNetwork::relay_sockets() const {
  const auto is_ours = [](const auto& entry) { return entry.second->side == Side::relay; };
  return open_sockets(Side::relay).size() +
         static_cast<std::size_t>(std::ranges::count_if(listeners_, is_ours));
}

std::vector<const Socket*> SimulatedNetwork::open_sockets(Side side) const {
  std::vector<const Socket*> open;
  for (const auto& [number, socket] : sockets_) {
    if (socket->side() == side && !socket->is_closed()) open.push_back(socket.get());
  }
  return open;
}

}  // namespace sluice::simulation
