#include "core/socket.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "core/descriptor.h"
#include "core/receive_buffer.h"
#include "core/ring.h"
#include "core/shard.h"
#include "core/wait.h"

namespace sluice {

namespace {

// An operation that one task waits for. When the deadline passes or the task is cancelled, the
// kernel is asked to end it, and the wait goes on until it has.
class OperationWait : public Operation, public Wait {
 public:
  OperationWait(Shard& shard, Deadline deadline) : Wait(shard, deadline) {}

  int result() const { return result_; }
  WaitEnd interrupted() const { return interrupted_; }  // done when it was not

  // Ends it early, as a cancelled task would.
  void stop() { interrupt(WaitEnd::cancelled); }

 protected:
  ~OperationWait() = default;

 private:
  void interrupt(WaitEnd why) noexcept override {
    if (interrupted_ != WaitEnd::cancelled) interrupted_ = why;
    if (Operation::is_armed()) shard().ring().cancel(*this);  // else its outcome has come already
  }
  void on_outcome(const OperationOutcome& outcome) noexcept override {
    result_ = outcome.result;
    finish(WaitEnd::done);
  }

  int result_ = -ECANCELED;
  WaitEnd interrupted_ = WaitEnd::done;
};

class SendWait final : public OperationWait {
 public:
  SendWait(Shard& shard, int descriptor, Deadline deadline)
      : OperationWait(shard, deadline), descriptor_(descriptor) {}

  // The pieces from `done` bytes on, as many as one operation takes.
  void gather(std::span<const std::string_view> pieces, std::size_t done);

 private:
  void start() override { shard().ring().send(*this, descriptor_, message_); }

  static constexpr std::size_t kPiecesMax = 64;
  static constexpr std::size_t kSliceBytesMax = 256 * 1024;
  int descriptor_;
  msghdr message_{};
  std::array<iovec, kPiecesMax> vectors_;
};

void SendWait::gather(std::span<const std::string_view> pieces, std::size_t done) {
  std::size_t count = 0;
  std::size_t room = kSliceBytesMax;
  for (std::string_view piece : pieces) {
    const std::size_t skipped = std::min(done, piece.size());
    done -= skipped;
    piece.remove_prefix(skipped);
    if (piece.empty()) continue;
    piece = piece.substr(0, room);
    room -= piece.size();
    // The kernel only reads what it sends, but has one structure for both ways.
    vectors_[count++] = {.iov_base = const_cast<char*>(piece.data()), .iov_len = piece.size()};
    if (count == kPiecesMax || room == 0) break;
  }
  message_.msg_iov = vectors_.data();
  message_.msg_iovlen = count;
}

class ConnectWait final : public OperationWait {
 public:
  ConnectWait(Shard& shard, int descriptor, const Endpoint& peer, Deadline deadline)
      : OperationWait(shard, deadline), descriptor_(descriptor) {
    peer.to_sockaddr(address_);
  }

 private:
  void start() override { shard().ring().connect(*this, descriptor_, address_); }

  int descriptor_;
  sockaddr_storage address_{};
};

class TcpSocket final : public Stream {
 public:
  TcpSocket(Shard& shard, int descriptor, Direction direction);
  ~TcpSocket() override;

  std::string_view received() const override { return buffer_.visible(); }
  void consume(std::size_t bytes) override { buffer_.consume(bytes); }
  Task<Result<void>> fill(Deadline deadline) override;
  Task<Result<void>> send(std::span<const std::string_view> pieces, Deadline deadline) override;
  Task<void> close() override;

 private:
  void arm_receive();
  void on_received(const OperationOutcome& outcome);
  void wake_reader(WaitEnd end);
  void resume_close();
  bool is_busy() const;
  std::unexpected<Error> receive_error() const;
  bool has_ended() const { return receive_result_ <= 0; }

  // The receive that is armed for as long as the reader keeps up; it belongs to the socket, so a
  // fill can end without asking the kernel.
  class Receive final : public Operation {
   public:
    explicit Receive(TcpSocket& owner) : socket_(owner) {}

   private:
    void on_outcome(const OperationOutcome& outcome) noexcept override {
      socket_.on_received(outcome);
    }
    TcpSocket& socket_;
  };

  class ReaderWait final : public Wait {
   public:
    ReaderWait(TcpSocket& owner, Deadline deadline)
        : Wait(owner.shard_, deadline), socket_(owner) {}

   private:
    void start() override { socket_.arm_receive(); }
    void interrupt(WaitEnd why) noexcept override { socket_.wake_reader(why); }
    TcpSocket& socket_;
  };

  class CloseOperation final : public Operation {
   public:
    explicit CloseOperation(ResumePoint& point) : point_(point) {}

   private:
    void on_outcome(const OperationOutcome& /*outcome*/) noexcept override { point_.resume(); }
    ResumePoint& point_;
  };

  enum class Reader : std::uint8_t { absent, waiting, woken };

  Shard& shard_;
  int descriptor_;
  Direction direction_;
  bool is_closing_ = false;
  bool is_behind_ = false;       // the reader is slow: receive only what there is room for
  bool is_once_ = false;         // the receive that is armed is of that kind
  bool is_send_broken_ = false;  // a message was cut off: nothing may follow it
  Reader reader_state_ = Reader::absent;
  int receive_result_ = 1;  // 0 after the end of the stream, a negative errno after an error
  ReaderWait* reader_ = nullptr;
  SendWait* writer_ = nullptr;
  ReceiveBuffer buffer_{kReceivedBytesMax};
  Receive receive_{*this};
  ResumePoint idle_;  // where close() waits
};

TcpSocket::TcpSocket(Shard& shard, int descriptor, Direction direction)
    : shard_(shard), descriptor_(descriptor), direction_(direction), idle_(shard.run_queue()) {
  SLUICE_ASSERT(descriptor >= 0, "a socket is open when it is adopted");
  shard_.count_socket(1);
}

TcpSocket::~TcpSocket() {
  SLUICE_ASSERT(descriptor_ < 0, "a stream is closed before it is destroyed");
  shard_.count_socket(-1);
}

// ---- receiving

void TcpSocket::arm_receive() {
  if (receive_.is_armed()) return;
  is_once_ = is_behind_;
  if (!is_once_) return shard_.ring().receive(receive_, descriptor_, direction_);
  const std::size_t room = kReceivedBytesMax - buffer_.size();
  shard_.ring().receive_once(receive_, descriptor_, direction_, static_cast<std::uint32_t>(room));
}

void TcpSocket::on_received(const OperationOutcome& outcome) {
  if (!outcome.received.empty()) buffer_.append(outcome.received);
  // A cancelled receive is our own doing: the stream goes on.
  if (outcome.result <= 0 && outcome.result != -ECANCELED) receive_result_ = outcome.result;
  if (reader_ != nullptr && (!outcome.received.empty() || has_ended())) wake_reader(WaitEnd::done);
  // A reader that has been woken may yet take it all. If there is none, the peer must wait.
  if (reader_state_ == Reader::absent && buffer_.size() >= kReceivedBytesMax) {
    is_behind_ = true;
    if (!outcome.is_last) shard_.ring().cancel(receive_);
  }
  // Once the kernel holds no backlog, receiving again and again cannot bring much at once.
  if (is_once_ && !outcome.has_more_bytes) is_behind_ = false;
  if (!outcome.is_last) return;
  if (is_closing_) return resume_close();
  if (reader_ != nullptr) arm_receive();
}

void TcpSocket::wake_reader(WaitEnd end) {
  reader_state_ = Reader::woken;
  std::exchange(reader_, nullptr)->finish(end);
}

std::unexpected<Error> TcpSocket::receive_error() const {
  if (receive_result_ == 0) return fail(ErrorCode::end_of_stream, "the peer closed the connection");
  return std::unexpected(system_error("receive", -receive_result_));
}

Task<Result<void>> TcpSocket::fill(Deadline deadline) {
  SLUICE_ASSERT(reader_state_ == Reader::absent, "one task reads a stream");
  // A stream that always has bytes must not outrun a request to stop.
  const TaskContext& context = co_await current_context();
  if (context.is_cancelled() || is_closing_) co_return wait_error(WaitEnd::cancelled, "receive");
  if (buffer_.reveal()) co_return Result<void>{};
  if (buffer_.is_full()) {
    co_return fail(ErrorCode::limit_exceeded, "the receive buffer is full and nothing was read");
  }
  if (has_ended()) co_return receive_error();
  buffer_.release();  // an idle connection holds none

  ReaderWait wait(*this, deadline);
  reader_state_ = Reader::waiting;
  reader_ = &wait;
  const WaitEnd end = co_await wait;
  reader_ = nullptr;
  reader_state_ = Reader::absent;
  if (is_closing_) resume_close();
  if (end != WaitEnd::done) co_return wait_error(end, "receive");
  if (!buffer_.reveal()) co_return receive_error();
  co_return Result<void>{};
}

// ---- sending

Task<Result<void>> TcpSocket::send(std::span<const std::string_view> pieces, Deadline deadline) {
  SLUICE_ASSERT(writer_ == nullptr, "one task writes a stream");
  const Duration patience = deadline.instant() - shard_.clock().now();
  std::size_t left = 0;
  for (const std::string_view piece : pieces) left += piece.size();
  std::size_t done = 0;
  while (left > 0) {
    if (is_closing_) co_return wait_error(WaitEnd::cancelled, "send");
    if (is_send_broken_) co_return fail(ErrorCode::connection_lost, "an earlier send was cut off");
    SendWait wait(shard_, descriptor_, deadline);
    wait.gather(pieces, done);
    writer_ = &wait;
    const WaitEnd end = co_await wait;
    writer_ = nullptr;
    if (is_closing_) resume_close();
    const WaitEnd why = end == WaitEnd::done ? wait.interrupted() : end;
    const std::size_t sent = wait.result() > 0 ? static_cast<std::size_t>(wait.result()) : 0;
    done += sent;
    left -= sent;
    if (left == 0) break;
    if (why == WaitEnd::cancelled || sent == 0) {
      is_send_broken_ = true;
      if (why != WaitEnd::done) co_return wait_error(why, "send");
      co_return std::unexpected(system_error("send", -wait.result()));
    }
    // There was progress, if only before the deadline: the rest has as much time as this had.
    if (!deadline.is_never()) deadline = Deadline::in(shard_.clock(), patience);
  }
  co_return Result<void>{};
}

// ---- closing

void TcpSocket::resume_close() {
  if (idle_.has_waiter()) idle_.resume();
}

bool TcpSocket::is_busy() const {
  return receive_.is_armed() || writer_ != nullptr || reader_state_ != Reader::absent;
}

Task<void> TcpSocket::close() {
  SLUICE_ASSERT(!is_closing_, "a stream is closed once");
  is_closing_ = true;
  if (reader_ != nullptr) wake_reader(WaitEnd::cancelled);
  if (writer_ != nullptr) writer_->stop();
  if (receive_.is_armed()) shard_.ring().cancel(receive_);
  while (is_busy()) co_await idle_;
  CloseOperation closing(idle_);
  shard_.ring().close(closing, std::exchange(descriptor_, -1));
  co_await idle_;
}

}  // namespace

std::unique_ptr<Stream> adopt_socket(Shard& shard, int descriptor, Direction direction) {
  send_without_delay(descriptor);
  return std::make_unique<TcpSocket>(shard, descriptor, direction);
}

Task<Result<std::unique_ptr<Stream>>> connect_tcp(Shard& shard, Endpoint peer,
                                                  const IpAddress* local, Deadline deadline) {
  SLUICE_CO_TRY(descriptor, open_tcp_socket(peer, local));
  ConnectWait wait(shard, descriptor, peer, deadline);
  const WaitEnd end = co_await wait;
  const WaitEnd why = end == WaitEnd::done ? wait.interrupted() : end;
  if (why == WaitEnd::done && wait.result() == 0) {
    co_return adopt_socket(shard, descriptor, Direction::outgoing);
  }
  close_descriptor(descriptor);
  const std::string what = "connect to " + peer.to_string();
  if (why != WaitEnd::done) co_return wait_error(why, what);
  co_return std::unexpected(system_error(what, -wait.result()));
}

std::size_t open_sockets(const Shard& shard) { return shard.sockets(); }

}  // namespace sluice
