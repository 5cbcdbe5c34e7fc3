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
  if (Socket* const end = network().find(socket)) end->on_change = [this] { on_change(); };
}

UpstreamHost::Conversation::~Conversation() { *self_ = nullptr; }

void UpstreamHost::Conversation::greet() {
  is_busy_ = true;  // nothing is read before the greeting
  if (goes_wrong()) return;
  answer("220 host.example ESMTP\r\n");
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
  if (is_ahead && !may_be) ledger_.note_problem("commands were sent ahead, unasked: " + line);
  act_on(line);
  return true;
}

bool UpstreamHost::Conversation::take_text() {
  Socket& end = *socket();
  if (end.readable().empty()) return false;
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
  mode_ = Mode::command;
  finish();
  return true;
}

bool UpstreamHost::Conversation::take_chunk() {
  Socket& end = *socket();
  const std::size_t bytes = std::min(chunk_left_, end.readable().size());
  if (bytes == 0 && chunk_left_ > 0) return false;
  if (is_chunk_taken_) content_ += end.readable().substr(0, bytes);
  end.consume(bytes);
  chunk_left_ -= bytes;
  if (chunk_left_ > 0) return true;
  mode_ = Mode::command;
  if (!is_chunk_taken_) {
    refuse_all();
  } else if (is_last_chunk_) {
    finish();
  } else if (!goes_wrong()) {
    answer("250 2.0.0 chunk\r\n");
  }
  return true;
}

void UpstreamHost::Conversation::act_on(std::string_view line) {
  const std::string_view verb = line.substr(0, 4);
  const std::string_view argument = line.size() > 5 ? line.substr(5) : std::string_view();
  if (verb == "QUIT") {
    is_closing_ = true;
    return answer("221 2.0.0 bye\r\n");
  }
  if (verb == "BDAT") return chunk(argument);
  if (verb == "RSET") {
    end_transaction();
    return answer("250 2.0.0 reset\r\n");
  }
  if (verb == "EHLO" || verb == "HELO") return hello(verb == "EHLO");
  if (verb == "MAIL") return mail(path_in(argument));
  if (verb == "RCPT") return recipient(path_in(argument));
  if (verb == "DATA") return data();
  ledger_.note_problem(fmt::format("a host did not understand: {}", line));
  answer("500 5.5.1 what?\r\n");
}

void UpstreamHost::Conversation::hello(bool is_extended) {
  if (goes_wrong()) return;
  is_extended_ = is_extended;
  std::string text = is_extended ? "250-host.example\r\n" : "250 host.example\r\n";
  if (is_extended) {
    if (settings_.offers_pipelining) text += "250-PIPELINING\r\n";
    if (settings_.offers_chunking) text += "250-CHUNKING\r\n";
    text += "250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n";
  }
  answer(std::move(text));
}

void UpstreamHost::Conversation::mail(std::string_view path) {
  if (message_) return answer("503 5.5.1 nested MAIL\r\n");
  end_transaction();
  if (messages_ >= settings_.messages_max) {
    is_closing_ = true;
    return answer("421 4.7.0 enough for now\r\n");
  }
  const auto message = ledger_.message_of(path);
  if (!message || goes_wrong()) return;
  message_ = message;
  answer("250 2.1.0 ok\r\n");
}

void UpstreamHost::Conversation::recipient(std::string_view path) {
  if (!message_) return answer("503 5.5.1 MAIL first\r\n");
  const auto message = ledger_.message_of(path);
  if (message != message_) {
    ledger_.note_problem(
        fmt::format("<{}> came under the sender of message {}", path, message_.value_or(0)));
  }
  if (accepted() >= settings_.recipients_max) return answer("452 4.5.3 too many recipients\r\n");
  if (message && scheduler().chance(settings_.permanent)) {
    recipients_.push_back({std::string(path), true});
    refusals_.push_back(note_ending(path, false));
    return answer("550 5.1.1 unknown\r\n");
  }
  if (goes_wrong()) return;
  recipients_.push_back({std::string(path), false});
  answer("250 2.1.5 ok\r\n");
}

EndingId UpstreamHost::Conversation::note_ending(std::string_view recipient, bool is_delivery) {
  return ledger_.note_ending({.message = *message_,
                              .recipient = recipient,
                              .is_delivery = is_delivery,
                              .is_late = socket()->is_peer_gone()});
}

std::size_t UpstreamHost::Conversation::accepted() const {
  return static_cast<std::size_t>(std::ranges::count(recipients_, false, &Recipient::is_refused));
}

void UpstreamHost::Conversation::data() {
  if (accepted() == 0) return refuse_all();
  if (goes_wrong()) return;
  mode_ = Mode::text;
  content_.clear();
  answer("354 go on\r\n");
}

void UpstreamHost::Conversation::chunk(std::string_view argument) {
  std::from_chars(argument.data(), argument.data() + argument.size(), chunk_left_);
  is_last_chunk_ = argument.ends_with("LAST");
  is_chunk_taken_ = accepted() > 0;
  mode_ = Mode::chunk;
  if (!(is_extended_ && settings_.offers_chunking)) ledger_.note_problem("BDAT was not offered");
}

// A body without a recipient. What was refused for good is told to be so by this last answer.
void UpstreamHost::Conversation::refuse_all() {
  endings_ = std::exchange(refusals_, {});
  if (!settings_.keeps_mail) message_.reset();
  recipients_.clear();
  content_.clear();
  answer("503 5.5.1 no valid recipients\r\n");
}

void UpstreamHost::Conversation::finish() {
  const bool is_empty = content_.empty();
  if (is_empty || !message_) return refuse_all();
  if (!ledger_.check_content(*message_, content_)) scheduler().note("wrong_content", *message_);
  endings_ = std::exchange(refusals_, {});
  const bool is_refused = scheduler().chance(settings_.permanent);
  if (!is_refused && goes_wrong()) {
    end_transaction();
    return;
  }
  for (const Recipient& one : recipients_) {
    if (one.is_refused) continue;
    endings_.push_back(note_ending(one.address, !is_refused));
  }
  end_transaction();
  if (is_refused) return answer("554 5.6.0 content refused\r\n");
  ++messages_;
  if (scheduler().chance(settings_.late_reset)) return reset();
  answer("250 2.0.0 kept\r\n");
}

void UpstreamHost::Conversation::end_transaction() {
  message_.reset();
  recipients_.clear();
  refusals_.clear();
  content_.clear();
}

bool UpstreamHost::Conversation::goes_wrong() {
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
    answer("421 4.3.2 closing\r\n");
    return true;
  }
  if (scheduler().chance(settings_.temporary)) {
    answer("451 4.7.1 later\r\n");
    return true;
  }
  return false;
}

void UpstreamHost::Conversation::answer(std::string text) {
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
  output_ += text;
  said_ += text.size();
  for (const EndingId& ending : endings_) awaited_.push_back({.ending = ending, .offset = said_});
  if (!endings_.empty()) ended_.push_back(std::exchange(endings_, {}));
  if (ended_.size() > kTransactionsKept) ended_.pop_front();
  flush();
  if (is_closing_) return close();
  work();
}

void UpstreamHost::Conversation::flush() {
  Socket* const end = socket();
  if (end == nullptr || output_.empty()) return;
  output_.erase(0, end->send(output_));
}

void UpstreamHost::Conversation::reset() {
  is_busy_ = true;  // until the break is felt here too
  if (Socket* const end = socket()) network().cut(*end);
}

void UpstreamHost::Conversation::note_crash(std::size_t depth) {
  if (is_over_) return;
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
