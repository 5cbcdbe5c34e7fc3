// AuthenticationExchange: the server's side of AUTH PLAIN (RFC 4616) and AUTH LOGIN (the draft that
// old clients speak), up to the credentials. Whether they are right is another's matter.
//
// Bounded by the length of command lines. What was said is wiped. Pure: no I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "smtp/credentials.h"
#include "smtp/reply.h"

namespace sluice::smtp {

// RFC 4616 §2 asks for 255 bytes of each.
inline constexpr std::size_t kUserBytesMax = 255;
inline constexpr std::size_t kPasswordBytesMax = 1024;

enum class Mechanism : std::uint8_t { plain, login };

// "PLAIN LOGIN": what EHLO says behind AUTH.
inline constexpr std::string_view kMechanismNames = "PLAIN LOGIN";

// Of a name in any case; nothing for one that is not spoken here.
std::optional<Mechanism> parse_mechanism(std::string_view name);

class AuthenticationExchange {
 public:
  explicit AuthenticationExchange(Mechanism mechanism) : mechanism_(mechanism) {}
  ~AuthenticationExchange();

  // The 334 that asks for what comes next.
  Reply challenge() const;

  // A line of the client, or the initial response of AUTH. The refusal that ends the exchange, if
  // there is one: "*" gives it up (RFC 4954 §4).
  std::optional<Reply> respond(std::string_view line);
  // "AUTH PLAIN =" says that the first response is empty.
  std::optional<Reply> respond_first(std::string_view text);

  bool is_complete() const { return is_complete_; }
  Credentials take();

 private:
  std::optional<Reply> take_plain(std::string message);
  std::optional<Reply> take_login(std::string word);

  Mechanism mechanism_;
  std::string user_;
  std::string password_;
  bool has_user_ = false;
  bool is_complete_ = false;
};

}  // namespace sluice::smtp
