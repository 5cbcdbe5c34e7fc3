// Whole conversations of the client's session with a server whose answers the input decides: it
// refuses, closes, breaks off, or says arbitrary bytes instead of a reply.
//
// Whatever the server says, every message gets its result and nothing hangs. As long as each of its
// replies is one to the command it stands for, a recipient counts as accepted only if the
// server took this body from this sender for it; and what the server took is
// never reported as anything but accepted or ambiguous.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/event.h"
#include "core/shard.h"
#include "core/task_scope.h"
#include "smtp/client_session.h"
#include "tests/unit/smtp/scripted_server.h"
#include "tests/unit/smtp/server_stream.h"

namespace sluice::smtp {
namespace {

constexpr std::size_t kMessages = 6;
constexpr auto kTimeout = std::chrono::milliseconds(5);

void require(bool condition) {
  if (!condition) std::abort();
}

// The input, byte by byte; zeroes when it is used up.
class Choices {
 public:
  Choices(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  std::uint8_t next() { return at_ < size_ ? data_[at_++] : std::uint8_t{0}; }
  std::string bytes(std::size_t count) {
    std::string taken;
    while (taken.size() < count && at_ < size_) taken += static_cast<char>(next());
    return taken;
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t at_ = 0;
};

class Body final : public OutgoingBody {
 public:
  Body(std::string bytes, std::size_t part_bytes)
      : bytes_(std::move(bytes)), part_bytes_(part_bytes) {}
  const std::string& bytes() const { return bytes_; }
  std::uint64_t size() const override { return bytes_.size(); }
  Task<Result<std::span<const std::string_view>>> next() override {
    piece_ = std::string_view(bytes_).substr(given_, part_bytes_);
    given_ += piece_.size();
    co_return std::span<const std::string_view>(&piece_, piece_.empty() ? 0 : 1);
  }

 private:
  std::string bytes_;
  std::size_t part_bytes_;
  std::size_t given_ = 0;
  std::string_view piece_;
};

struct Conversation {
  Conversation(Shard& on, const std::uint8_t* data, std::size_t size)
      : shard(on), choices(data, size), changed(on) {
    choose_server();
    for (std::size_t i = 0; i < kMessages; ++i) add_message(i);
  }

  void choose_server();
  void add_message(std::size_t i);
  std::optional<std::string> choose_answer(std::string_view line);
  std::string receive(std::string_view bytes);
  void check() const;

  Shard& shard;
  Choices choices;
  Event changed;
  ScriptedServer server;
  ServerStream* stream = nullptr;
  std::unique_ptr<ClientSession> session;
  std::vector<OutgoingMessage> messages;
  std::vector<std::unique_ptr<Body>> bodies;
  std::array<std::optional<TransactionResult>, kMessages> results;
  std::size_t split_bytes = std::string::npos;
  bool is_lying = false;      // said what is no reply to the command
  bool is_reset_kept = true;  // every RSET was accepted
};

void Conversation::choose_server() {
  const std::uint8_t mode = choices.next();
  server.extensions.clear();
  if ((mode & 1) != 0) server.extensions.emplace_back("PIPELINING");
  if ((mode & 2) != 0) server.extensions.emplace_back("CHUNKING");
  server.is_sticky = (mode & 4) == 0;
  if ((mode & 8) != 0) split_bytes = 1 + choices.next();
  server.override_with = [this](std::string_view line) { return choose_answer(line); };
}

void Conversation::add_message(std::size_t i) {
  const std::string number = std::to_string(i);
  std::string body = ".\r\nMAIL FROM:<evil@a.test>\r\n..\r\nnumber " + number + "\r\n.\r\n\r\n";
  if (i % 3 == 2) body += std::string(3000, 'x') + "\r\n";
  bodies.push_back(std::make_unique<Body>(std::move(body), i == 4 ? 1000 : std::string::npos));
  messages.push_back(OutgoingMessage{.reverse_path = "s" + number + "@a.test",
                                     .recipients = {"r" + number + "@b.test", "q@b.test"},
                                     .body = bodies.back().get()});
}

std::optional<std::string> Conversation::choose_answer(std::string_view line) {
  const std::uint8_t choice = choices.next();
  const bool is_refusal = choice >= 160 && choice < 240;
  if (is_refusal && line == "RSET") is_reset_kept = false;
  if (choice < 160) return std::nullopt;
  if (choice < 200) return "550 5.1.1 no\r\n";
  if (choice < 232) return "451-4.7.1 later\r\n451 4.7.1 perhaps\r\n";
  if (choice < 240) {
    server.is_closed = true;
    return choice < 236 ? "421 4.3.2 closing\r\n" : "";
  }
  is_lying = true;
  if (choice < 244) return "354 go\r\n";
  if (choice < 248) return "250 2.0.0 one\r\n250 2.0.0 two\r\n";
  return choices.bytes(choices.next());
}

std::string Conversation::receive(std::string_view bytes) {
  std::string answers = server.receive(bytes);
  if (server.is_closed) stream->end();
  return answers;
}

// For every recipient that counts as accepted there is a message of the server's; for every message
// of the server's there is a result that admits it.
void Conversation::check() const {
  for (std::size_t i = 0; i < kMessages; ++i) {
    require(results[i].has_value());
    const TransactionResult& result = *results[i];
    const bool is_answered = result.end == TransactionEnd::answered;
    require(result.recipients.size() == (is_answered ? messages[i].recipients.size() : 0));
    for (const auto& verdict : result.recipients) require(verdict.reply.code != 0);
    if (is_lying) continue;

    const auto taken =
        std::ranges::find(server.messages, bodies[i]->bytes(), &ScriptedServer::Message::body);
    const bool was_taken = taken != server.messages.end();
    const bool is_right = was_taken && taken->sender == messages[i].reverse_path;
    // Behind a refused RSET a flight may join an older message, which nobody can call back.
    if (was_taken && is_reset_kept) require(is_right);
    if (was_taken && !is_answered) require(result.end == TransactionEnd::ambiguous);
    for (std::size_t r = 0; r < result.recipients.size(); ++r) {
      if (!result.recipients[r].reply.is_positive()) continue;
      require(is_right);
      require(std::ranges::find(taken->recipients, messages[i].recipients[r]) !=
              taken->recipients.end());
    }
  }
}

Task<void> send(Conversation& conversation, std::size_t i) {
  auto result = co_await conversation.session->send(conversation.messages[i]);
  conversation.results[i] = std::move(result);
  conversation.changed.notify_all();
}

Task<void> converse(Conversation& conversation) {
  ClientSession& session = *conversation.session;
  auto opened = co_await session.open();
  TaskScope sends(conversation.shard.run_queue());
  for (std::size_t i = 0; i < kMessages; ++i) {
    while (session.is_usable() && session.free_slots() == 0) {
      auto waited = co_await conversation.changed.wait(Deadline::never());
      require(waited.has_value());
    }
    sends.spawn(send(conversation, i));
  }
  co_await sends.join();
  const auto deadline = Deadline::in(conversation.shard.clock(), kTimeout);
  co_await session.close(deadline);
}

ClientSettings quick_settings() {
  ClientSettings settings;
  settings.hostname = "client.test";
  settings.timeouts = {
      .greeting = kTimeout, .command = kTimeout, .data = kTimeout, .final = kTimeout};
  return settings;
}

}  // namespace
}  // namespace sluice::smtp

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;        // NOLINT(google-build-using-namespace): the one entry
  using namespace sluice::smtp;  // NOLINT(google-build-using-namespace)
  // One ring for all inputs: making one costs more than a conversation.
  static const std::unique_ptr<Shard> shard = std::move(Shard::open(ShardId(0), 1)).value();
  Conversation conversation(*shard, data, size);
  auto stream = std::make_unique<ServerStream>(
      *shard, conversation.server.greeting,
      [&](std::string_view bytes) { return conversation.receive(bytes); });
  conversation.stream = stream.get();
  stream->split_answers(conversation.split_bytes);
  conversation.session =
      std::make_unique<ClientSession>(*shard, quick_settings(), std::move(stream));
  conversation.session->on_finished([&] { conversation.changed.notify_all(); });
  shard->run(converse(conversation));
  conversation.check();
  return 0;
}
