#include "tests/simulation/submitting_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "core/assert.h"
#include "tests/simulation/scheduler.h"

namespace sluice::simulation {

namespace {

constexpr std::size_t kChunkBytesMax = 40'000;
constexpr std::size_t kPendingMax = 8;  // messages sent ahead of their replies
constexpr std::uint64_t kTooLarge = 60'000'000;
// Then a client gives a message up. Where memory is short it would send its largest ones at once
// again, thousands of times: two seeds took minutes for that.
constexpr unsigned kAttemptsMax = 50;

// RFC 5321 §4.5.2: a line that begins with a dot gets one more.
std::string stuffed(std::string_view body) {
  std::string text;
  bool at_line_start = true;
  for (const char byte : body) {
    if (at_line_start && byte == '.') text += '.';
    text += byte;
    at_line_start = byte == '\n';
  }
  return text;
}

}  // namespace

SubmittingClient::SubmittingClient(MailLedger& ledger, ClientSettings settings,
                                   std::vector<PlannedMessage> plan)
    : ledger_(ledger), settings_(std::move(settings)), plan_(plan.begin(), plan.end()) {}

void SubmittingClient::start() { connect_later(); }

void SubmittingClient::behave() { settings_.leave_chance = 0; }

void SubmittingClient::connect_later() {
  if (has_finished()) return;
  const Duration pause = scheduler().some_time(Duration(0), settings_.pause_max);
  scheduler().after(pause, [this] { connect(); });
}

void SubmittingClient::connect() {
  SLUICE_ASSERT(socket_ == nullptr, "a client has one connection");
  ++activity_;
  output_.clear();
  output_sent_ = 0;
  commands_.clear();
  expected_.clear();
  expected_.push_back({.bytes = {}, .step = Step::greeting});
  socket_ = &network().open(Side::world, {settings_.address, 40'000});
  socket_->on_change = [this] { on_change(); };
  network().connect(*socket_, settings_.relay);
  watch();
}

// A relay that does not answer for longer than the longest of timeouts is given up.
void SubmittingClient::watch() {
  scheduler().after(settings_.patience, [this, seen = activity_] {
    if (socket_ != nullptr && seen == activity_) give_up();
  });
}

void SubmittingClient::on_change() {
  if (socket_ == nullptr) return;
  read_replies();
  if (socket_ == nullptr) return;
  if (socket_->error() != 0 || socket_->has_ended()) return give_up();
  flush();
}

void SubmittingClient::read_replies() {
  while (socket_ != nullptr) {
    const std::size_t end = socket_->readable().find("\r\n");
    if (end == std::string_view::npos) return;
    const std::string line(socket_->readable().substr(0, end));
    socket_->consume(end + 2);
    if (line.size() > 3 && line[3] == '-') continue;
    int code = 0;
    std::from_chars(line.data(), line.data() + line.size(), code);
    ++activity_;
    on_reply(code);
    if (socket_ == nullptr) return;
    if (scheduler().chance(settings_.leave_chance)) return give_up();
    watch();
  }
}

void SubmittingClient::on_reply(int code) {
  if (code == 421) return give_up();
  if (expected_.empty()) {
    ledger_.note_problem(fmt::format("a client was told {} without having asked", code));
    return give_up();
  }
  const Command command = std::move(expected_.front());
  expected_.pop_front();
  switch (command.step) {
    case Step::greeting:
      if (code != 220) return give_up();
      commands_.push_back({.bytes = "EHLO client.example\r\n", .step = Step::hello});
      break;
    case Step::hello:
      if (code != 250) return give_up();
      break;
    case Step::recipient:
      ledger_.at(command.message).recipients[command.recipient].is_accepted = code == 250;
      break;
    case Step::data:
      if (code == 354) {
        send_text(command.message);
      } else if (is_pending(command.message)) {
        end_message(command.message, Told::refused);
      }
      break;
    case Step::final:
      end_message(command.message, code == 250 ? Told::accepted : Told::refused);
      break;
    case Step::reset:
      if (code != 250) ledger_.note_problem(fmt::format("RSET was answered {}", code));
      break;
    case Step::quit:
      return give_up();
    default:
      break;
  }
  if (commands_.empty() && expected_.empty()) return begin_message();
  go_on();
}

void SubmittingClient::end_message(std::uint64_t number, Told told) {
  SLUICE_ASSERT(is_pending(number), "messages end in order");
  pending_.pop_front();
  PlannedMessage planned = plans_.at(number);
  const bool is_whole = planned.course == Course::whole;
  if (is_whole) {
    ledger_.note_told(number, told);
  } else if (told == Told::accepted) {
    ledger_.note_problem(fmt::format("message {} was accepted, which is not one", number));
  }
  // Refused for now: it comes again under another number.
  if (told == Told::refused) plan_again(std::move(planned));
}

void SubmittingClient::plan_again(PlannedMessage planned) {
  if (++planned.attempts >= kAttemptsMax) return;
  planned.course = Course::whole;
  plan_.push_back(std::move(planned));
}

// ---- what is said

void SubmittingClient::begin_message() {
  if (plan_.empty()) {
    commands_.push_back({.bytes = "QUIT\r\n", .step = Step::quit});
    return go_on();
  }
  PlannedMessage planned = std::move(plan_.front());
  plan_.pop_front();
  const LedgerMessage& message = ledger_.compose(planned.domains, planned.bytes);
  const std::uint64_t number = message.number;
  // What is no whole message must never arrive, whatever becomes of the connection.
  if (planned.course != Course::whole) ledger_.note_told(number, Told::refused);
  plans_.emplace(number, planned);
  queue_envelope(message, planned.course);
  switch (planned.course) {
    case Course::whole:
    case Course::bare_newline:
    case Course::too_large:
      pending_.push_back(number);
      break;
    case Course::reset:
    case Course::quit:
    case Course::broken_off:
      plan_again(std::move(planned));
      return queue_abandoned(number);
  }
  if (settings_.uses_chunks) {
    queue_chunks(number, body_of(number));
    begin_ahead();
  } else {
    commands_.push_back({.bytes = "DATA\r\n", .step = Step::data, .message = number});
  }
  go_on();
}

void SubmittingClient::begin_ahead() {
  const bool may_begin = settings_.pipelines && settings_.sends_ahead && !plan_.empty();
  if (may_begin && pending_.size() < kPendingMax) begin_message();
}

void SubmittingClient::queue_envelope(const LedgerMessage& message, Course course) {
  queue_chatter();
  const std::uint64_t bytes = course == Course::too_large ? kTooLarge : message.body.size();
  const bool is_announced = settings_.announces_size || course == Course::too_large;
  const std::string size = is_announced ? fmt::format(" SIZE={}", bytes) : std::string();
  commands_.push_back({.bytes = fmt::format("MAIL FROM:<{}>{}\r\n", message.sender, size),
                       .step = Step::mail,
                       .message = message.number});
  for (std::size_t i = 0; i < message.recipients.size(); ++i) {
    queue_chatter();
    commands_.push_back({.bytes = fmt::format("RCPT TO:<{}>\r\n", message.recipients[i].address),
                         .step = Step::recipient,
                         .message = message.number,
                         .recipient = i});
  }
}

// Something that changes nothing.
void SubmittingClient::queue_chatter() {
  static constexpr std::array<std::string_view, 6> kChatter{
      "NOOP\r\n",  "VRFY somebody\r\n",    "HELP\r\n",
      "XYZZY\r\n", "RCPT TO:<nobody>\r\n", "RCPT TO:a@d0.example\r\n"};
  if (!scheduler().chance(settings_.chatter)) return;
  const std::string_view line = kChatter[scheduler().random().below(kChatter.size())];
  commands_.push_back({.bytes = std::string(line), .step = Step::chatter});
}

void SubmittingClient::queue_chunks(std::uint64_t number, std::string_view body) {
  while (body.size() > kChunkBytesMax || (!body.empty() && scheduler().chance(0.2))) {
    body.remove_prefix(queue_chunk(number, body));
  }
  commands_.push_back({.bytes = fmt::format("BDAT {} LAST\r\n{}", body.size(), body),
                       .step = Step::final,
                       .message = number});
}

// A part of the body that is not its last.
std::size_t SubmittingClient::queue_chunk(std::uint64_t number, std::string_view body) {
  const std::size_t part = 1 + scheduler().random().below(std::min(body.size(), kChunkBytesMax));
  commands_.push_back({.bytes = fmt::format("BDAT {}\r\n{}", part, body.substr(0, part)),
                       .step = Step::chunk,
                       .message = number});
  return part;
}

void SubmittingClient::queue_abandoned(std::uint64_t number) {
  const std::string body = body_of(number);
  const Course course = plans_.at(number).course;
  if (settings_.uses_chunks && course != Course::broken_off && scheduler().chance(0.5)) {
    queue_chunk(number, body);
  }
  if (course == Course::reset) {
    commands_.push_back({.bytes = "RSET\r\n", .step = Step::reset});
    begin_ahead();
  } else if (course == Course::quit) {
    commands_.push_back({.bytes = "QUIT\r\n", .step = Step::quit});
  } else if (settings_.uses_chunks) {
    const std::string_view half = std::string_view(body).substr(0, body.size() / 2);
    commands_.push_back(
        {.bytes = fmt::format("BDAT {} LAST\r\n{}", body.size(), half), .step = Step::leave});
  } else {
    commands_.push_back({.bytes = "DATA\r\n", .step = Step::data, .message = number});
  }
  go_on();
}

// The body in DATA, or the half of it before the client goes away.
void SubmittingClient::send_text(std::uint64_t number) {
  const std::string text = stuffed(body_of(number));
  if (plans_.at(number).course == Course::broken_off) {
    commands_.push_back({.bytes = text.substr(0, text.size() / 2), .step = Step::leave});
    return;
  }
  commands_.push_back({.bytes = text + ".\r\n", .step = Step::final, .message = number});
  begin_ahead();
}

std::string SubmittingClient::body_of(std::uint64_t number) const {
  std::string body = ledger_.at(number).body;
  if (plans_.at(number).course == Course::bare_newline) body += "a line without CR\nand more\r\n";
  return body;
}

// Sends what may be sent now.
void SubmittingClient::go_on() {
  while (socket_ != nullptr && !commands_.empty()) {
    if (!settings_.pipelines && !expected_.empty()) break;
    Command command = std::move(commands_.front());
    commands_.pop_front();
    output_ += std::exchange(command.bytes, {});
    flush();
    if (command.step == Step::leave) return give_up();
    expected_.push_back(std::move(command));
  }
}

void SubmittingClient::flush() {
  if (socket_ == nullptr || output_.empty()) return;
  output_sent_ += socket_->send(std::string_view(output_).substr(output_sent_));
  if (output_sent_ < output_.size()) return;
  output_.clear();
  output_sent_ = 0;
}

// What has no reply yet may or may not have been accepted, if it was whole.
void SubmittingClient::give_up() {
  if (socket_ == nullptr) return;
  socket_->close();
  socket_ = nullptr;
  ++activity_;
  for (const std::uint64_t number : std::exchange(pending_, {})) {
    plan_again(plans_.at(number));
  }
  connect_later();
}

}  // namespace sluice::simulation
