#include "bench/sink_dialogue.h"

#define XXH_STATIC_LINKING_ONLY  // for XXH3_state_t as a member
#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "bench/load_message.h"
#include "smtp/ascii.h"

namespace sluice::bench {
namespace {

constexpr std::size_t kLineBytesMax = 4096;
constexpr std::size_t kHeaderBytesMax = 16 * 1024;

// "FROM:<a@b> SIZE=1" without "FROM:<" and from ">" on. Null when the form is another.
const char* path_in(std::string_view argument, std::string_view keyword, std::string& path) {
  if (argument.size() < keyword.size() + 2) return nullptr;
  if (!smtp::equal_ignoring_case(argument.substr(0, keyword.size()), keyword)) return nullptr;
  argument.remove_prefix(keyword.size());
  while (argument.starts_with(' ')) argument.remove_prefix(1);
  const std::size_t end = argument.find('>');
  if (!argument.starts_with('<') || end == std::string_view::npos) return nullptr;
  path = argument.substr(1, end - 1);
  return argument.data() + end + 1;
}

Result<SinkStage> parse_stage(std::string_view name) {
  constexpr std::array<std::string_view, 6> kNames = {"connect", "ehlo", "mail",
                                                      "rcpt",    "data", "final"};
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("{}: found, expected connect, ehlo, mail, rcpt, data or final", name));
  }
  return static_cast<SinkStage>(found - kNames.begin());
}

}  // namespace

Result<ReplyRule> ReplyRule::parse(std::string_view text) {
  const std::size_t first = text.find(':');
  const std::size_t last = text.rfind(':');
  if (first == std::string_view::npos || last == first || !text.ends_with('%')) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("--reply {}: expected STAGE:REPLY:PERCENT%, for example "
                            "rcpt:451 4.7.1 try later:5%",
                            text));
  }
  SLUICE_TRY(stage, parse_stage(text.substr(0, first)));
  const std::string percent(text.substr(last + 1, text.size() - last - 2));
  char* end = nullptr;
  const double value = std::strtod(percent.c_str(), &end);
  const std::string reply(text.substr(first + 1, last - first - 1));
  const bool is_valid = end != percent.c_str() && *end == '\0' && value >= 0 && value <= 100 &&
                        reply.size() >= 3 && (reply[0] == '4' || reply[0] == '5');
  if (!is_valid) {
    return fail(ErrorCode::invalid_argument,
                fmt::format("--reply {}: expected a 4xx or 5xx reply and 0% to 100%", text));
  }
  return ReplyRule{.stage = stage, .reply = reply, .probability = value / 100};
}

std::string_view name_of(Violation violation) {
  constexpr std::array<std::string_view, kViolations> kNames = {"unknown_command",
                                                                "bad_sequence",
                                                                "nested_mail",
                                                                "bare_newline",
                                                                "unadvertised_pipelining",
                                                                "early_data",
                                                                "too_long_line",
                                                                "sender_mismatch",
                                                                "corrupt_body"};
  return kNames[static_cast<std::size_t>(violation)];
}

struct MessageCheck::Sum {
  XXH3_state_t state;
};

MessageCheck::MessageCheck() : sum_(std::make_unique<Sum>()) { XXH3_64bits_reset(&sum_->state); }
MessageCheck::~MessageCheck() = default;

void MessageCheck::reset() {
  header_.clear();
  in_body_ = false;
  size_ = 0;
  XXH3_64bits_reset(&sum_->state);
}

void MessageCheck::add(std::string_view bytes) {
  size_ += bytes.size();
  if (!in_body_) {
    const std::size_t before = header_.size();
    header_ += bytes.substr(0, kHeaderBytesMax - std::min(kHeaderBytesMax, before));
    const std::size_t end = header_.find("\r\n\r\n", before > 3 ? before - 3 : 0);
    if (end == std::string::npos) return;
    bytes.remove_prefix(end + 4 - before);
    header_.resize(end + 4);
    in_body_ = true;
  }
  XXH3_64bits_update(&sum_->state, bytes.data(), bytes.size());
}

std::uint64_t MessageCheck::checksum() const { return XXH3_64bits_digest(&sum_->state); }

SinkDialogue::SinkDialogue(const SinkSettings& settings, const Clock& clock, Random& random,
                           SinkCounters& counters, Ledger& ledger)
    : settings_(settings), clock_(clock), random_(random), counters_(counters), ledger_(ledger) {}

bool SinkDialogue::is_refused(SinkStage stage, std::string& output) {
  for (const ReplyRule& rule : settings_.rules) {
    if (rule.stage != stage || random_.fraction() >= rule.probability) continue;
    output += rule.reply;
    output += "\r\n";
    ++counters_.refused;
    if (rule.reply.starts_with("421")) is_over_ = true;
    return true;
  }
  return false;
}

void SinkDialogue::greet(std::string& output) {
  ++counters_.connections;
  if (is_refused(SinkStage::connect, output)) {
    is_over_ = true;
    return;
  }
  output += "220 sink.example ESMTP sluice-sink\r\n";
}

std::size_t SinkDialogue::take(std::string_view input, std::string& output) {
  std::size_t taken = 0;
  // A chunk of no bytes ends without input.
  while ((taken < input.size() || (mode_ == Mode::chunk && chunk_left_ == 0)) && !is_over_ &&
         !wants_tls_) {
    const std::string_view rest = input.substr(taken);
    const Mode mode = mode_;
    const std::size_t step = mode == Mode::commands ? take_command(rest, output)
                             : mode == Mode::data   ? take_data(rest, output)
                                                    : take_chunk(rest, output);
    taken += step;
    if (step == 0 && mode_ == mode) break;
  }
  return taken;
}

std::size_t SinkDialogue::take_command(std::string_view input, std::string& output) {
  const std::size_t newline = input.find('\n');
  if (newline == std::string_view::npos) {
    if (input.size() < kLineBytesMax) return 0;
    count(Violation::too_long_line);
    output += "500 5.5.6 Line too long\r\n";
    return input.size();
  }
  const bool has_return = newline > 0 && input[newline - 1] == '\r';
  if (!has_return) count(Violation::bare_newline);
  command(input.substr(0, has_return ? newline - 1 : newline), output);
  const bool more = newline + 1 < input.size();
  if (more && mode_ == Mode::data) count(Violation::early_data);
  if (more && mode_ == Mode::commands && !settings_.offers_pipelining) {
    count(Violation::unadvertised_pipelining);
  }
  return newline + 1;
}

void SinkDialogue::command(std::string_view line, std::string& output) {
  const std::size_t space = line.find(' ');
  const std::string_view verb = line.substr(0, space);
  const std::string_view argument =
      space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
  if (smtp::equal_ignoring_case(verb, "MAIL")) return mail(argument, output);
  if (smtp::equal_ignoring_case(verb, "RCPT")) return recipient(argument, output);
  if (smtp::equal_ignoring_case(verb, "BDAT")) return chunk(argument, output);
  if (smtp::equal_ignoring_case(verb, "DATA")) return data(output);
  if (smtp::equal_ignoring_case(verb, "RSET")) {
    end_transaction();
    output += "250 2.0.0 Ok\r\n";
    return;
  }
  if (smtp::equal_ignoring_case(verb, "EHLO") || smtp::equal_ignoring_case(verb, "HELO")) {
    return hello(verb, output);
  }
  if (smtp::equal_ignoring_case(verb, "STARTTLS")) return start_tls(output);
  if (smtp::equal_ignoring_case(verb, "NOOP")) {
    output += "250 2.0.0 Ok\r\n";
    return;
  }
  if (smtp::equal_ignoring_case(verb, "QUIT")) {
    output += "221 2.0.0 Bye\r\n";
    is_over_ = true;
    return;
  }
  count(Violation::unknown_command);
  output += "500 5.5.2 Unknown command\r\n";
}

void SinkDialogue::start_tls(std::string& output) {
  if (!settings_.offers_starttls || is_secured_) {
    count(Violation::bad_sequence);
    output += "503 5.5.1 STARTTLS is not offered\r\n";
    return;
  }
  output += "220 2.0.0 Go on\r\n";
  wants_tls_ = true;
}

void SinkDialogue::secured() {
  end_transaction();
  wants_tls_ = false;
  is_secured_ = true;
}

void SinkDialogue::hello(std::string_view verb, std::string& output) {
  if (is_refused(SinkStage::ehlo, output)) return;
  end_transaction();
  if (smtp::equal_ignoring_case(verb, "HELO")) {
    output += "250 sink.example\r\n";
    return;
  }
  output += "250-sink.example\r\n";
  if (settings_.offers_pipelining) output += "250-PIPELINING\r\n";
  if (settings_.offers_chunking) output += "250-CHUNKING\r\n";
  if (settings_.offers_eight_bit_mime) output += "250-8BITMIME\r\n";
  if (settings_.size != 0) output += fmt::format("250-SIZE {}\r\n", settings_.size);
  if (settings_.offers_enhanced_status_codes) output += "250-ENHANCEDSTATUSCODES\r\n";
  if (settings_.offers_starttls && !is_secured_) output += "250-STARTTLS\r\n";
  output += "250 HELP\r\n";
}

void SinkDialogue::mail(std::string_view argument, std::string& output) {
  if (has_mail_) {
    count(Violation::nested_mail);
    if (settings_.keeps_mail) {
      output += "503 5.5.1 Sender already given\r\n";
      return;
    }
    end_transaction();
  }
  std::string path;
  if (path_in(argument, "FROM:", path) == nullptr) {
    count(Violation::unknown_command);
    output += "501 5.5.4 Syntax: MAIL FROM:<address>\r\n";
    return;
  }
  const bool is_over_limit =
      settings_.messages_per_connection != 0 && messages_ >= settings_.messages_per_connection;
  if (is_over_limit) {
    output += "421 4.7.0 Too many messages in this connection\r\n";
    ++counters_.refused;
    is_over_ = true;
    return;
  }
  if (is_refused(SinkStage::mail, output)) return;
  has_mail_ = true;
  reverse_path_ = std::move(path);
  output += "250 2.1.0 Ok\r\n";
}

void SinkDialogue::recipient(std::string_view argument, std::string& output) {
  if (!has_mail_) {
    output += "503 5.5.1 MAIL first\r\n";
    return;
  }
  std::string path;
  if (path_in(argument, "TO:", path) == nullptr) {
    count(Violation::unknown_command);
    output += "501 5.5.4 Syntax: RCPT TO:<address>\r\n";
    return;
  }
  const bool is_over_limit = settings_.recipients_per_message != 0 &&
                             recipients_.size() >= settings_.recipients_per_message;
  if (is_over_limit) {
    output += "452 4.5.3 Too many recipients\r\n";
    return;
  }
  if (is_refused(SinkStage::rcpt, output)) return;
  recipients_.push_back(std::move(path));
  output += "250 2.1.5 Ok\r\n";
}

void SinkDialogue::data(std::string& output) {
  if (!has_mail_ || recipients_.empty()) {
    output += has_mail_ ? "554 5.5.1 No valid recipients\r\n" : "503 5.5.1 MAIL first\r\n";
    return;
  }
  if (has_chunks_) {
    count(Violation::bad_sequence);
    output += "503 5.5.1 BDAT has begun\r\n";
    return;
  }
  if (is_refused(SinkStage::data, output)) return;
  mode_ = Mode::data;
  at_line_start_ = true;
  output += "354 Go on\r\n";
}

// The end is CRLF.CRLF; a dot that begins a line is dropped. Partial lines wait for their end, so
// that one find per line is all the state there is.
std::size_t SinkDialogue::take_data(std::string_view input, std::string& output) {
  std::size_t taken = 0;
  while (taken < input.size()) {
    std::string_view rest = input.substr(taken);
    std::size_t dots = 0;
    if (at_line_start_ && rest.starts_with('.')) {
      if (rest.size() < 3) break;
      if (rest.starts_with(".\r\n")) {
        mode_ = Mode::commands;
        finish(output);
        return taken + 3;
      }
      rest.remove_prefix(1);
      dots = 1;
    }
    const void* newline = std::memchr(rest.data(), '\n', rest.size());
    const std::size_t length =
        newline == nullptr
            ? rest.size()
            : static_cast<std::size_t>(static_cast<const char*>(newline) - rest.data()) + 1;
    if (newline == nullptr && length < kLineBytesMax) break;
    const bool is_line = newline != nullptr && length >= 2 && rest[length - 2] == '\r';
    if (newline != nullptr && !is_line) count(Violation::bare_newline);
    at_line_start_ = is_line;
    check_.add(rest.substr(0, length));
    taken += dots + length;
  }
  return taken;
}

void SinkDialogue::chunk(std::string_view argument, std::string& output) {
  const std::size_t space = argument.find(' ');
  const std::string_view digits = argument.substr(0, space);
  std::uint64_t length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.empty()) {
    count(Violation::unknown_command);
    output += "501 5.5.4 Syntax: BDAT size [LAST]\r\n";
    is_over_ = true;
    return;
  }
  mode_ = Mode::chunk;
  chunk_left_ = length;
  chunk_is_last_ = space != std::string_view::npos &&
                   smtp::equal_ignoring_case(argument.substr(space + 1), "LAST");
  chunk_counts_ = has_mail_ && !recipients_.empty();
}

std::size_t SinkDialogue::take_chunk(std::string_view input, std::string& output) {
  const std::size_t length =
      static_cast<std::size_t>(std::min<std::uint64_t>(chunk_left_, input.size()));
  if (chunk_counts_) check_.add(input.substr(0, length));
  chunk_left_ -= length;
  if (chunk_left_ > 0) return length;
  mode_ = Mode::commands;
  if (!chunk_counts_) {
    output += "503 5.5.1 No valid recipients\r\n";
    if (!settings_.keeps_mail) end_transaction();
    return length;
  }
  has_chunks_ = true;
  if (chunk_is_last_) {
    finish(output);
  } else {
    output += "250 2.0.0 Ok\r\n";
  }
  return length;
}

void SinkDialogue::finish(std::string& output) {
  if (settings_.size != 0 && check_.size() > settings_.size) {
    output += "552 5.3.4 Message too big\r\n";
    ++counters_.refused;
  } else if (!is_refused(SinkStage::final, output)) {
    deliver();
    output += "250 2.0.0 Ok\r\n";
  }
  end_transaction();
}

void SinkDialogue::deliver() {
  const LoadHeader header = read_load_header(check_.header());
  ++messages_;
  if (!header.id.empty() && header.sender != reverse_path_) count(Violation::sender_mismatch);
  if (header.has_checksum && header.checksum != check_.checksum()) count(Violation::corrupt_body);
  for (const std::string& recipient : recipients_) {
    ledger_.write("received", header.id, recipient, reverse_path_);
  }
  count_message(header);
}

void SinkDialogue::count_message(const LoadHeader& header) {
  if (counters_.warm_up_messages < settings_.warm_up) {
    ++counters_.warm_up_messages;
    return;
  }
  ++counters_.messages;
  counters_.recipients += recipients_.size();
  counters_.bytes += check_.size();
  const Instant now = clock_.now();
  counters_.first = std::min(counters_.first, now);
  counters_.last = now;
  if (header.sent_at != 0) counters_.latency.observe(now - Instant(header.sent_at));
}

void SinkDialogue::end_transaction() {
  has_mail_ = false;
  has_chunks_ = false;
  reverse_path_.clear();
  recipients_.clear();
  check_.reset();
}

}  // namespace sluice::bench
