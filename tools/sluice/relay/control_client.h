// ControlClient: a command's connection to the running relay. Blocking; used by the subcommands
// only.
#pragma once

#include <optional>
#include <string>

#include "core/error.h"
#include "core/units.h"
#include "relay/control_protocol.h"

namespace sluice::relay {

inline constexpr std::size_t kControlAnswerBytesMax = 256 * 1024 * 1024;

class ControlClient {
 public:
  // The Error says where it looked and what to do.
  static Result<ControlClient> connect(const std::string& path);
  ControlClient(ControlClient&& other) noexcept;
  ControlClient& operator=(ControlClient&&) = delete;
  ~ControlClient();

  Result<void> send(const ControlRequest& request);

  // The next line of the answer, without its end; nothing when the relay closed the connection.
  Result<std::optional<std::string>> read_line();

  // Returns true when nobody listens at the path any more, false when that takes longer.
  static bool wait_until_gone(const std::string& path, Duration longest);

 private:
  explicit ControlClient(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
  std::string received_;
};

}  // namespace sluice::relay
