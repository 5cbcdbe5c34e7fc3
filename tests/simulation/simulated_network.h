// SimulatedNetwork: connections between the relay and the world around it, in simulated time.
//
// Bytes travel in pieces of any size and take their time, but stay in order; the sender may only be
// a window ahead of the reader. A connection may be cut anywhere, or fall silent for ever without
// telling its ends, a host may be unreachable for a while, and an end that is closed with bytes
// unread, or written to after it closed, answers with a reset, as the kernel's does.
// Both sides use the same Socket: the ring's twin for the relay's, clients and hosts for theirs.
// Lives on the scheduler's thread and on whichever thread has the baton.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/ip_address.h"
#include "core/units.h"

namespace sluice::simulation {

enum class Side : std::uint8_t { relay, world };

// The world's weather, from the seed.
struct NetworkSettings {
  Duration delay_min = std::chrono::microseconds(20);
  Duration delay_max = std::chrono::milliseconds(1);
  std::size_t window_bytes = 64 * 1024;
  double split_chance = 0.2;  // of a send: it arrives in several pieces
  double cut_chance = 0;      // of a send: the connection breaks in the middle of it
  double silence_chance =
      0;  // of a send, an attempt to connect: nobody hears of it, nor ever again
};

class SimulatedNetwork;

class Socket {
 public:
  enum class State : std::uint8_t { fresh, connecting, connected, closed };

  int number() const { return number_; }
  Side side() const { return side_; }
  const Endpoint& local() const { return local_; }
  const Endpoint& remote() const { return remote_; }
  bool is_connected() const { return state_ == State::connected; }
  bool is_closed() const { return state_ == State::closed; }

  // Takes as much as the window allows.
  std::size_t send(std::string_view bytes);
  std::string_view readable() const { return std::string_view(arrived_).substr(read_); }
  void consume(std::size_t bytes);
  bool has_ended() const { return has_ended_ && readable().empty(); }
  // What recv and send would fail with; 0: nothing is wrong.
  int error() const { return error_; }
  // Of what was sent, how much the peer is known to have consumed.
  std::uint64_t acknowledged() const { return sent_ - unacknowledged_; }
  std::uint64_t sent() const { return sent_; }

  // The number of the other end.
  int peer() const { return peer_; }
  // Whether the other end has closed or broken, although that may not be felt here yet.
  bool is_peer_gone() const;
  // When anything last came from there: bytes, the news that some were read, a connection. At first
  // when it was opened.
  Instant heard_at() const { return heard_at_; }

  // As close(2): what was sent still arrives.
  void close();

  // Called when there is more to read, room to send, an end, an error or a connection.
  std::function<void()> on_change;

 private:
  friend class SimulatedNetwork;
  Socket(SimulatedNetwork& network, Side side, int number)
      : network_(network), side_(side), number_(number) {}
  void fail(int error);
  void notify() {
    const auto act = on_change;  // which may close the socket
    if (act) act();
  }

  SimulatedNetwork& network_;
  Side side_;
  int number_;
  int peer_ = -1;
  Endpoint local_{IpAddress::v4(0), 0};
  Endpoint remote_{IpAddress::v4(0), 0};
  State state_ = State::fresh;
  std::string arrived_;
  std::size_t read_ = 0;  // of arrived_
  std::uint64_t sent_ = 0;
  std::size_t unacknowledged_ = 0;  // sent, and not yet consumed by the peer
  std::int64_t last_arrival_ = 0;   // of what was sent
  bool has_ended_ = false;          // the peer's end has arrived
  int error_ = 0;
  bool is_cut_ = false;     // what is sent from now on goes nowhere
  bool is_silent_ = false;  // likewise, and nothing comes any more
  Instant heard_at_{0};
};

// Who accepts connections at an endpoint.
struct NetworkListener {
  int number;
  Side side;
  Endpoint endpoint;
  std::deque<int> pending;          // connections to be accepted
  std::function<void()> on_change;  // there is one more
};

class SimulatedNetwork {
 public:
  SimulatedNetwork();
  ~SimulatedNetwork();
  SimulatedNetwork(const SimulatedNetwork&) = delete;
  SimulatedNetwork& operator=(const SimulatedNetwork&) = delete;

  NetworkSettings& settings() { return settings_; }

  Socket& open(Side side, const Endpoint& local);
  Socket* find(int number);
  // When that end closed, or felt that the connection is broken; nothing: it has not.
  std::optional<Instant> left_at(int number) const;
  // Ends in is_connected() or error(), or in neither while the host cannot be reached.
  void connect(Socket& socket, const Endpoint& remote);

  // Null when somebody listens there.
  NetworkListener* listen(Side side, const Endpoint& endpoint);
  NetworkListener* find_listener(int number);
  void close_listener(int number);

  // Nothing that is sent to or from the host from now on arrives before that long has passed.
  void isolate(const IpAddress& host, Duration how_long);
  // The connection breaks for both ends, which feel it a little later; what is sent from now on is
  // lost.
  void cut(Socket& socket);
  // Neither end hears from the other again, and neither is told: a route or a firewall forgot them.
  void silence(Socket& socket);
  void silence_all();

  // The relay's process is gone: the kernel closes what it had.
  void close_relay();
  std::size_t relay_sockets() const;  // with its listeners
  std::vector<const Socket*> open_sockets(Side side) const;

 private:
  friend class Socket;
  std::int64_t arrival(const Socket& socket) const;
  void send_piece(Socket& socket, std::string bytes);
  void arrive(int to, int from, std::string bytes);
  void acknowledge(int to, std::size_t bytes);
  void end(int to, int error);
  void answer_connect(int number);
  void send_end(Socket& socket, int error);
  void forget(int number);
  void note_left(int number);

  NetworkSettings settings_;
  int numbers_ = 1'000'000;  // far from descriptors of files
  std::map<int, std::unique_ptr<Socket>> sockets_;
  std::map<int, Instant> left_at_;
  std::map<int, std::unique_ptr<NetworkListener>> listeners_;
  std::map<IpAddress, std::int64_t> isolated_until_;
};

// The network of this process; see scheduler().
SimulatedNetwork& network();

}  // namespace sluice::simulation
