#include "relay/host_resolver.h"

#include <netdb.h>
#include <sys/socket.h>

#include <cstring>

#include "core/completion.h"

namespace sluice::relay {
namespace {

constexpr Duration kKept = std::chrono::minutes(1);
constexpr std::size_t kAddressesMax = 16;

std::vector<Endpoint> with_port(const std::vector<IpAddress>& addresses, std::uint16_t port) {
  std::vector<Endpoint> endpoints;
  for (const IpAddress& address : addresses) endpoints.push_back(Endpoint{address, port});
  return endpoints;
}

}  // namespace

// Lies in the frame of the task that waits, which cannot be cancelled meanwhile.
struct HostResolver::Request {
  Request(Shard& asking, std::string host) : shard(asking), name(std::move(host)), done(asking) {}
  Shard& shard;
  std::string name;
  Completion<Result<std::vector<IpAddress>>> done;
};

HostResolver::HostResolver(ShardGroup& shards)
    : shards_(shards), worker_(executor_.start("resolver", [this] { return step(); })) {}

HostResolver::~HostResolver() { worker_->stop(); }

Task<Result<std::vector<Endpoint>>> HostResolver::resolve(Shard& shard, SmartHost host) {
  if (auto address = IpAddress::parse(host.host)) {
    co_return std::vector<Endpoint>(1, Endpoint{*address, host.port});
  }
  {
    const std::lock_guard lock(mutex_);
    const auto known = known_.find(host.host);
    if (known != known_.end() && known->second.until > clock_.now()) {
      co_return with_port(known->second.addresses, host.port);
    }
  }
  Request request(shard, host.host);
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(&request);
  }
  worker_->wake();
  SLUICE_CO_TRY(addresses, co_await request.done.wait());
  co_return with_port(addresses, host.port);
}

Instant HostResolver::step() {
  std::vector<Request*> requests;
  {
    const std::lock_guard lock(mutex_);
    requests.swap(requests_);
  }
  for (Request* request : requests) {
    auto addresses = look_up(request->name);
    shards_.post(request->shard.id(), [request, addresses = std::move(addresses)]() mutable {
      request->done.complete(std::move(addresses));
    });
  }
  return Instant::far_future();
}

// Several connections that open together ask together: the first answer serves them all. When the
// resolver fails, the last answer is better than none.
Result<std::vector<IpAddress>> HostResolver::look_up(const std::string& name) {
  std::vector<IpAddress> last;
  {
    const std::lock_guard lock(mutex_);
    const auto known = known_.find(name);
    if (known != known_.end()) last = known->second.addresses;
    if (known != known_.end() && known->second.until > clock_.now()) return last;
  }
  auto addresses = ask_system(name);
  if (!addresses && last.empty()) return addresses;
  if (!addresses) addresses = std::move(last);
  const std::lock_guard lock(mutex_);
  known_.insert_or_assign(name, Known{.addresses = *addresses, .until = clock_.now() + kKept});
  return addresses;
}

Result<std::vector<IpAddress>> HostResolver::ask_system(const std::string& name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int status = getaddrinfo(name.c_str(), nullptr, &hints, &found);
  if (status != 0) {
    return fail(ErrorCode::not_found, "no address of " + name + ": " + gai_strerror(status));
  }
  std::vector<IpAddress> addresses;
  for (addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    sockaddr_storage storage{};
    std::memcpy(&storage, entry->ai_addr, entry->ai_addrlen);
    auto endpoint = Endpoint::from_sockaddr(storage);
    if (endpoint && addresses.size() < kAddressesMax) addresses.push_back(endpoint->address);
  }
  freeaddrinfo(found);
  if (addresses.empty()) return fail(ErrorCode::not_found, "no address of " + name);
  return addresses;
}

}  // namespace sluice::relay
