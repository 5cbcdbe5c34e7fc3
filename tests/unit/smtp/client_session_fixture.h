// What the tests of the client's session share: a scripted server, messages, and one run of them
// all.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/event.h"
#include "core/shard.h"
#include "core/task_scope.h"
#include "smtp/client_session.h"
#include "tests/unit/smtp/scripted_server.h"
#include "tests/unit/smtp/server_stream.h"

namespace sluice::smtp {

// A body in memory that is given in parts, at once by default, and may fail.
class ScriptedBody final : public OutgoingBody {
 public:
  explicit ScriptedBody(std::string bytes) : bytes_(std::move(bytes)), size_(bytes_.size()) {}

  void split(std::size_t part_bytes) { part_bytes_ = part_bytes; }
  void fail_at(std::size_t offset) { fails_at_ = offset; }
  void pretend_size(std::uint64_t size) { size_ = size; }

  std::uint64_t size() const override { return size_; }
  Task<Result<std::span<const std::string_view>>> next() override {
    if (given_ >= fails_at_) co_return fail(ErrorCode::corrupt, "the disk lies");
    piece_ = std::string_view(bytes_).substr(given_, part_bytes_);
    given_ += piece_.size();
    co_return std::span<const std::string_view>(&piece_, piece_.empty() ? 0 : 1);
  }

 private:
  std::string bytes_;
  std::uint64_t size_;
  std::size_t part_bytes_ = std::string::npos;
  std::size_t fails_at_ = std::string::npos;
  std::size_t given_ = 0;
  std::string_view piece_;
};

struct ScriptedMail {
  std::string sender;
  std::vector<std::string> recipients;
  std::unique_ptr<ScriptedBody> body;
  BodyType type = BodyType::seven_bit;
};

class ClientSessionTest : public testing::Test {
 protected:
  ClientSessionTest() : shard_(std::move(Shard::open(ShardId(0), 1)).value()), changed_(*shard_) {
    settings_.hostname = "client.test";
  }

  ScriptedMail& add(std::string sender, std::vector<std::string> recipients, std::string body) {
    mails_.push_back(ScriptedMail{.sender = std::move(sender),
                                  .recipients = std::move(recipients),
                                  .body = std::make_unique<ScriptedBody>(std::move(body))});
    return mails_.back();
  }
  // Messages from sender0@a.test to rcpt0@b.test and so on, with bodies that name them.
  void add_numbered(int count) {
    for (int i = 0; i < count; ++i) {
      const std::string number = std::to_string(mails_.size());
      add("sender" + number + "@a.test", {"rcpt" + number + "@b.test"}, "body " + number + "\r\n");
    }
  }

  // The answer to lines that start so, whenever they come.
  void answer(std::string start, std::string reply) {
    rules_.emplace_back(std::move(start), std::move(reply));
    server_.override_with = [this](std::string_view line) -> std::optional<std::string> {
      for (const auto& [prefix, said] : rules_) {
        if (line.starts_with(prefix)) return said;
      }
      return std::nullopt;
    };
  }

  // Opens a session; the stream is set up by then.
  void make_session() {
    auto stream = std::make_unique<ServerStream>(
        *shard_, server_.greeting, [this](std::string_view bytes) { return receive(bytes); });
    stream_ = stream.get();
    if (prepare_stream_) prepare_stream_(*stream_);
    session_ = std::make_unique<ClientSession>(*shard_, settings_, std::move(stream), upgrade_to_);
    session_->on_finished([this] {
      ++times_finished_;
      changed_.notify_all();
    });
  }

  // Opens, sends every message as free slots allow, and closes.
  void run() {
    make_session();
    shard_->run(send_all(*this));
    writes_ = stream_->writes();
    session_.reset();
  }

  static Task<void> open(ClientSessionTest& test) {
    auto opened = co_await test.session_->open();
    test.opened_ = std::make_unique<Result<Opened>>(std::move(opened));
  }

  static Task<void> send_one(ClientSessionTest& test, std::size_t i) {
    ScriptedMail& mail = test.mails_[i];
    OutgoingMessage message{.reverse_path = mail.sender,
                            .recipients = mail.recipients,
                            .body_type = mail.type,
                            .body = mail.body.get()};
    auto result = co_await test.session_->send(std::move(message));
    test.results_[i] = std::move(result);
    ++test.answered_;
    test.changed_.notify_all();
  }

  static Task<void> close(ClientSessionTest& test) {
    const auto deadline = Deadline::in(test.shard_->clock(), test.close_within_);
    co_await test.session_->close(deadline);
  }

  static Task<void> send_all(ClientSessionTest& test) {
    test.results_.resize(test.mails_.size());
    co_await open(test);
    TaskScope sends(test.shard_->run_queue());
    ClientSession& session = *test.session_;
    for (std::size_t i = 0; i < test.mails_.size(); ++i) {
      while (session.is_usable() && session.free_slots() == 0) {
        // A lost notification shows as a failed test, not as a hang.
        const auto liveness = Deadline::in(test.shard_->clock(), std::chrono::seconds(30));
        auto waited = co_await test.changed_.wait(liveness);
        if (!waited) break;
      }
      sends.spawn(send_one(test, i));
      test.in_flight_most_ = std::max(test.in_flight_most_, session.in_flight());
    }
    co_await sends.join();
    test.was_usable_ = session.is_usable();
    test.was_secured_ = session.tls().has_value();
    test.has_tls_failed_ = session.has_tls_failed();
    test.failure_ = session.failure();
    co_await close(test);
  }

  // The final verdict of a message of one recipient: its code, or 0 when there is none.
  int code(std::size_t i) const {
    const TransactionResult& result = results_[i];
    return result.end == TransactionEnd::answered ? result.recipients[0].reply.code : 0;
  }
  TransactionEnd end(std::size_t i) const { return results_[i].end; }

  std::string receive(std::string_view bytes) {
    std::string answers = server_.receive(bytes);
    if (server_.is_closed) stream_->end();
    return answers;
  }

  std::unique_ptr<Shard> shard_;
  Event changed_;
  ClientSettings settings_;
  ScriptedServer server_;
  TlsUpgrade* upgrade_to_ = nullptr;
  std::function<void(ServerStream&)> prepare_stream_;
  Duration close_within_ = std::chrono::seconds(30);

  ServerStream* stream_ = nullptr;
  std::unique_ptr<ClientSession> session_;
  std::vector<ScriptedMail> mails_;
  std::vector<std::pair<std::string, std::string>> rules_;

  std::unique_ptr<Result<Opened>> opened_;
  std::vector<TransactionResult> results_;
  std::vector<std::string> writes_;
  std::string failure_;
  std::size_t answered_ = 0;
  unsigned in_flight_most_ = 0;
  int times_finished_ = 0;
  bool was_usable_ = false;
  bool was_secured_ = false;
  bool has_tls_failed_ = false;
};

}  // namespace sluice::smtp
