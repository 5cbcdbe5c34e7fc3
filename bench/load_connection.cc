#include "bench/load_connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "smtp/client_opening.h"
#include "smtp/reply.h"

namespace sluice::bench {
namespace {

constexpr Duration kPatience = std::chrono::minutes(2);  // for a reply
constexpr Duration kRetryFirst = std::chrono::milliseconds(20);
constexpr Duration kRetryMax = std::chrono::seconds(1);

// What EHLO offered decides how messages travel.
LoadMode best_mode(std::string_view extensions) {
  const bool pipelines = extensions.find("PIPELINING") != std::string_view::npos;
  const bool chunks = extensions.find("CHUNKING") != std::string_view::npos;
  if (pipelines && chunks) return LoadMode::chunking;
  return pipelines ? LoadMode::pipelining : LoadMode::plain;
}

// The message as DATA carries it: dots doubled, CRLF at the end, and the lone dot.
std::string dot_stuffed(std::string_view message) {
  std::string out;
  out.reserve(message.size() + message.size() / 64 + 5);
  if (message.starts_with('.')) out += '.';
  std::size_t begin = 0;
  for (std::size_t dot = 0; (dot = message.find("\n.", begin)) != std::string_view::npos;) {
    out += message.substr(begin, dot + 1 - begin);
    out += '.';
    begin = dot + 1;
  }
  out += message.substr(begin);
  if (!message.ends_with("\r\n")) out += "\r\n";
  out += ".\r\n";
  return out;
}

bool is_accepting(int code) { return code >= 200 && code < 400; }

}  // namespace

LoadConnection::LoadConnection(Shard& shard, const ConnectionSettings& settings, LoadPlan& plan,
                               LoadCounters& counters, Ledger& ledger)
    : shard_(shard), settings_(settings), plan_(plan), counters_(counters), ledger_(ledger) {}

Task<void> LoadConnection::run() {
  Duration pause = kRetryFirst;
  Instant last_success = shard_.clock().now();
  while (!plan_.is_exhausted()) {
    auto opened = co_await open();
    if (opened) {
      pause = kRetryFirst;
      // A connection that breaks is replaced; what was in flight is told as unknown.
      [[maybe_unused]] const auto ended = co_await submit_batches();
      lose_batch();
      last_success = shard_.clock().now();
    } else {
      ++counters_.connection_failures;
    }
    if (stream_ != nullptr) co_await stream_->close();
    stream_.reset();
    if (opened) continue;
    if (shard_.clock().now() - last_success > settings_.give_up) co_return;
    const Deadline until = Deadline::in(shard_.clock(), pause);
    if (!co_await sleep_until(shard_, until)) co_return;
    pause = std::min(pause * 2, kRetryMax);
  }
}

Task<Result<void>> LoadConnection::open() {
  const Deadline deadline = Deadline::in(shard_.clock(), kPatience);
  SLUICE_CO_TRY(stream, co_await connect_tcp(shard_, settings_.to, nullptr, deadline));
  stream_ = std::make_unique<tls::SecurableStream>(shard_, std::move(stream));
  if (settings_.security == LoadSecurity::implicit) {
    auto secured = co_await secure();
    if (!secured) co_return secured;
  }
  SLUICE_CO_TRY(greeting, co_await read_answer());
  if (greeting.code != 220) co_return fail(ErrorCode::refused, greeting.text);
  SLUICE_CO_TRY(hello, co_await greet());
  if (settings_.security == LoadSecurity::starttls) {
    SLUICE_CO_TRY(ready, co_await exchange("STARTTLS\r\n"));
    if (ready.code != 220) co_return fail(ErrorCode::refused, ready.text);
    stream_->discard_received();  // said in clear, it must not count as said under TLS
    auto secured = co_await secure();
    if (!secured) co_return secured;
    // RFC 3207 4.2: what was offered in clear is forgotten.
    SLUICE_CO_TRY(again, co_await greet());
    hello = std::move(again);
  }
  if (!settings_.user.empty()) {
    auto logged_in = co_await log_in();
    if (!logged_in) co_return logged_in;
  }
  mode_ = settings_.mode == LoadMode::automatic ? best_mode(hello.text) : settings_.mode;
  ++counters_.connections;
  co_return Result<void>();
}

Task<Result<void>> LoadConnection::secure() {
  SLUICE_ASSERT(settings_.context != nullptr, "whoever wants TLS has a context");
  const Deadline deadline = Deadline::in(shard_.clock(), kPatience);
  tls::ClientRole role{
      .context = settings_.context, .server_name = settings_.server_name, .session = {}};
  auto facts = co_await stream_->secure(std::move(role), deadline);
  if (!facts) co_return std::unexpected(std::move(facts).error());
  co_return Result<void>();
}

Task<Result<LoadConnection::Answer>> LoadConnection::greet() {
  SLUICE_CO_TRY(hello, co_await exchange("EHLO load.example\r\n"));
  if (hello.code != 250) co_return fail(ErrorCode::refused, hello.text);
  co_return hello;
}

Task<Result<void>> LoadConnection::log_in() {
  std::string line = smtp::plain_login(settings_.user, settings_.password);
  SLUICE_CO_TRY(answer, co_await exchange(std::move(line)));
  if (answer.code != 235) co_return fail(ErrorCode::refused, answer.text);
  co_return Result<void>();
}

Task<Result<void>> LoadConnection::submit_batches() {
  while (true) {
    take_batch();
    if (batch_.empty()) break;
    auto due = co_await wait_until_due();
    if (!due) co_return due;
    for (InFlight& flight : batch_) {
      const PlannedMessage& message = flight.message;
      flight.bytes = plan_.maker().make(message.number, message.sender, message.recipients.front(),
                                        message.bytes, batch_start_);
    }
    auto done = co_await submit_batch();
    if (!done) co_return done;
    batch_.clear();
  }
  // The run is over for this connection; whether QUIT is answered does not matter.
  [[maybe_unused]] const auto bye = co_await exchange("QUIT\r\n");
  co_return Result<void>();
}

void LoadConnection::take_batch() {
  const unsigned depth = mode_ == LoadMode::chunking ? settings_.depth : 1;
  while (batch_.size() < depth) {
    auto message = plan_.next();
    if (!message) return;
    batch_.push_back(InFlight{.message = std::move(*message), .bytes = {}, .recipients = {}});
  }
}

// And notes from when on the batch's latency counts.
Task<Result<void>> LoadConnection::wait_until_due() {
  batch_start_ = shard_.clock().now();
  const auto due = batch_.back().message.due;
  if (!due) co_return Result<void>();
  if (*due <= batch_start_) {
    batch_start_ = *due;
    co_return Result<void>();
  }
  const Deadline deadline = Deadline::at(*due);
  auto waited = co_await sleep_until(shard_, deadline);
  batch_start_ = shard_.clock().now();
  co_return waited;
}

std::string LoadConnection::envelope_commands(const InFlight& flight) const {
  std::string out;
  auto end = std::back_inserter(out);
  fmt::format_to(end, "MAIL FROM:<{}> SIZE={}\r\n", flight.message.sender, flight.bytes.size());
  for (const std::string& recipient : flight.message.recipients) {
    fmt::format_to(end, "RCPT TO:<{}>\r\n", recipient);
  }
  return out;
}

Task<Result<void>> LoadConnection::submit_batch() {
  if (mode_ == LoadMode::chunking) co_return co_await submit_chunked();
  co_return co_await submit_by_data();
}

// Every message of the batch in one write, each after the first begun by RSET.
Task<Result<void>> LoadConnection::submit_chunked() {
  std::vector<std::string> commands;
  commands.reserve(batch_.size());
  std::vector<std::string_view> pieces;
  for (const InFlight& flight : batch_) {
    commands.push_back(fmt::format("{}{}BDAT {} LAST\r\n", commands.empty() ? "" : "RSET\r\n",
                                   envelope_commands(flight), flight.bytes.size()));
    pieces.push_back(commands.back());
    pieces.push_back(flight.bytes.header);
    pieces.push_back(flight.bytes.body);
  }
  auto sent = co_await send(std::move(pieces));
  if (!sent) co_return sent;
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    if (i > 0) {
      SLUICE_CO_TRY(reset, co_await read_answer());
      if (reset.code != 250) co_return fail(ErrorCode::syntax, "RSET was refused");
    }
    auto read = co_await read_envelope_replies(batch_[i]);
    if (!read) co_return read;
    SLUICE_CO_TRY(answer, co_await read_answer());
    finish(batch_[i], answer);
  }
  co_return Result<void>();
}

Task<Result<void>> LoadConnection::submit_by_data() {
  InFlight& flight = batch_.front();
  std::string commands = envelope_commands(flight);
  if (mode_ == LoadMode::pipelining) {
    commands += "DATA\r\n";
    std::vector<std::string_view> pieces = {commands};
    auto sent = co_await send(std::move(pieces));
    if (!sent) co_return sent;
    auto read = co_await read_envelope_replies(flight);
    if (!read) co_return read;
  } else {
    flight.has_mail = false;
    for (std::size_t begin = 0; begin < commands.size();) {
      const std::size_t end = commands.find('\n', begin) + 1;
      SLUICE_CO_TRY(answer, co_await exchange(commands.substr(begin, end - begin)));
      if (begin == 0) flight.has_mail = is_accepting(answer.code);
      if (begin != 0) flight.recipients.push_back(is_accepting(answer.code));
      begin = end;
    }
    std::vector<std::string_view> pieces = {"DATA\r\n"};
    auto sent = co_await send(std::move(pieces));
    if (!sent) co_return sent;
  }
  SLUICE_CO_TRY(go_on, co_await read_answer());
  if (go_on.code != 354) {
    finish(flight, go_on);
    SLUICE_CO_TRY(reset, co_await exchange("RSET\r\n"));
    if (reset.code != 250) co_return fail(ErrorCode::syntax, "RSET was refused");
    co_return Result<void>();
  }
  const std::string body = dot_stuffed(flight.bytes.text());
  std::vector<std::string_view> pieces = {body};
  auto sent = co_await send(std::move(pieces));
  if (!sent) co_return sent;
  SLUICE_CO_TRY(answer, co_await read_answer());
  finish(flight, answer);
  co_return Result<void>();
}

Task<Result<void>> LoadConnection::read_envelope_replies(InFlight& flight) {
  SLUICE_CO_TRY(mail, co_await read_answer());
  flight.has_mail = is_accepting(mail.code);
  if (!flight.has_mail) ++counters_.refusals[mail.code];
  for (std::size_t i = 0; i < flight.message.recipients.size(); ++i) {
    SLUICE_CO_TRY(answer, co_await read_answer());
    flight.recipients.push_back(is_accepting(answer.code));
    if (flight.has_mail && !is_accepting(answer.code)) ++counters_.refusals[answer.code];
  }
  co_return Result<void>();
}

void LoadConnection::finish(InFlight& flight, const Answer& answer) {
  flight.is_ended = true;
  const bool has_recipient = std::ranges::find(flight.recipients, true) != flight.recipients.end();
  if (!flight.has_mail || !has_recipient || !is_accepting(answer.code)) {
    ++counters_.rejected;
    if (flight.has_mail && has_recipient) ++counters_.refusals[answer.code];
    return;
  }
  ++counters_.accepted;
  counters_.latency.observe(shard_.clock().now() - batch_start_);
  // "2.0.0 Ok: queued as ID": the last word is the server's name for it.
  const std::string_view text = answer.text;
  const std::string_view queued_as = text.substr(text.rfind(' ') + 1);
  const std::string id = plan_.maker().id(flight.message.number);
  for (std::size_t i = 0; i < flight.recipients.size(); ++i) {
    if (!flight.recipients[i]) continue;
    ++counters_.recipients;
    ledger_.write("accepted", id, flight.message.recipients[i], queued_as);
  }
}

void LoadConnection::lose_batch() {
  for (const InFlight& flight : batch_) {
    if (flight.is_ended) continue;
    ++counters_.unknown;
    const std::string id = plan_.maker().id(flight.message.number);
    for (const std::string& recipient : flight.message.recipients) {
      ledger_.write("unknown", id, recipient, "-");
    }
  }
  batch_.clear();
}

Task<Result<void>> LoadConnection::send(std::vector<std::string_view> pieces) {
  const Deadline deadline = Deadline::in(shard_.clock(), kPatience);
  co_return co_await stream_->send(pieces, deadline);
}

Task<Result<LoadConnection::Answer>> LoadConnection::exchange(std::string line) {
  std::vector<std::string_view> pieces = {line};
  auto sent = co_await send(std::move(pieces));
  if (!sent) co_return std::unexpected(std::move(sent).error());
  co_return co_await read_answer();
}

Task<Result<LoadConnection::Answer>> LoadConnection::read_answer() {
  Answer answer{.code = 0, .text = {}};
  while (true) {
    const std::size_t newline = stream_->received().find('\n');
    if (newline == std::string_view::npos) {
      const Deadline deadline = Deadline::in(shard_.clock(), kPatience);
      auto filled = co_await stream_->fill(deadline);
      if (!filled) co_return std::unexpected(std::move(filled).error());
      continue;
    }
    std::string_view text = stream_->received().substr(0, newline);
    if (text.ends_with('\r')) text.remove_suffix(1);
    SLUICE_CO_TRY(line, smtp::parse_reply_line(text));
    answer.code = line.code;
    answer.text += answer.text.empty() ? "" : "\n";
    answer.text += line.text;
    const bool is_last = line.is_last;
    stream_->consume(newline + 1);
    if (is_last) co_return answer;
  }
}

}  // namespace sluice::bench
