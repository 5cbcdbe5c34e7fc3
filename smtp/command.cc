#include "smtp/command.h"

#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "smtp/ascii.h"

namespace sluice::smtp {
namespace {

struct VerbName {
  Verb verb;
  std::string_view name;
};

constexpr auto kVerbs = std::to_array<VerbName>({
    {Verb::mail, "MAIL"},         {Verb::rcpt, "RCPT"},  {Verb::data, "DATA"},
    {Verb::bdat, "BDAT"},         {Verb::rset, "RSET"},  {Verb::ehlo, "EHLO"},
    {Verb::helo, "HELO"},         {Verb::quit, "QUIT"},  {Verb::noop, "NOOP"},
    {Verb::vrfy, "VRFY"},         {Verb::expn, "EXPN"},  {Verb::help, "HELP"},
    {Verb::starttls, "STARTTLS"}, {Verb::auth, "AUTH"},  {Verb::other, "ETRN"},
    {Verb::other, "TURN"},        {Verb::other, "ATRN"}, {Verb::other, "SEND"},
    {Verb::other, "SOML"},        {Verb::other, "SAML"}, {Verb::other, "BURL"},
    {Verb::other, "XCLIENT"},
});

constexpr std::string_view kBlanks = " \t";
constexpr std::size_t kSizeDigitsMax = 20;  // RFC 1870 §3

std::string_view without_blanks_before(std::string_view text) {
  const std::size_t start = text.find_first_not_of(kBlanks);
  return start == std::string_view::npos ? std::string_view() : text.substr(start);
}

std::string_view without_blanks_behind(std::string_view text) {
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

std::unexpected<Reply> refuse(int code, EnhancedStatus enhanced, std::string text) {
  return std::unexpected(reply(code, enhanced, std::move(text)));
}

// What follows "FROM:" or "TO:": the path with its brackets, and the parameters.
struct PathArgument {
  std::string_view path;
  std::string_view parameters;
};

// The bytes of a path with its brackets, 0 when it does not end. A ">" in quotes does not end it.
std::size_t path_bytes(std::string_view text) {
  bool is_quoted = false;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') is_quoted = !is_quoted;
    if (text[i] == '\\' && is_quoted)
      ++i;
    else if (text[i] == '>' && !is_quoted)
      return i + 1;
  }
  return 0;
}

// Blanks behind the colon are against RFC 5321 §3.3, but harmless and common among hand-written
// senders: they are skipped.
Parsed<PathArgument> split_path(std::string_view argument, std::string_view keyword,
                                std::string_view example) {
  if (!starts_ignoring_case(argument, keyword)) {
    return refuse(501, {5, 5, 4}, fmt::format("Syntax: {}", example));
  }
  const auto rest = without_blanks_before(argument.substr(keyword.size()));
  if (!rest.starts_with('<')) {
    return refuse(501, {5, 5, 4},
                  fmt::format("The address must stand in angle brackets: {}", example));
  }
  const std::size_t bytes = path_bytes(rest);
  if (bytes == 0) return refuse(501, {5, 5, 4}, fmt::format("The > is missing: {}", example));
  if (bytes < rest.size() && rest[bytes] != ' ') {
    return refuse(501, {5, 5, 4}, "A space must follow the > before parameters");
  }
  return PathArgument{.path = rest.substr(0, bytes),
                      .parameters = without_blanks_before(rest.substr(bytes))};
}

bool is_ascii(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  }
  return true;
}

// RFC 5321 §4.1.2: esmtp-param = esmtp-keyword ["=" esmtp-value]
struct Parameter {
  std::string_view keyword;
  std::optional<std::string_view> value;
};

bool is_keyword(std::string_view text) {
  if (text.empty() || text[0] == '-') return false;
  for (const char c : text) {
    if (!is_letter(c) && !is_digit(c) && c != '-') return false;
  }
  return true;
}

bool is_value(std::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (!is_visible(c) || c == '=') return false;
  }
  return true;
}

Parsed<Parameter> take_parameter(std::string_view& parameters) {
  const std::size_t end = parameters.find(' ');
  const auto text = parameters.substr(0, end);
  parameters = end == std::string_view::npos ? std::string_view()
                                             : without_blanks_before(parameters.substr(end));
  const std::size_t equals = text.find('=');
  Parameter parameter{.keyword = text.substr(0, equals), .value = std::nullopt};
  if (equals != std::string_view::npos) parameter.value = text.substr(equals + 1);
  if (!is_keyword(parameter.keyword) || (parameter.value && !is_value(*parameter.value))) {
    return refuse(501, {5, 5, 4}, "A parameter is malformed; the form is KEYWORD or KEYWORD=value");
  }
  return parameter;
}

// RFC 1870 §3: size-value = 1*20DIGIT. What 64 bits cannot hold is too large for anyone.
Parsed<std::uint64_t> parse_size(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const bool is_number = end == digits.data() + digits.size();
  if (!is_number || error == std::errc::invalid_argument || digits.size() > kSizeDigitsMax) {
    return refuse(501, {5, 5, 4}, "SIZE needs a number of bytes: SIZE=12345");
  }
  return error == std::errc::result_out_of_range ? UINT64_MAX : value;
}

Parsed<BodyType> parse_body_type(std::string_view value) {
  if (equal_ignoring_case(value, "7BIT")) return BodyType::seven_bit;
  if (equal_ignoring_case(value, "8BITMIME")) return BodyType::eight_bit_mime;
  if (equal_ignoring_case(value, "BINARYMIME")) {
    return refuse(504, {5, 5, 4}, "BODY=BINARYMIME is not offered here; use 8BITMIME or 7BIT");
  }
  return refuse(501, {5, 5, 4}, "BODY must be 7BIT or 8BITMIME");
}

Reply unknown_parameter(std::string_view command, std::string_view keyword) {
  return reply(555, {5, 5, 4},
               fmt::format("The parameter {} of {} is not offered here", keyword, command));
}

// Takes the value of a parameter that may stand once: nothing, or the refusal.
template <class T, class Parse>
std::optional<Reply> take_once(std::optional<T>& taken, const Parameter& parameter, Parse&& parse) {
  if (taken) return reply(501, {5, 5, 4}, fmt::format("{} is given twice", parameter.keyword));
  auto value = parse(parameter.value.value_or(""));
  if (!value) return std::move(value).error();
  taken = std::move(value).value();
  return std::nullopt;
}

// RFC 4954 §5: an address as xtext, or "<>".
Parsed<std::string> check_auth_parameter(std::string_view value) {
  if (value == "<>" || (!value.empty() && is_xtext(value))) return std::string();
  return refuse(501, {5, 5, 4}, "AUTH must be an address encoded as xtext, or <>");
}

// The parameters of one MAIL or RCPT, each at most once.
struct Parameters {
  std::optional<std::uint64_t> size;
  std::optional<BodyType> body;
  std::optional<ReturnContent> content;
  std::optional<std::string> envelope_id;
  std::optional<std::string> auth;
  std::optional<Notify> notify;
  std::optional<std::string> original_recipient;
};

std::optional<Reply> take_mail_parameter(const Parameter& parameter, Parameters& taken) {
  const auto is = [&](std::string_view name) {
    return equal_ignoring_case(parameter.keyword, name);
  };
  if (is("SIZE")) return take_once(taken.size, parameter, parse_size);
  if (is("BODY")) return take_once(taken.body, parameter, parse_body_type);
  if (is("RET")) return take_once(taken.content, parameter, parse_return_content);
  if (is("ENVID")) return take_once(taken.envelope_id, parameter, parse_envelope_id);
  if (is("AUTH")) return take_once(taken.auth, parameter, check_auth_parameter);
  return unknown_parameter("MAIL", parameter.keyword);
}

std::optional<Reply> take_recipient_parameter(const Parameter& parameter, Parameters& taken) {
  const auto is = [&](std::string_view name) {
    return equal_ignoring_case(parameter.keyword, name);
  };
  if (is("NOTIFY")) return take_once(taken.notify, parameter, parse_notify);
  if (is("ORCPT")) return take_once(taken.original_recipient, parameter, parse_original_recipient);
  return unknown_parameter("RCPT", parameter.keyword);
}

using TakeParameter = std::optional<Reply> (*)(const Parameter&, Parameters&);

Parsed<Parameters> take_parameters(std::string_view text, TakeParameter take) {
  Parameters taken;
  while (!text.empty()) {
    const auto parameter = take_parameter(text);
    if (!parameter) return std::unexpected(parameter.error());
    if (auto refusal = take(*parameter, taken)) return std::unexpected(*std::move(refusal));
  }
  return taken;
}

// RFC 3463: 5.1.7 for a bad sender, 5.1.3 for a bad recipient; RFC 6531 §3.5: 553 5.6.7 for
// addresses beyond ASCII where SMTPUTF8 is not offered.
Parsed<Address> read_path(std::string_view path, PathKind kind) {
  if (!is_ascii(path)) {
    return refuse(553, {5, 6, 7}, "Addresses must be ASCII; SMTPUTF8 is not offered here");
  }
  auto address = parse_path(path, kind);
  if (address) return std::move(address).value();
  const EnhancedStatus status =
      kind == PathKind::reverse ? EnhancedStatus{5, 1, 7} : EnhancedStatus{5, 1, 3};
  return refuse(501, status, address.error().sentence());
}

}  // namespace

std::string_view name_of(Verb verb) {
  if (verb == Verb::other) return "other";
  for (const auto& known : kVerbs) {
    if (known.verb == verb) return known.name;
  }
  return "unknown";
}

Command parse_command(std::string_view line) {
  line = without_blanks_behind(line);
  const std::size_t end = line.find(' ');
  const auto word = line.substr(0, end);
  const auto argument =
      end == std::string_view::npos ? std::string_view() : without_blanks_before(line.substr(end));
  for (const auto& known : kVerbs) {
    if (equal_ignoring_case(word, known.name)) return {.verb = known.verb, .argument = argument};
  }
  return {.verb = Verb::unknown, .argument = argument};
}

Parsed<std::string> parse_hello(std::string_view argument) {
  // RFC 2034 §4: replies to HELO and EHLO carry no enhanced code.
  if (argument.empty()) return refuse(501, {}, "Say who you are: EHLO host.example.com");
  bool is_word = argument.size() <= kDomainBytesMax;
  for (const char c : argument) is_word = is_word && is_visible(c);
  if (!is_word) return refuse(501, {}, "The name must be one word: EHLO host.example.com");
  return std::string(argument);
}

Parsed<MailCommand> parse_mail(std::string_view argument) {
  auto parts = split_path(argument, "FROM:", "MAIL FROM:<user@example.com>");
  if (!parts) return std::unexpected(std::move(parts).error());
  auto address = read_path(parts->path, PathKind::reverse);
  if (!address) return std::unexpected(std::move(address).error());

  auto taken = take_parameters(parts->parameters, take_mail_parameter);
  if (!taken) return std::unexpected(std::move(taken).error());
  return MailCommand{.reverse_path = std::move(address).value(),
                     .size = taken->size,
                     .body = taken->body.value_or(BodyType::seven_bit),
                     .dsn = {.content = taken->content.value_or(ReturnContent::unset),
                             .envelope_id = std::move(taken->envelope_id).value_or("")}};
}

Parsed<RecipientCommand> parse_recipient(std::string_view argument) {
  auto parts = split_path(argument, "TO:", "RCPT TO:<user@example.com>");
  if (!parts) return std::unexpected(std::move(parts).error());
  auto address = read_path(parts->path, PathKind::forward);
  if (!address) return std::unexpected(std::move(address).error());
  auto taken = take_parameters(parts->parameters, take_recipient_parameter);
  if (!taken) return std::unexpected(std::move(taken).error());
  return RecipientCommand{
      .recipient = std::move(address).value(),
      .dsn = {.notify = taken->notify.value_or(Notify::unset),
              .original_recipient = std::move(taken->original_recipient).value_or("")}};
}

Parsed<AuthCommand> parse_auth(std::string_view argument) {
  const std::size_t end = argument.find(' ');
  AuthCommand command{.mechanism = argument.substr(0, end), .initial_response = std::nullopt};
  if (command.mechanism.empty()) {
    return refuse(501, {5, 5, 4}, "Syntax: AUTH PLAIN or AUTH LOGIN");
  }
  if (end != std::string_view::npos) {
    command.initial_response = without_blanks_before(argument.substr(end));
  }
  return command;
}

Parsed<BdatCommand> parse_bdat(std::string_view argument) {
  const std::size_t end = argument.find(' ');
  const auto digits = argument.substr(0, end);
  const auto rest = end == std::string_view::npos ? std::string_view()
                                                  : without_blanks_before(argument.substr(end));
  std::uint64_t bytes = 0;
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bytes);
  if (error != std::errc() || stop != digits.data() + digits.size()) {
    return refuse(501, {5, 5, 4},
                  "Syntax: BDAT <bytes> [LAST]; closing, since the size is unknown");
  }
  const bool is_last = equal_ignoring_case(rest, "LAST");
  return BdatCommand{
      .chunk_bytes = bytes, .is_last = is_last, .has_junk = !rest.empty() && !is_last};
}

}  // namespace sluice::smtp
