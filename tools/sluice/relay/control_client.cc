#include "relay/control_client.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "core/assert.h"

namespace sluice::relay {
namespace {

constexpr Duration kLookAgain = std::chrono::milliseconds(20);

Error no_relay(const std::string& path, int number) {
  const Error reason = system_error("connect", number);
  return Error(ErrorCode::refused,
               fmt::format("no relay answers at {} ({}): start one with `sluice serve`, or name "
                           "its socket with --socket, its spool with --spool or its file with "
                           "--config",
                           path, reason.sentence()));
}

// A connected descriptor, or the negative errno.
int open_connection(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return -ENAMETOOLONG;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -errno;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the sockets API asks for it
  if (connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return descriptor;
  }
  const int reason = errno;
  close(descriptor);
  return -reason;
}

}  // namespace

Result<ControlClient> ControlClient::connect(const std::string& path) {
  const int descriptor = open_connection(path);
  if (descriptor < 0) return std::unexpected(no_relay(path, -descriptor));
  return ControlClient(descriptor);
}

ControlClient::ControlClient(ControlClient&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), received_(std::move(other.received_)) {}

ControlClient::~ControlClient() {
  if (descriptor_ >= 0) close(descriptor_);
}

Result<void> ControlClient::send(const ControlRequest& request) {
  const std::string line = encode(request);
  std::string_view rest = line;
  while (!rest.empty()) {
    const auto sent = ::send(descriptor_, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return std::unexpected(system_error("asking the relay", errno));
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

Result<std::optional<std::string>> ControlClient::read_line() {
  std::array<char, 64 * 1024> block;
  std::size_t searched = 0;
  for (;;) {
    const auto end = received_.find('\n', searched);
    if (end != std::string::npos) {
      std::string line = received_.substr(0, end);
      received_.erase(0, end + 1);
      return line;
    }
    searched = received_.size();
    if (searched > kControlAnswerBytesMax) return fail(ErrorCode::limit_exceeded, "endless answer");
    const auto count = recv(descriptor_, block.data(), block.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::unexpected(system_error("reading the relay's answer", errno));
    if (count == 0) return std::nullopt;
    received_.append(block.data(), static_cast<std::size_t>(count));
  }
}

bool ControlClient::wait_until_gone(const std::string& path, Duration longest) {
  for (Duration waited{0}; waited < longest; waited += kLookAgain) {
    const int descriptor = open_connection(path);
    if (descriptor < 0) return true;
    close(descriptor);
    std::this_thread::sleep_for(kLookAgain);
  }
  return false;
}

}  // namespace sluice::relay
