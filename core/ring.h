// Ring: the io_uring of one shard. All I/O of a shard goes through it, and it is one side of the
// seam for simulation: whoever replaces core/ring.cc at link time gives the shard another world.
//
// A verb queues an Operation; turn() submits all that is queued, waits, and hands out all that has
// completed, in one system call. A completion only notes what happened and pushes tasks to the run
// queue. Used on the shard's thread alone, but for wake().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "core/error.h"
#include "core/units.h"

struct msghdr;
struct sockaddr_storage;

namespace sluice {

enum class Direction : std::uint8_t;  // core/socket.h

// The memory that receives go to. It is copied out at once, so the numbers bound how much arrives
// in one turn, not how many connections there are. The kernel takes the buffers in turns: so few
// that all of them stay in a core's cache (docs/performance.md, "What was tried").
struct RingSettings {
  unsigned incoming_buffers = 64;  // powers of two
  unsigned outgoing_buffers = 16;
  ByteCount buffer_bytes = kibibytes(16);
};

// What the kernel said. `received` is valid only during the call.
struct OperationOutcome {
  int result;           // a number of bytes, a descriptor, or a negative errno
  bool is_last;         // nothing more comes: the operation is unarmed
  bool has_more_bytes;  // of a receive: the kernel holds more than it gave
  std::string_view received;
};

// Something the kernel was asked to do. It lies in what waits for it, and is armed from the verb
// to its last outcome: until then it is not destroyed (asserted), for the kernel knows its address.
class Operation {
 public:
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  bool is_armed() const { return state_ != State::idle; }

 protected:
  Operation() = default;
  ~Operation();

  virtual void on_outcome(const OperationOutcome& outcome) noexcept = 0;

 private:
  friend class Ring;
  enum class State : std::uint8_t { idle, in_kernel, starved };

  Operation* previous_ = nullptr;  // among the starved
  Operation* next_ = nullptr;
  int descriptor_ = -1;
  std::uint32_t bytes_max_ = 0;  // of a receive; 0: many receives, each of a whole buffer
  Direction direction_{};
  State state_ = State::idle;
  bool is_receive_ = false;
  bool is_cancelling_ = false;
};

class Ring {
 public:
  // unsupported when the kernel lacks or forbids io_uring, out_of_budget or refused when a limit
  // of the process is too low: the sentence says what to change.
  static Result<std::unique_ptr<Ring>> open(const RingSettings& settings);
  ~Ring();  // asserts that nothing is armed

  // Receives again and again until the end of the stream, an error or cancel(). It may also end
  // with bytes received and is_last set: then arm it anew. When the buffers run out the operation
  // waits its turn inside the ring.
  void receive(Operation& operation, int descriptor, Direction direction);

  // Receives once, at most so many bytes and at most one buffer.
  void receive_once(Operation& operation, int descriptor, Direction direction,
                    std::uint32_t bytes_max);

  // Sends the whole message, unless an error or cancel() ends it early: then the result is the
  // number of bytes sent, if any were. The message and what it points to live until the outcome.
  void send(Operation& operation, int descriptor, const msghdr& message);

  void connect(Operation& operation, int descriptor,
               const sockaddr_storage& peer);         // must live too
  void accept(Operation& operation, int descriptor);  // again and again until an error or cancel()
  void close(Operation& operation, int descriptor);

  // Waits once until one of the events (poll(2)) is there: they are the result.
  void poll(Operation& operation, int descriptor, unsigned events);

  // Asks an armed operation to end. Its last outcome still comes, and may be a success.
  void cancel(Operation& operation);

  // Submits what is queued and hands out what has completed; when that is nothing, waits for the
  // first outcome, a wake() or that much time. Duration::max() is for ever.
  void turn(Duration wait_max);

  // From any thread: ends the wait of this turn, or of the next.
  void wake();

  std::size_t armed() const;               // operations that the ring holds
  std::uint64_t starved_receives() const;  // how often a receive found no buffer

  struct Impl;  // defined in ring.cc

 private:
  explicit Ring(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice
