#include "tests/simulation/upstream_conversation.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/assert.h"
#include "tests/simulation/scheduler.h"

namespace sluice::simulation {

namespace {

constexpr Duration kPauseMax = std::chrono::seconds(20);
constexpr std::size_t kTransactionsKept = 64;
constexpr std::size_t kDrippedBytes = 100;  // the end of what is said
constexpr std::string_view kEndOfText = "\r\n.\r\n";

// The path of "FROM:<a@b> SIZE=1".
std::string_view path_in(std::string_view argument) {
  const std::size_t begin = argument.find('<');
  const std::size_t end = argument.find('>');
  if (begin == std::string_view::npos || end == std::string_view::npos) return {};
  return argument.substr(begin + 1, end - begin - 1);
}

std::string unstuffed(std::string_view text) {
  std::string content;
  bool at_line_start = true;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_extra = at_line_start && text[i] == '.';
    if (!is_extra) content += text[i];
    at_line_start = text[i] == '\n';
  }
  return content;
}

}  // namespace

UpstreamHost::Conversation::Conversation(MailLedger& ledger, const HostSettings& settings,
                                         int socket)
    : ledger_(ledger), settings_(settings), socket_(socket) {
  Socket* const end = network().find(socket);
  if (end == nullptr) return;
  end->on_change = [this] { on_change(); };
  relay_end_ = end->peer();
}

UpstreamHost::Conversation::~Conversation() { *self_ = nullptr; }

void UpstreamHost::Conversation::greet() {
  is_busy_ = true;  // nothing is read before the greeting
  if (breaks_down() || is_put_off()) return;
  if (is_refused()) return answer(permanent_refusal(scheduler().random()));
  answer({.code = 220, .text = "host.example ESMTP"});
}

void UpstreamHost::Conversation::on_change() {
  Socket* const end = socket();
  if (end == nullptr) return;
  note_known();
  if (end->error() != 0 || end->has_ended()) return close();
  flush();
  work();
}

// What the relay has taken out of the connection, it knows.
void UpstreamHost::Conversation::note_known() {
  const Socket* const end = socket();
  while (!awaited_.empty() && end->acknowledged() >= awaited_.front().offset) {
    ledger_.note_known(awaited_.front().ending);
    awaited_.pop_front();
  }
}

void UpstreamHost::Conversation::work() {
  while (!is_over_ && !is_busy_) {
    const bool has_worked = mode_ == Mode::command ? take_command()
                            : mode_ == Mode::text  ? take_text()
                                                   : take_chunk();
    if (!has_worked) return;
  }
}

bool UpstreamHost::Conversation::take_command() {
  Socket& end = *socket();
  const std::size_t length = end.readable().find("\r\n");
  if (length == std::string_view::npos) return false;
  const std::string line(end.readable().substr(0, length));
  end.consume(length + 2);
  const bool is_ahead = !end.readable().empty() && !line.starts_with("BDAT");
  const bool may_be = is_extended_ && settings_.offers_pipelining;
  if (is_ahead && !may_be && is_trusted_)
    ledger_.note_problem("commands were sent ahead, unasked: " + line);
  act_on(line);
  return true;
}

bool UpstreamHost::Conversation::take_text() {
  Socket& end = *socket();
  if (end.readable().empty()) return false;
  if (!is_answered_early_ && scheduler().chance(settings_.early)) {
    refuse_early();
    return true;
  }
  const std::size_t before = content_.size();
  content_ += end.readable();
  const std::size_t search = before > kEndOfText.size() ? before - kEndOfText.size() : 0;
  const std::size_t found = content_.find(kEndOfText, search);
  // The text follows a line end: a lone dot may be all there is.
  const bool is_lone_dot = content_.starts_with(".\r\n");
  if (found == std::string::npos && !is_lone_dot) {
    end.consume(end.readable().size());
    return true;
  }
  const std::size_t text_end = is_lone_dot ? 3 : found + kEndOfText.size();
  end.consume(text_end - before);
  content_ = is_lone_dot ? std::string() : unstuffed(content_.substr(0, found + 2));
  finish();
  return true;
}

bool UpstreamHost::Conversation::take_chunk() {
  Socket& end = *socket();
  const std::size_t bytes = std::min(chunk_left_, end.readable().size());
  if (bytes == 0 && chunk_left_ > 0) return false;
  const bool may_be_early = is_chunk_taken_ && !is_answered_early_ && bytes < chunk_left_;
  if (may_be_early && scheduler().chance(settings_.early)) {
    refuse_early();
    return true;
  }
  if (is_chunk_taken_) content_ += end.readable().substr(0, bytes);
  end.consume(bytes);
  chunk_left_ -= bytes;
  if (chunk_left_ == 0) finish();
  return true;
}

void UpstreamHost::Conversation::act_on(std::string_view line) {
  const std::string_view verb = line.substr(0, 4);
  const std::string_view argument = line.size() > 5 ? line.substr(5) : std::string_view();
  ++activity_;
  if (verb == "QUIT") {
    is_closing_ = true;
    return answer({.code = 221, .status = "2.0.0", .text = "bye"});
  }
  if (verb == "BDAT") return chunk(argument);
  if (verb == "RSET") return reset_transaction();
  if (verb == "EHLO" || verb == "HELO") return hello(verb == "EHLO");
  if (verb == "MAIL") return mail(path_in(argument));
  if (verb == "RCPT") return recipient(path_in(argument));
  if (verb == "DATA") return data();
  // What follows garbage that could be taken for another reply is the host's own fault: a body, for
  // one, where it never said 354. Answers to that would belong to nothing.
  if (!is_trusted_) return close();
  ledger_.note_problem(fmt::format("a host did not understand: {}", line));
  answer({.code = 500, .status = "5.5.1", .text = "what?"});
}

void UpstreamHost::Conversation::reset_transaction() {
  if (breaks_down() || is_put_off()) return;
  if (is_refused()) return answer(permanent_refusal(scheduler().random()));
  end_transaction();
  answer({.code = 250, .status = "2.0.0", .text = "reset"});
}

void UpstreamHost::Conversation::hello(bool is_extended) {
  if (breaks_down() || is_put_off()) return;
  const bool is_unknown = is_extended && !settings_.knows_ehlo;
  if (is_unknown || is_refused()) return answer({.code = 502, .text = "not here"});
  is_extended_ = is_extended;
  if (!is_extended) return answer({.code = 250, .text = "host.example"});
  std::string text = "250-host.example\r\n";
  for (std::size_t line = 1; line < settings_.replies.lines_max; ++line) {
    text += fmt::format("250-XTHING{}\r\n", line);
  }
  if (settings_.offers_pipelining) text += "250-PIPELINING\r\n";
  if (settings_.offers_chunking) text += "250-CHUNKING\r\n";
  write(text + "250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n");
}

void UpstreamHost::Conversation::mail(std::string_view path) {
  if (message_) return refuse_sender(path, {.code = 503, .status = "5.5.1", .text = "nested MAIL"});
  end_transaction();
  if (messages_ >= settings_.messages_max) {
    is_closing_ = true;
    return answer({.code = 421, .status = "4.7.0", .text = "enough for now"});
  }
  const auto message = ledger_.message_of(path);
  if (!message || breaks_down() || is_put_off()) return;
  if (is_refused()) return refuse_sender(path, permanent_refusal(scheduler().random()));
  message_ = message;
  answer({.code = 250, .status = "2.1.0", .text = "ok"});
}

// To whom it goes is told, if at all, by what was sent ahead.
void UpstreamHost::Conversation::refuse_sender(std::string_view path,
                                               const UpstreamReply& refusal) {
  refused_ = ledger_.message_of(path);
  if (refused_ && !socket()->is_peer_gone()) ledger_.note_sender_refused(*refused_);
  answer(refusal);
}

void UpstreamHost::Conversation::recipient(std::string_view path) {
  const auto message = ledger_.message_of(path);
  if (refused_ && message == refused_) {
    refusals_.push_back(note_ending(*refused_, path, false));
    return answer({.code = 503, .status = "5.5.1", .text = "the sender was refused"});
  }
  if (!message_) return answer({.code = 503, .status = "5.5.1", .text = "MAIL first"});
  if (message != message_) {
    ledger_.note_problem(
        fmt::format("<{}> came under the sender of message {}", path, message_.value_or(0)));
  }
  if (accepted() >= settings_.recipients_max) {
    return answer({.code = 452, .status = "4.5.3", .text = "too many recipients"});
  }
  // A relay that is gone sent this before what it has done since.
  if (message && !socket()->is_peer_gone()) ledger_.note_attempted(*message, path);
  if (message && is_refused()) {
    recipients_.push_back({std::string(path), true});
    refusals_.push_back(note_ending(*message, path, false));
    return answer(permanent_refusal(scheduler().random()));
  }
  if (breaks_down() || is_put_off()) return;
  recipients_.push_back({std::string(path), false});
  answer({.code = scheduler().chance(0.9) ? 250 : 251, .status = "2.1.5", .text = "ok"});
}

EndingId UpstreamHost::Conversation::note_ending(std::uint64_t message, std::string_view recipient,
                                                 bool is_delivery) {
  return ledger_.note_ending({.message = message,
                              .recipient = recipient,
                              .is_delivery = is_delivery,
                              .is_late = socket()->is_peer_gone()});
}

std::size_t UpstreamHost::Conversation::accepted() const {
  return static_cast<std::size_t>(std::ranges::count(recipients_, false, &Recipient::is_refused));
}

void UpstreamHost::Conversation::data() {
  const bool is_for_somebody = accepted() > 0;
  if (!is_for_somebody && !settings_.grants_data_to_nobody) return refuse_all();
  if (breaks_down()) return;
  if (scheduler().chance(settings_.temporary)) {
    return refuse_data(temporary_refusal(scheduler().random()));
  }
  if (is_refused()) {
    end_accepted(false);
    return refuse_data(permanent_refusal(scheduler().random()));
  }
  mode_ = Mode::text;
  content_.clear();
  answer({.code = 354, .text = "go on"});
}

void UpstreamHost::Conversation::chunk(std::string_view argument) {
  std::from_chars(argument.data(), argument.data() + argument.size(), chunk_left_);
  is_chunk_taken_ = accepted() > 0;
  mode_ = Mode::chunk;
  if (!(is_extended_ && settings_.offers_chunking)) ledger_.note_problem("BDAT was not offered");
  if (!argument.ends_with("LAST")) ledger_.note_problem("a message came in several chunks");
}

// A body without a recipient. What was refused for good is told to be so by this last answer.
void UpstreamHost::Conversation::refuse_all() {
  refuse_data({.code = 503, .status = "5.5.1", .text = "no valid recipients"});
}

// The transaction has its last answer.
void UpstreamHost::Conversation::refuse_data(const UpstreamReply& refusal) {
  endings_.insert(endings_.end(), refusals_.begin(), refusals_.end());
  const auto kept = settings_.keeps_mail ? message_ : std::nullopt;
  end_transaction();
  message_ = kept;
  answer(refusal);
}

// RFC 5321 does not foresee it, yet servers do it: what comes of the body after that is dropped.
void UpstreamHost::Conversation::refuse_early() {
  is_answered_early_ = true;
  is_trusted_ = false;
  const double kind = scheduler().random().fraction();
  UpstreamReply refusal = temporary_refusal(scheduler().random());
  if (kind < 0.3) {
    refusal = {.code = 421, .status = "4.3.2", .text = "closing"};
    is_closing_ = true;
  } else if (kind < 0.6) {
    refusal = permanent_refusal(scheduler().random());
    end_accepted(false);
  }
  answer(refusal);
}

// Those that were accepted end with the next answer.
void UpstreamHost::Conversation::end_accepted(bool is_delivery) {
  for (const Recipient& one : recipients_) {
    if (one.is_refused) continue;
    endings_.push_back(note_ending(*message_, one.address, is_delivery));
  }
}

void UpstreamHost::Conversation::finish() {
  mode_ = Mode::command;
  if (std::exchange(is_answered_early_, false)) return end_transaction();
  if (content_.empty() || !message_ || accepted() == 0) return refuse_all();
  if (!ledger_.check_content(*message_, content_)) scheduler().note("wrong_content", *message_);
  if (is_refused()) {
    end_accepted(false);
    return refuse_data(permanent_refusal(scheduler().random()));
  }
  if (breaks_down()) return end_transaction();
  if (scheduler().chance(settings_.temporary)) {
    return refuse_data(temporary_refusal(scheduler().random()));
  }
  end_accepted(true);
  endings_.insert(endings_.end(), refusals_.begin(), refusals_.end());
  end_transaction();
  ++messages_;
  if (scheduler().chance(settings_.late_reset)) return reset();
  answer({.code = 250, .status = "2.0.0", .text = "kept"});
}

void UpstreamHost::Conversation::end_transaction() {
  message_.reset();
  refused_.reset();
  recipients_.clear();
  refusals_.clear();
  content_.clear();
}

bool UpstreamHost::Conversation::breaks_down() {
  if (scheduler().chance(settings_.reset)) {
    reset();
    return true;
  }
  if (scheduler().chance(settings_.stall)) {
    is_busy_ = true;
    return true;
  }
  if (scheduler().chance(settings_.closing)) {
    is_closing_ = true;
    answer({.code = 421, .status = "4.3.2", .text = "closing"});
    return true;
  }
  return false;
}

bool UpstreamHost::Conversation::is_put_off() {
  if (!scheduler().chance(settings_.temporary)) return false;
  answer(temporary_refusal(scheduler().random()));
  return true;
}

bool UpstreamHost::Conversation::is_refused() const {
  return scheduler().chance(settings_.permanent);
}

void UpstreamHost::Conversation::answer(const UpstreamReply& reply) {
  Random& random = scheduler().random();
  if (!scheduler().chance(settings_.garbage)) {
    return write(write_reply(settings_.replies, reply, random));
  }
  is_trusted_ = false;
  write(write_garbage(reply, random));
}

void UpstreamHost::Conversation::write(std::string text) {
  is_busy_ = true;
  Duration delay = scheduler().some_time(Duration(0), settings_.answer_max);
  if (scheduler().chance(settings_.pause)) delay += scheduler().some_time(delay, kPauseMax);
  scheduler().after(delay, [self = self_, text = std::move(text)]() mutable {
    if (*self != nullptr) (*self)->say(std::move(text));
  });
}

void UpstreamHost::Conversation::say(std::string text) {
  if (socket() == nullptr) return;
  is_busy_ = false;
  ++activity_;
  output_ += text;
  said_ += text.size();
  for (const EndingId& ending : endings_) {
    if (is_trusted_) awaited_.push_back({.ending = ending, .offset = said_});
  }
  if (!endings_.empty()) ended_.push_back(std::exchange(endings_, {}));
  if (ended_.size() > kTransactionsKept) ended_.pop_front();
  flush();
  if (is_closing_) return close();
  close_when_idle();
  work();
}

// As servers do that wait for a command too long.
void UpstreamHost::Conversation::close_when_idle() {
  if (settings_.idle_max == Duration(0)) return;
  scheduler().after(settings_.idle_max, [self = self_, seen = activity_] {
    if (*self == nullptr || (*self)->activity_ != seen) return;
    if ((*self)->is_over_ || (*self)->is_busy_ || (*self)->mode_ != Mode::command) return;
    (*self)->is_closing_ = true;
    (*self)->answer({.code = 421, .status = "4.4.2", .text = "you are idle"});
  });
}

void UpstreamHost::Conversation::flush() {
  Socket* const end = socket();
  while (end != nullptr && !output_.empty()) {
    const bool is_dripped = settings_.drips && output_.size() <= kDrippedBytes;
    const std::size_t bytes = is_dripped        ? 1
                              : settings_.drips ? output_.size() - kDrippedBytes
                                                : output_.size();
    const std::size_t sent = end->send(std::string_view(output_).substr(0, bytes));
    if (sent == 0) return;
    output_.erase(0, sent);
  }
}

// Abruptly, or in order but for the reply that is due.
void UpstreamHost::Conversation::reset() {
  is_busy_ = true;  // until the break is felt here too
  Socket* const end = socket();
  if (end == nullptr) return;
  if (scheduler().chance(0.3)) return close();
  network().cut(*end);
}

// Long enough ago for the outcomes that the relay had then to be durable.
bool UpstreamHost::Conversation::is_over() const {
  if (!is_over_) return false;
  const auto left = network().left_at(relay_end_);
  return left && *left + ledger_.outcome_patience() < scheduler().now();
}

void UpstreamHost::Conversation::note_crash(std::size_t depth) {
  if (is_over()) return;
  SLUICE_ASSERT(depth <= kTransactionsKept, "what may be in flight is kept");
  const std::size_t count = std::min(depth, ended_.size());
  for (std::size_t i = ended_.size() - count; i < ended_.size(); ++i) {
    for (const EndingId& ending : ended_[i]) ledger_.note_in_flight(ending);
  }
}

void UpstreamHost::Conversation::close() {
  if (Socket* const end = socket()) end->close();
  is_over_ = true;
}

}  // namespace sluice::simulation
