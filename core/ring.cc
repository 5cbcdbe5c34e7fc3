#include "core/ring.h"

#include <liburing.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <deque>
#include <string>
#include <utility>

#include "core/assert.h"
#include "core/socket.h"

namespace sluice {

namespace {

constexpr unsigned kSubmissions = 1024;
constexpr unsigned kCompletions = 8192;

// What a completion says, taken out of the queue.
struct Arrived {
  Operation* operation;
  int result;
  std::uint32_t flags;
};

// A mapping of whole pages, unmapped at the end.
class Pages {
 public:
  Pages() = default;
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  ~Pages() {
    if (memory_ != nullptr) munmap(memory_, bytes_);
  }

  bool map(std::size_t bytes) {
    void* const memory =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return false;
    memory_ = memory;
    bytes_ = bytes;
    return true;
  }
  char* data() const { return static_cast<char*>(memory_); }

 private:
  void* memory_ = nullptr;
  std::size_t bytes_ = 0;
};

// The receive buffers of one direction, and the operations that found none.
struct BufferGroup {
  Pages ring_pages;
  Pages buffer_pages;
  io_uring_buf_ring* ring = nullptr;
  std::uint16_t id = 0;
  unsigned count = 0;
  std::size_t buffer_bytes = 0;
  Operation* starved_first = nullptr;
  Operation* starved_last = nullptr;

  char* buffer(unsigned index) const { return buffer_pages.data() + index * buffer_bytes; }
  void give(unsigned index) const {
    io_uring_buf_ring_add(ring, buffer(index), static_cast<unsigned>(buffer_bytes),
                          static_cast<unsigned short>(index), io_uring_buf_ring_mask(count), 0);
    io_uring_buf_ring_advance(ring, 1);
  }
};

Error open_error(int number) {
  switch (number) {
    case ENOSYS:
      return Error(ErrorCode::unsupported,
                   "this kernel has no io_uring; sluice needs Linux 6.1 or later with io_uring "
                   "(CONFIG_IO_URING)");
    case EINVAL:
      return Error(ErrorCode::unsupported,
                   "this kernel's io_uring is too old; sluice needs Linux 6.1 or later");
    case EPERM:
    case EACCES:
      return Error(ErrorCode::unsupported,
                   "io_uring is forbidden here: set `sysctl kernel.io_uring_disabled=0` (or 1, and "
                   "put the user into kernel.io_uring_group); in a container, allow the io_uring "
                   "system calls in its seccomp profile");
    case ENOMEM:
      return Error(ErrorCode::out_of_budget,
                   "io_uring got no memory: raise the limit of locked memory (`ulimit -l "
                   "unlimited`, in a systemd unit LimitMEMLOCK=infinity), give the container more "
                   "memory, or start fewer shards (--shards)");
    case EMFILE:
    case ENFILE:
      return Error(ErrorCode::refused,
                   "io_uring needs a descriptor but the limit of open files is reached: raise it "
                   "(`ulimit -n 65536`, in a systemd unit LimitNOFILE=65536)");
    default:
      return system_error("io_uring", number);
  }
}

}  // namespace

struct Ring::Impl {
  // The read of the eventfd that other threads write to.
  class WakeUp final : public Operation {
   public:
    std::uint64_t count = 0;

   private:
    void on_outcome(const OperationOutcome& /*outcome*/) noexcept override {}
  };

  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl();

  Result<void> open(const RingSettings& settings);
  Result<void> open_uring();
  Result<void> open_group(Direction direction, unsigned count, std::size_t buffer_bytes);

  BufferGroup& group_of(const Operation& operation) {
    return groups[static_cast<std::size_t>(operation.direction_)];
  }

  io_uring_sqe& submission();
  io_uring_sqe& submission_of(Operation& operation, int descriptor);
  void arm_receive(Operation& operation);
  void read_wake_up();
  void cancel(Operation& operation);

  void enter(Duration wait_max);
  bool take_arrived();
  void hand_out(const Arrived& arrived);
  void hand_out_receive(const Arrived& arrived);
  void starve(Operation& operation);
  void unstarve(Operation& operation);
  void arm_starved();
  void stop_wake_up();

  io_uring uring{};
  bool is_open = false;
  int wake_descriptor = -1;
  WakeUp wake_up;
  std::array<BufferGroup, 2> groups;
  std::deque<Arrived> arrived;  // taken out of the completion queue, not yet handed out
  std::size_t armed = 0;        // without the wake-up
  std::uint64_t starved_receives = 0;
};

Operation::~Operation() {
  SLUICE_ASSERT(!is_armed(), "the kernel knows an armed operation: it is not destroyed");
}

// ---- opening and closing

Result<void> Ring::Impl::open_uring() {
  io_uring_params parameters{};
  // Completions are made ready only inside our own io_uring_enter, and a bad submission does not
  // hold up those behind it.
  parameters.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                     IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
  parameters.cq_entries = kCompletions;
  const int status = io_uring_queue_init_params(kSubmissions, &uring, &parameters);
  if (status < 0) return std::unexpected(open_error(-status));
  is_open = true;
  // Spares a look-up of the descriptor at each entry; a kernel that refuses is only slower.
  io_uring_register_ring_fd(&uring);
  return {};
}

Result<void> Ring::Impl::open_group(Direction direction, unsigned count, std::size_t buffer_bytes) {
  SLUICE_ASSERT(std::has_single_bit(count), "the kernel wants a power of two of buffers");
  BufferGroup& group = groups[static_cast<std::size_t>(direction)];
  group.id = static_cast<std::uint16_t>(direction);
  group.count = count;
  group.buffer_bytes = buffer_bytes;
  if (!group.ring_pages.map(count * sizeof(io_uring_buf)))
    return std::unexpected(open_error(ENOMEM));
  if (!group.buffer_pages.map(count * buffer_bytes)) return std::unexpected(open_error(ENOMEM));
  group.ring = reinterpret_cast<io_uring_buf_ring*>(group.ring_pages.data());
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uintptr_t>(group.ring_pages.data());
  registration.ring_entries = count;
  registration.bgid = group.id;
  const int status = io_uring_register_buf_ring(&uring, &registration, 0);
  if (status < 0) return std::unexpected(open_error(-status));
  io_uring_buf_ring_init(group.ring);
  for (unsigned index = 0; index < count; ++index) group.give(index);
  return {};
}

Result<void> Ring::Impl::open(const RingSettings& settings) {
  if (auto opened = open_uring(); !opened) return opened;
  const std::size_t bytes = settings.buffer_bytes.value();
  if (auto in = open_group(Direction::incoming, settings.incoming_buffers, bytes); !in) return in;
  if (auto out = open_group(Direction::outgoing, settings.outgoing_buffers, bytes); !out)
    return out;
  wake_descriptor = eventfd(0, EFD_CLOEXEC);
  if (wake_descriptor < 0) return std::unexpected(open_error(errno));
  read_wake_up();
  return {};
}

void Ring::Impl::stop_wake_up() {
  if (!wake_up.is_armed()) return;
  cancel(wake_up);
  while (wake_up.is_armed()) {
    enter(Duration::max());
    while (take_arrived()) {
    }
  }
}

Ring::Impl::~Impl() {
  if (wake_descriptor >= 0) {
    stop_wake_up();
    ::close(wake_descriptor);
  }
  if (is_open) io_uring_queue_exit(&uring);
}

Ring::Ring(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Ring::~Ring() {
  SLUICE_ASSERT(impl_->armed == 0, "every operation has ended before the ring does");
}

Result<std::unique_ptr<Ring>> Ring::open(const RingSettings& settings) {
  auto impl = std::make_unique<Impl>();
  if (auto opened = impl->open(settings); !opened)
    return std::unexpected(std::move(opened).error());
  return std::unique_ptr<Ring>(new Ring(std::move(impl)));
}

// ---- verbs

io_uring_sqe& Ring::Impl::submission() {
  while (true) {
    if (io_uring_sqe* const entry = io_uring_get_sqe(&uring); entry != nullptr) return *entry;
    // The queue is full: what it holds goes to the kernel now. The kernel may want completions
    // taken out first; they are handed out later, since we may be inside a completion.
    const int status = io_uring_submit(&uring);
    if (status >= 0) continue;
    SLUICE_ASSERT(status == -EBUSY || status == -EAGAIN || status == -EINTR || status == -ENOMEM,
                  "the kernel takes submissions, sooner or later");
    io_uring_cqe* entry = nullptr;
    while (io_uring_peek_cqe(&uring, &entry) == 0 && entry != nullptr) {
      arrived.push_back(
          {static_cast<Operation*>(io_uring_cqe_get_data(entry)), entry->res, entry->flags});
      io_uring_cqe_seen(&uring, entry);
    }
  }
}

io_uring_sqe& Ring::Impl::submission_of(Operation& operation, int descriptor) {
  SLUICE_ASSERT(!operation.is_armed(), "an operation does one thing at a time");
  SLUICE_ASSERT(descriptor >= 0, "an operation is about an open descriptor");
  operation.descriptor_ = descriptor;
  operation.state_ = Operation::State::in_kernel;
  operation.is_receive_ = false;
  operation.is_cancelling_ = false;
  ++armed;
  return submission();
}

void Ring::Impl::arm_receive(Operation& operation) {
  io_uring_sqe& entry = submission();
  if (operation.bytes_max_ == 0)
    io_uring_prep_recv_multishot(&entry, operation.descriptor_, nullptr, 0, 0);
  else
    io_uring_prep_recv(&entry, operation.descriptor_, nullptr, operation.bytes_max_, 0);
  entry.flags |= IOSQE_BUFFER_SELECT;
  entry.buf_group = group_of(operation).id;
  io_uring_sqe_set_data(&entry, &operation);
}

void Ring::Impl::read_wake_up() {
  io_uring_sqe& entry = submission();
  io_uring_prep_read(&entry, wake_descriptor, &wake_up.count, sizeof(wake_up.count), 0);
  wake_up.state_ = Operation::State::in_kernel;
  io_uring_sqe_set_data(&entry, &wake_up);
}

void Ring::receive(Operation& operation, int descriptor, Direction direction) {
  receive_once(operation, descriptor, direction, 0);
}

void Ring::receive_once(Operation& operation, int descriptor, Direction direction,
                        std::uint32_t bytes_max) {
  SLUICE_ASSERT(!operation.is_armed(), "an operation does one thing at a time");
  operation.descriptor_ = descriptor;
  operation.direction_ = direction;
  operation.bytes_max_ = bytes_max;
  operation.state_ = Operation::State::in_kernel;
  operation.is_receive_ = true;
  operation.is_cancelling_ = false;
  ++impl_->armed;
  impl_->arm_receive(operation);
}

void Ring::send(Operation& operation, int descriptor, const msghdr& message) {
  io_uring_sqe& entry = impl_->submission_of(operation, descriptor);
  io_uring_prep_sendmsg(&entry, descriptor, &message, MSG_WAITALL | MSG_NOSIGNAL);
  io_uring_sqe_set_data(&entry, &operation);
}

void Ring::connect(Operation& operation, int descriptor, const sockaddr_storage& peer) {
  io_uring_sqe& entry = impl_->submission_of(operation, descriptor);
  const socklen_t length = peer.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  io_uring_prep_connect(&entry, descriptor, reinterpret_cast<const sockaddr*>(&peer), length);
  io_uring_sqe_set_data(&entry, &operation);
}

void Ring::accept(Operation& operation, int descriptor) {
  io_uring_sqe& entry = impl_->submission_of(operation, descriptor);
  io_uring_prep_multishot_accept(&entry, descriptor, nullptr, nullptr, SOCK_CLOEXEC);
  io_uring_sqe_set_data(&entry, &operation);
}

void Ring::close(Operation& operation, int descriptor) {
  io_uring_sqe& entry = impl_->submission_of(operation, descriptor);
  io_uring_prep_close(&entry, descriptor);
  io_uring_sqe_set_data(&entry, &operation);
}

void Ring::poll(Operation& operation, int descriptor, unsigned events) {
  io_uring_sqe& entry = impl_->submission_of(operation, descriptor);
  io_uring_prep_poll_add(&entry, descriptor, events);
  io_uring_sqe_set_data(&entry, &operation);
}

void Ring::Impl::cancel(Operation& operation) {
  SLUICE_ASSERT(operation.is_armed(), "only what is armed can be cancelled");
  if (operation.is_cancelling_) return;
  operation.is_cancelling_ = true;
  if (operation.state_ == Operation::State::starved) {
    unstarve(operation);
    arrived.push_back({&operation, -ECANCELED, 0});
    return;
  }
  io_uring_sqe& entry = submission();
  // Found or not, the outcome of the operation itself tells; this completion has no operation.
  io_uring_prep_cancel64(&entry, reinterpret_cast<std::uintptr_t>(&operation), 0);
  io_uring_sqe_set_data(&entry, nullptr);
}

void Ring::cancel(Operation& operation) { impl_->cancel(operation); }

// ---- the turn

void Ring::Impl::enter(Duration wait_max) {
  int status = 0;
  if (wait_max <= Duration::zero() || !arrived.empty()) {
    status = io_uring_submit_and_get_events(&uring);
  } else if (wait_max == Duration::max()) {
    status = io_uring_submit_and_wait(&uring, 1);
  } else {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(wait_max);
    __kernel_timespec time{.tv_sec = seconds.count(), .tv_nsec = (wait_max - seconds).count()};
    io_uring_cqe* first = nullptr;
    status = io_uring_submit_and_wait_timeout(&uring, &first, 1, &time, nullptr);
  }
  const bool is_usual = status >= 0 || status == -ETIME || status == -EINTR || status == -EAGAIN ||
                        status == -EBUSY || status == -ENOMEM;
  SLUICE_ASSERT(is_usual, "io_uring_enter works once the ring is open");
}

// Hands out the next completion; false when there is none.
bool Ring::Impl::take_arrived() {
  if (!arrived.empty()) {
    const Arrived next = arrived.front();
    arrived.pop_front();
    hand_out(next);
    return true;
  }
  io_uring_cqe* entry = nullptr;
  if (io_uring_peek_cqe(&uring, &entry) != 0 || entry == nullptr) return false;
  const Arrived next{static_cast<Operation*>(io_uring_cqe_get_data(entry)), entry->res,
                     entry->flags};
  io_uring_cqe_seen(&uring, entry);
  hand_out(next);
  return true;
}

void Ring::Impl::hand_out(const Arrived& next) {
  if (next.operation == nullptr) return;  // of a cancel
  Operation& operation = *next.operation;
  if (operation.is_receive_) return hand_out_receive(next);
  const bool is_last = (next.flags & IORING_CQE_F_MORE) == 0;
  if (&operation == &wake_up) {
    operation.state_ = Operation::State::idle;
    if (!operation.is_cancelling_) read_wake_up();
    return;
  }
  if (is_last) {
    operation.state_ = Operation::State::idle;
    --armed;
  }
  operation.on_outcome(
      {.result = next.result, .is_last = is_last, .has_more_bytes = false, .received = {}});
}

void Ring::Impl::hand_out_receive(const Arrived& next) {
  Operation& operation = *next.operation;
  const BufferGroup& group = group_of(operation);
  const bool is_last = (next.flags & IORING_CQE_F_MORE) == 0;
  const bool has_buffer = (next.flags & IORING_CQE_F_BUFFER) != 0;
  if (next.result == -ENOBUFS && !operation.is_cancelling_) {
    SLUICE_ASSERT(is_last, "a receive without a buffer ends");
    starve(operation);
    return;
  }
  if (is_last) {
    operation.state_ = Operation::State::idle;
    --armed;
  }
  const bool has_more = (next.flags & IORING_CQE_F_SOCK_NONEMPTY) != 0;
  OperationOutcome outcome{
      .result = next.result, .is_last = is_last, .has_more_bytes = has_more, .received = {}};
  if (outcome.result == -ENOBUFS) outcome.result = -ECANCELED;
  const unsigned index = next.flags >> IORING_CQE_BUFFER_SHIFT;
  if (has_buffer && next.result > 0)
    outcome.received = {group.buffer(index), static_cast<std::size_t>(next.result)};
  operation.on_outcome(outcome);
  if (has_buffer) group.give(index);
}

void Ring::Impl::starve(Operation& operation) {
  ++starved_receives;
  BufferGroup& group = group_of(operation);
  operation.state_ = Operation::State::starved;
  operation.previous_ = group.starved_last;
  operation.next_ = nullptr;
  (group.starved_last != nullptr ? group.starved_last->next_ : group.starved_first) = &operation;
  group.starved_last = &operation;
}

void Ring::Impl::unstarve(Operation& operation) {
  BufferGroup& group = group_of(operation);
  (operation.previous_ != nullptr ? operation.previous_->next_ : group.starved_first) =
      operation.next_;
  (operation.next_ != nullptr ? operation.next_->previous_ : group.starved_last) =
      operation.previous_;
  operation.state_ = Operation::State::in_kernel;
}

// Between turns every buffer is free, because outcomes are copied out at once. So as many receives
// go on as there are buffers, first come first served: they are submitted before the kernel looks
// at the others, and a storm of refusals is never larger than the group.
void Ring::Impl::arm_starved() {
  for (BufferGroup& group : groups) {
    for (unsigned free = group.count; free > 0 && group.starved_first != nullptr; --free) {
      Operation& operation = *group.starved_first;
      unstarve(operation);
      arm_receive(operation);
    }
  }
}

void Ring::turn(Duration wait_max) {
  impl_->enter(wait_max);
  while (impl_->take_arrived()) {
  }
  impl_->arm_starved();
}

void Ring::wake() {
  const std::uint64_t one = 1;
  // It fails only when the counter is about to overflow, and then the ring is awake.
  [[maybe_unused]] const ssize_t written = write(impl_->wake_descriptor, &one, sizeof(one));
}

std::size_t Ring::armed() const { return impl_->armed; }
std::uint64_t Ring::starved_receives() const { return impl_->starved_receives; }

}  // namespace sluice
