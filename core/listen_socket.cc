#include "core/listen_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "core/descriptor.h"

namespace sluice {

namespace {

constexpr int kBacklog = 4096;

const sockaddr* generic(const sockaddr_storage& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

Error bind_error(const std::string& where, int number) {
  const std::string listen = "cannot listen on " + where + ": ";
  switch (number) {
    case EADDRINUSE:
      return Error(ErrorCode::refused,
                   listen +
                       "the port is taken, another program listens there; stop it (`ss -ltnp` "
                       "shows which) or choose another port");
    case EACCES:
      return Error(ErrorCode::refused,
                   listen +
                       "not permitted; ports below 1024 need root or the capability "
                       "CAP_NET_BIND_SERVICE");
    case EADDRNOTAVAIL:
      return Error(ErrorCode::refused,
                   listen + "this machine has no such address (`ip address` shows those it has)");
    case EAFNOSUPPORT:
      return Error(ErrorCode::refused, listen + "this machine does not speak that IP version");
    default:
      return system_error("cannot listen on " + where, number);
  }
}

// A descriptor, or a negative errno.
int try_listen_at(const Endpoint& endpoint) {
  const int family = endpoint.address.is_v4() ? AF_INET : AF_INET6;
  const int descriptor = socket(family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
  if (descriptor < 0) return -errno;
  const int on = 1;
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  // [::] and 0.0.0.0 are two addresses to us, and may both be listened on.
  if (family == AF_INET6) setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  sockaddr_storage address{};
  const socklen_t length = endpoint.to_sockaddr(address);
  if (bind(descriptor, generic(address), length) == 0 && listen(descriptor, kBacklog) == 0)
    return descriptor;
  const int number = errno;
  close_descriptor(descriptor);
  return -number;
}

// The port of a process that was killed is free when the kernel has ended its io_uring, some
// milliseconds after the process.
Result<int> listen_at(const Endpoint& endpoint) {
  constexpr auto kPause = std::chrono::milliseconds(10);
  constexpr int kTries = 50;
  int descriptor = try_listen_at(endpoint);
  for (int tried = 1; descriptor == -EADDRINUSE && tried < kTries; ++tried) {
    std::this_thread::sleep_for(kPause);
    descriptor = try_listen_at(endpoint);
  }
  if (descriptor < 0) return std::unexpected(bind_error(endpoint.to_string(), -descriptor));
  return descriptor;
}

Result<Endpoint> own_endpoint(int descriptor) {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  if (getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    return std::unexpected(system_error("getsockname", errno));
  return Endpoint::from_sockaddr(address);
}

// True when somebody answers at the path: then it is not ours to remove.
bool is_listened_on(const sockaddr_storage& address, socklen_t length) {
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return true;
  const bool is_answered = connect(descriptor, generic(address), length) == 0 || errno == EAGAIN;
  close_descriptor(descriptor);
  return is_answered;
}

bool is_socket(const std::string& path) {
  struct stat status{};
  return lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
}

Result<void> bind_path(int descriptor, const std::string& path, const sockaddr_storage& address) {
  constexpr socklen_t kLength = sizeof(sockaddr_un);
  if (bind(descriptor, generic(address), kLength) == 0) return {};
  if (errno != EADDRINUSE) return std::unexpected(system_error("cannot listen on " + path, errno));
  if (!is_socket(path))
    return fail(ErrorCode::already_exists,
                "cannot listen on " + path +
                    ": a file that is no socket is there; choose another "
                    "path or remove it");
  if (is_listened_on(address, kLength))
    return fail(ErrorCode::refused, "cannot listen on " + path +
                                        ": another process listens there; "
                                        "stop it or choose another path");
  unlink(path.c_str());
  if (bind(descriptor, generic(address), kLength) == 0) return {};
  return std::unexpected(system_error("cannot listen on " + path, errno));
}

Result<void> listen_at_path(int descriptor, const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  sockaddr_storage storage{};
  std::memcpy(&storage, &address, sizeof(address));
  if (auto bound = bind_path(descriptor, path, storage); !bound) return bound;
  // Before it listens nobody can connect, so no moment is open to everyone.
  if (chmod(path.c_str(), 0660) == 0 && listen(descriptor, kBacklog) == 0) return {};
  const int number = errno;
  unlink(path.c_str());
  return std::unexpected(system_error("cannot listen on " + path, number));
}

}  // namespace

ListenSocket::ListenSocket(int descriptor, Endpoint endpoint, std::string path)
    : descriptor_(descriptor), endpoint_(endpoint), path_(std::move(path)) {}

ListenSocket::ListenSocket(ListenSocket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      endpoint_(other.endpoint_),
      path_(std::exchange(other.path_, {})) {}

ListenSocket::~ListenSocket() {
  if (descriptor_ < 0) return;
  close_descriptor(descriptor_);
  if (!path_.empty()) unlink(path_.c_str());
}

Result<ListenSocket> ListenSocket::bind_tcp(const Endpoint& endpoint) {
  SLUICE_TRY(descriptor, listen_at(endpoint));
  auto bound = own_endpoint(descriptor);
  if (bound) return ListenSocket(descriptor, *bound, {});
  close_descriptor(descriptor);
  return std::unexpected(std::move(bound).error());
}

Result<ListenSocket> ListenSocket::bind_unix(const std::string& path) {
  if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path))
    return fail(ErrorCode::invalid_argument,
                "cannot listen on " + path + ": the path of a socket has 1 to " +
                    std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " bytes");
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return std::unexpected(system_error("socket", errno));
  if (auto listening = listen_at_path(descriptor, path); !listening) {
    close_descriptor(descriptor);
    return std::unexpected(std::move(listening).error());
  }
  return ListenSocket(descriptor, Endpoint{IpAddress::v4(0), 0}, path);
}

}  // namespace sluice
