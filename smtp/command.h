// Command: the lines that an SMTP client sends (RFC 5321 §4.1), taken apart.
//
// First the verb, then the argument of the verb, so that a session can look at the order of
// commands before it looks at their arguments. What is wrong with an argument is told as the Reply
// that refuses it, in words for the developer of the sender.
// Pure: no I/O, no state.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "smtp/address.h"
#include "smtp/body_type.h"
#include "smtp/dsn_parameters.h"
#include "smtp/reply.h"

namespace sluice::smtp {

enum class Verb : std::uint8_t {
  helo,
  ehlo,
  mail,
  rcpt,
  data,
  bdat,
  rset,
  noop,
  vrfy,
  expn,
  quit,
  help,
  starttls,
  auth,
  other,  // known to some RFC, but not spoken here: ETRN, TURN, ...
  unknown,
};

// "MAIL"; for what is not spoken, "other" and "unknown".
std::string_view name_of(Verb verb);

struct Command {
  Verb verb;
  std::string_view argument;  // into the line, without blanks around it
};

// Splits a line, which comes without its CRLF. The verb counts in any case (RFC 5321 §2.4), blanks
// at the end of the line do not (§4.1.1).
Command parse_command(std::string_view line);

// What a command says, or the reply that refuses it.
template <class T>
using Parsed = std::expected<T, Reply>;

// HELO and EHLO (RFC 5321 §4.1.1.1): the name of the client, as it wrote it. Any visible word is
// taken: the name only serves the trace, and senders with odd names are no worse for them.
Parsed<std::string> parse_hello(std::string_view argument);

// MAIL FROM:<reverse-path> SIZE= BODY= RET= ENVID= AUTH= (RFC 5321 §4.1.1.2, RFC 1870, RFC 6152,
// RFC 3461). What AUTH= says is checked and dropped: no client is trusted to vouch for another
// user, which RFC 4954 §5 answers by behaving as after AUTH=<>.
struct MailCommand {
  Address reverse_path;
  std::optional<std::uint64_t> size;  // in bytes; what 64 bits cannot hold is their largest number
  BodyType body = BodyType::seven_bit;
  MessageDsn dsn = {};
};
Parsed<MailCommand> parse_mail(std::string_view argument);

// RCPT TO:<forward-path> NOTIFY= ORCPT= (RFC 5321 §4.1.1.3, RFC 3461).
struct RecipientCommand {
  Address recipient;
  RecipientDsn dsn = {};
};
Parsed<RecipientCommand> parse_recipient(std::string_view argument);

// AUTH mechanism [initial-response] (RFC 4954 §4). Both point into the argument.
struct AuthCommand {
  std::string_view mechanism;
  std::optional<std::string_view> initial_response;
};
Parsed<AuthCommand> parse_auth(std::string_view argument);

// BDAT chunk-size [LAST] (RFC 3030 §2).
struct BdatCommand {
  std::uint64_t chunk_bytes;  // they follow the line, whatever is wrong with the rest of it
  bool is_last;
  bool has_junk;  // something other than LAST follows the size
};
// A refusal here means that the size is unknown: nobody can tell where the next command begins.
Parsed<BdatCommand> parse_bdat(std::string_view argument);

}  // namespace sluice::smtp
