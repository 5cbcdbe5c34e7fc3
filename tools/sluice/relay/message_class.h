// MessageClass: what kind of mail a message is. Decides its retry schedule, and which part of the
// spool it may use. The numbers stand in the spool's records.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::relay {

enum class MessageClass : std::uint8_t {
  bulk = 0,
  transactional = 1,
  dsn = 2,  // our own notifications: no client's message has it
};

inline constexpr std::array<std::string_view, 3> kMessageClassNames = {"bulk", "transactional",
                                                                       "dsn"};
// Those that a message may have that a client submits.
inline constexpr std::array<std::string_view, 2> kSubmittedClassNames = {"bulk", "transactional"};

constexpr std::string_view name_of(MessageClass klass) {
  return kMessageClassNames[static_cast<std::size_t>(klass)];
}

// Of a message that a client submits.
constexpr std::optional<MessageClass> parse_message_class(std::string_view name) {
  for (std::size_t i = 0; i < kSubmittedClassNames.size(); ++i) {
    if (kSubmittedClassNames[i] == name) return static_cast<MessageClass>(i);
  }
  return std::nullopt;
}

}  // namespace sluice::relay
