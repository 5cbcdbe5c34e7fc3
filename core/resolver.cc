#include "core/resolver.h"

#include <ares.h>
#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <list>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/assert.h"
#include "core/event.h"
#include "core/ring.h"
#include "core/shard.h"
#include "core/wait.h"

namespace sluice {
namespace {

// Ids are what an answer from elsewhere would have to guess, with the port.
std::uint16_t random_id() {
  std::uint16_t id = 0;
  const ssize_t got = getrandom(&id, sizeof(id), 0);
  SLUICE_ASSERT(got == sizeof(id), "so few random bytes come at once");
  return id;
}

Error ares_error(int status) {
  switch (status) {
    case ARES_ETIMEOUT:
      return Error(ErrorCode::timed_out, "no DNS server answers");
    case ARES_ECONNREFUSED:
      // Also after each of several servers has failed.
      return Error(ErrorCode::refused, "the DNS servers fail, or take no questions");
    case ARES_ECANCELLED:
    case ARES_EDESTRUCTION:
      return Error(ErrorCode::cancelled, "the DNS lookup was given up");
    case ARES_ESERVFAIL:
      return Error(ErrorCode::refused, "the DNS server answers SERVFAIL");
    case ARES_EREFUSED:
      return Error(ErrorCode::refused, "the DNS server answers REFUSED");
    case ARES_ENOTIMP:
      return Error(ErrorCode::refused, "the DNS server answers NOTIMP");
    default:
      return Error(ErrorCode::refused, fmt::format("DNS: {}", ares_strerror(status)));
  }
}

// One question, in the frame of the task that asks, which waits until c-ares has answered.
struct Question {
  Question(RunQueue& run_queue, const DnsQuestion& question) : asked(question), done(run_queue) {}
  const DnsQuestion& asked;
  ResumePoint done;
  std::optional<Result<DnsAnswer>> answer;
};

class AresResolver final : public Resolver {
 public:
  AresResolver(Shard& shard, const ResolverSettings& settings)
      : shard_(shard),
        settings_(settings),
        changed_(shard),
        scope_(shard.run_queue()),
        started_(start()) {}
  ~AresResolver() override;

  Task<Result<DnsAnswer>> ask(DnsQuestion question) override;
  Task<void> close() override;

 private:
  // The poll of one socket of c-ares. It outlives the socket until the kernel let go of it.
  class SocketPoll final : public Operation {
   public:
    SocketPoll(AresResolver& owner, int descriptor) : owner_(owner), descriptor_(descriptor) {}
    int descriptor() const { return descriptor_; }

    unsigned wanted = 0;  // events; 0: c-ares closes the socket
    unsigned polled = 0;
    unsigned ready = 0;

   private:
    void on_outcome(const OperationOutcome& outcome) noexcept override {
      if (outcome.result > 0) ready |= static_cast<unsigned>(outcome.result);
      owner_.changed_.notify_all();
    }
    AresResolver& owner_;
    int descriptor_;
  };

  Result<void> start();
  Result<void> set_servers();
  Result<void> open_channel(int more_flags);
  std::vector<IpAddress> server_addresses() const;
  static void on_socket(void* self, ares_socket_t descriptor, int is_read, int is_written);
  static void on_answer(void* question, int status, int timeouts, unsigned char* reply, int bytes);
  void watch(int descriptor, unsigned wanted);
  void arm_polls();
  void process_ready();
  Deadline time_to_process() const;
  Task<void> tend();

  Shard& shard_;
  ResolverSettings settings_;
  ares_channel channel_ = nullptr;
  bool is_ad_believed_ = false;
  bool is_closing_ = false;
  std::size_t open_questions_ = 0;
  std::list<SocketPoll> polls_;
  Event changed_;
  TaskScope scope_;
  Result<void> started_;
};

AresResolver::~AresResolver() {
  SLUICE_ASSERT(channel_ == nullptr, "a resolver is closed before it ends");
}

Result<void> AresResolver::start() {
  static std::once_flag initialised;
  std::call_once(initialised, [] { ares_library_init(ARES_LIB_INIT_ALL); });
  if (auto opened = open_channel(0); !opened) return opened;
  const std::vector<IpAddress> servers = server_addresses();
  // Where there is no other server to ask, the reply that tells of a failure is more than nothing.
  if (servers.size() == 1) {
    ares_destroy(std::exchange(channel_, nullptr));
    if (auto opened = open_channel(ARES_FLAG_NOCHECKRESP); !opened) return opened;
  }
  const bool are_loopback = std::ranges::all_of(servers, &IpAddress::is_loopback);
  is_ad_believed_ = settings_.trust_ad == TrustAd::always ||
                    (settings_.trust_ad == TrustAd::loopback && are_loopback);
  scope_.spawn(tend());
  return {};
}

Result<void> AresResolver::open_channel(int more_flags) {
  ares_options options{};
  // With its sign of EDNS it takes datagrams as large as the query allows, and asks without where
  // a server knows no EDNS.
  options.flags = ARES_FLAG_EDNS | ARES_FLAG_STAYOPEN | more_flags;
  options.ednspsz = kDnsDatagramBytesMax;
  options.timeout = static_cast<int>(
      std::chrono::duration_cast<std::chrono::milliseconds>(settings_.timeout).count());
  options.tries = static_cast<int>(settings_.attempts);
  options.sock_state_cb = on_socket;
  options.sock_state_cb_data = this;
  const int rotation = settings_.is_rotated ? ARES_OPT_ROTATE : ARES_OPT_NOROTATE;
  const int status = ares_init_options(&channel_, &options,
                                       ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS |
                                           ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB | rotation);
  if (status != ARES_SUCCESS) {
    channel_ = nullptr;
    return std::unexpected(ares_error(status).within("dns"));
  }
  auto set = set_servers();
  if (!set) ares_destroy(std::exchange(channel_, nullptr));
  return set;
}

Result<void> AresResolver::set_servers() {
  if (settings_.servers.empty()) return {};
  std::string list;
  for (const Endpoint& server : settings_.servers) {
    list += (list.empty() ? "" : ",") + server.to_string();
  }
  const int status = ares_set_servers_ports_csv(channel_, list.c_str());
  if (status == ARES_SUCCESS) return {};
  return std::unexpected(ares_error(status).within("dns.servers"));
}

std::vector<IpAddress> AresResolver::server_addresses() const {
  std::vector<IpAddress> addresses;
  ares_addr_port_node* servers = nullptr;
  if (ares_get_servers_ports(channel_, &servers) != ARES_SUCCESS) return addresses;
  for (const auto* server = servers; server != nullptr; server = server->next) {
    if (server->family == AF_INET) {
      addresses.push_back(IpAddress::v4(ntohl(server->addr.addr4.s_addr)));
      continue;
    }
    std::array<std::uint8_t, 16> bytes{};
    std::memcpy(bytes.data(), &server->addr.addr6, bytes.size());
    addresses.push_back(IpAddress::from_bytes(bytes));
  }
  ares_free_data(servers);
  return addresses;
}

Task<Result<DnsAnswer>> AresResolver::ask(DnsQuestion question) {
  if (!started_) co_return std::unexpected(started_.error());
  if (is_closing_) co_return fail(ErrorCode::cancelled, "the resolver ends");
  if (open_questions_ >= kOpenQuestionsMax) {
    co_return fail(ErrorCode::out_of_budget, "too many DNS lookups at once");
  }
  ++open_questions_;
  Question open(shard_.run_queue(), question);
  const auto query = encode_dns_query(question, random_id());
  ares_send(channel_, query.data(), static_cast<int>(query.size()), on_answer, &open);
  changed_.notify_all();  // there may be a nearer deadline
  if (!open.answer) co_await open.done;
  --open_questions_;
  changed_.notify_all();
  if (*open.answer && !is_ad_believed_) (*open.answer)->is_authentic = false;
  co_return std::move(*open.answer);
}

// Called within ares_send and ares_process_fd: it only notes the answer.
void AresResolver::on_answer(void* question, int status, int /*timeouts*/, unsigned char* reply,
                             int bytes) {
  auto& open = *static_cast<Question*>(question);
  if (reply != nullptr && bytes > 0) {
    const std::span<const std::uint8_t> view(reply, static_cast<std::size_t>(bytes));
    open.answer = parse_dns_answer(view, open.asked);
  } else {
    open.answer = std::unexpected(ares_error(status == ARES_SUCCESS ? ARES_EBADRESP : status));
  }
  if (open.done.has_waiter()) open.done.resume();
}

// Both zero: c-ares closes the socket now. The kernel's poll holds on to it until it is cancelled.
void AresResolver::on_socket(void* self, ares_socket_t descriptor, int is_read, int is_written) {
  const unsigned wanted = (is_read != 0 ? static_cast<unsigned>(POLLIN) : 0u) |
                          (is_written != 0 ? static_cast<unsigned>(POLLOUT) : 0u);
  static_cast<AresResolver*>(self)->watch(descriptor, wanted);
}

void AresResolver::watch(int descriptor, unsigned wanted) {
  auto poll = std::ranges::find_if(polls_, [descriptor](const SocketPoll& one) {
    return one.descriptor() == descriptor && one.wanted != 0;
  });
  if (poll == polls_.end()) {
    if (wanted == 0) return;
    poll = polls_.emplace(polls_.end(), *this, descriptor);
  }
  poll->wanted = wanted;
  if (poll->is_armed() && poll->polled != wanted) shard_.ring().cancel(*poll);
  changed_.notify_all();
}

// Each poll reports once; those of closed sockets go when the kernel is done with them.
void AresResolver::arm_polls() {
  for (auto poll = polls_.begin(); poll != polls_.end();) {
    if (!poll->is_armed() && poll->wanted == 0) {
      poll = polls_.erase(poll);
      continue;
    }
    if (!poll->is_armed()) {
      poll->polled = poll->wanted;
      shard_.ring().poll(*poll, poll->descriptor(), poll->polled);
    }
    ++poll;
  }
}

void AresResolver::process_ready() {
  constexpr unsigned kAnyError = POLLERR | POLLHUP | POLLNVAL;
  std::vector<std::pair<int, unsigned>> ready;  // c-ares changes polls_ meanwhile
  for (SocketPoll& poll : polls_) {
    const unsigned events = std::exchange(poll.ready, 0u);
    if (events != 0 && poll.wanted != 0) ready.emplace_back(poll.descriptor(), events);
  }
  for (const auto& [descriptor, events] : ready) {
    const bool is_readable = (events & (POLLIN | kAnyError)) != 0;
    const bool is_writable = (events & (POLLOUT | kAnyError)) != 0;
    ares_process_fd(channel_, is_readable ? descriptor : ARES_SOCKET_BAD,
                    is_writable ? descriptor : ARES_SOCKET_BAD);
  }
  ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);  // what has timed out
}

Deadline AresResolver::time_to_process() const {
  timeval left{};
  if (ares_timeout(channel_, nullptr, &left) == nullptr) return Deadline::never();
  // A millisecond more: c-ares finds nothing to do before its time has wholly passed.
  const Duration wait = std::chrono::seconds(left.tv_sec) +
                        std::chrono::microseconds(left.tv_usec) + std::chrono::milliseconds(1);
  return Deadline::in(shard_.clock(), wait);
}

Task<void> AresResolver::tend() {
  while (!is_closing_) {
    process_ready();
    arm_polls();
    const Deadline deadline = time_to_process();
    auto woken = co_await changed_.wait(deadline);
    if (!woken && woken.error().code() == ErrorCode::cancelled) co_return;
  }
}

Task<void> AresResolver::close() {
  is_closing_ = true;
  co_await scope_.close();
  if (!started_) co_return;
  ares_cancel(channel_);
  while (open_questions_ > 0) co_await yield(shard_);
  ares_destroy(std::exchange(channel_, nullptr));
  const auto is_polled = [](const SocketPoll& poll) { return poll.is_armed(); };
  for (SocketPoll& poll : polls_) {
    if (poll.is_armed()) shard_.ring().cancel(poll);
  }
  while (std::ranges::any_of(polls_, is_polled)) co_await yield(shard_);
  polls_.clear();
}

}  // namespace

std::unique_ptr<Resolver> Resolver::open(Shard& shard, const ResolverSettings& settings) {
  return std::make_unique<AresResolver>(shard, settings);
}

}  // namespace sluice
