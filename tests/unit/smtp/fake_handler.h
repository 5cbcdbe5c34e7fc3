// FakeHandler: a ReceptionHandler that accepts everything unless a test says otherwise, and notes
// what it was asked. Its commits may be held.
#pragma once

#include <fmt/format.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/event.h"
#include "core/shard.h"
#include "smtp/reception_handler.h"

namespace sluice::smtp {

class FakeHandler final : public ReceptionHandler {
 public:
  explicit FakeHandler(Shard& shard) : committed_(shard) {}

  // What the next calls answer instead of "Ok": keyed by "connect", "mail", "body", "end", or a
  // recipient.
  std::map<std::string, Reply, std::less<>> answers;
  bool commits_are_held = false;

  std::vector<std::string> messages;  // complete bodies, in order
  std::vector<std::string> events;    // "mail a@b", "rcpt c@d", "end", "reset"
  std::vector<std::string> rejected;  // "RCPT 550 5.7.1 text"
  std::size_t body_calls = 0;
  int pending = 0;

  void commit() {
    commits_are_held = false;
    committed_.notify_all();
  }
  void commit_one() { committed_.notify_one(); }

  Task<Reply> on_connect(const ClientInfo& /*client*/) override {
    co_return answer("connect", 220, "");
  }

  Task<Reply> on_authenticate(const ClientInfo& /*client*/,
                              const Credentials& credentials) override {
    events.push_back("auth " + credentials.user + " " + std::string(credentials.password.reveal()));
    co_return answer("auth", 235, "Ok");
  }

  void on_secured(const ClientInfo& client) override {
    events.push_back("secured " + (client.tls ? client.tls->version : std::string("in clear")));
  }

  Task<Reply> on_mail(const ClientInfo& client, const MailCommand& command) override {
    events.push_back("mail " + command.reverse_path.to_string());
    hello = client.hello;
    last_mail = command;
    co_return answer("mail", 250, "Ok");
  }

  Task<Reply> on_recipient(const ClientInfo& /*client*/, const RecipientCommand& command) override {
    events.push_back("rcpt " + command.recipient.to_string());
    co_return answer(command.recipient.to_string(), 250, "Ok");
  }

  Task<Reply> on_body(std::string_view bytes) override {
    ++body_calls;
    body_ += bytes;
    co_return answer("body", 250, "Ok");
  }

  Task<Reply> on_end() override {
    events.push_back("end");
    messages.push_back(std::exchange(body_, {}));
    const std::size_t number = messages.size();
    ++pending;
    if (commits_are_held) {
      const auto waited = co_await committed_.wait(Deadline::never());
      was_cancelled = was_cancelled || !waited;
    }
    --pending;
    co_return answer("end", 250, fmt::format("Ok: queued as {}", number));
  }

  Task<void> on_reset() override {
    events.push_back("reset");
    body_.clear();
    co_return;
  }

  void on_rejected(const ClientInfo& /*client*/, std::string_view command,
                   const Reply& refusal) override {
    rejected.push_back(fmt::format("{} {}", command, refusal.to_string()));
  }

  std::string hello;
  std::optional<MailCommand> last_mail;
  bool was_cancelled = false;  // a commit was asked to stop

 private:
  Reply answer(std::string_view key, int code, std::string text) const {
    if (const auto found = answers.find(key); found != answers.end()) return found->second;
    if (key == "connect") return reply(code, {}, std::move(text));
    return reply(code, {2, 0, 0}, std::move(text));
  }

  Event committed_;
  std::string body_;
};

}  // namespace sluice::smtp
