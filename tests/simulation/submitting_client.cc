#include "tests/simulation/submitting_client.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "core/assert.h"
#include "tests/simulation/scheduler.h"

namespace sluice::simulation {

namespace {

constexpr std::size_t kChunkBytesMax = 40'000;

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

void SubmittingClient::connect_later() {
  if (has_finished()) return;
  const Duration pause = scheduler().some_time(Duration(0), settings_.pause_max);
  scheduler().after(pause, [this] { connect(); });
}

void SubmittingClient::connect() {
  SLUICE_ASSERT(socket_ == nullptr, "a client has one connection");
  ++activity_;
  output_.clear();
  expected_.clear();
  expected_.push_back({Step::greeting});
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
  if (code == 421 || expected_.empty()) return give_up();
  const Expected expected = expected_.front();
  expected_.pop_front();
  switch (expected.step) {
    case Step::greeting:
      if (code != 220) return give_up();
      expected_.push_back({Step::hello});
      return say("EHLO client.example\r\n");
    case Step::hello:
      if (code != 250) return give_up();
      return begin_message();
    case Step::recipient: {
      LedgerRecipient& recipient = ledger_.at(expected.message).recipients[expected.recipient];
      recipient.is_accepted = code == 250;
      has_recipient_ = has_recipient_ || recipient.is_accepted;
      return;
    }
    case Step::data:
      if (code != 354) {
        end_message(expected.message, Told::refused);
        return begin_message();
      }
      return send_body(expected.message);
    case Step::final:
      return on_final(expected.message, code);
    case Step::mail:
    case Step::chunk:
      return;
    case Step::quit:
      return give_up();
  }
}

void SubmittingClient::on_final(std::uint64_t number, int code) {
  end_message(number, code == 250 ? Told::accepted : Told::refused);
  if (pending_.empty()) begin_message();
}

void SubmittingClient::end_message(std::uint64_t number, Told told) {
  SLUICE_ASSERT(!pending_.empty(), "a message that ends has begun");
  SLUICE_ASSERT(pending_.front() == number, "messages end in order");
  pending_.pop_front();
  ledger_.note_told(number, told);
  // Refused for now: it comes again under another number.
  if (told == Told::refused) plan_.push_back(plans_.at(number));
}

void SubmittingClient::begin_message() {
  if (plan_.empty()) {
    expected_.push_back({Step::quit});
    return say("QUIT\r\n");
  }
  PlannedMessage planned = std::move(plan_.front());
  plan_.pop_front();
  const LedgerMessage& message = ledger_.compose(planned.domains, planned.bytes);
  plans_.emplace(message.number, std::move(planned));
  pending_.push_back(message.number);
  has_recipient_ = false;
  std::string text = fmt::format("MAIL FROM:<{}>\r\n", message.sender);
  expected_.push_back({Step::mail, message.number});
  for (std::size_t i = 0; i < message.recipients.size(); ++i) {
    text += fmt::format("RCPT TO:<{}>\r\n", message.recipients[i].address);
    expected_.push_back({Step::recipient, message.number, i});
  }
  if (settings_.uses_chunks) {
    say(text);
    return send_body(message.number);
  }
  text += "DATA\r\n";
  expected_.push_back({Step::data, message.number});
  say(text);
}

void SubmittingClient::send_body(std::uint64_t number) {
  const std::string& body = ledger_.at(number).body;
  if (settings_.uses_chunks) {
    std::string_view rest = body;
    while (rest.size() > kChunkBytesMax) {
      const std::size_t part = 1 + scheduler().random().below(kChunkBytesMax);
      say(fmt::format("BDAT {}\r\n{}", part, rest.substr(0, part)));
      expected_.push_back({Step::chunk, number});
      rest.remove_prefix(part);
    }
    say(fmt::format("BDAT {} LAST\r\n{}", rest.size(), rest));
  } else {
    say(stuffed(body) + ".\r\n");
  }
  expected_.push_back({Step::final, number});
  const bool goes_on = settings_.sends_ahead && !plan_.empty() && pending_.size() < 8;
  if (goes_on) begin_message();
}

void SubmittingClient::say(std::string_view bytes) {
  output_ += bytes;
  flush();
}

void SubmittingClient::flush() {
  if (socket_ == nullptr || output_.empty()) return;
  output_.erase(0, socket_->send(output_));
}

// What has no reply yet may or may not have been accepted.
void SubmittingClient::give_up() {
  if (socket_ == nullptr) return;
  socket_->close();
  socket_ = nullptr;
  ++activity_;
  for (const std::uint64_t number : std::exchange(pending_, {})) {
    plan_.push_back(plans_.at(number));
  }
  connect_later();
}

}  // namespace sluice::simulation
