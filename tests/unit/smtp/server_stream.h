// ServerStream: a Stream in memory whose other end is a server without I/O.
//
// What is sent reaches the server at once; its answers come back in pieces of a chosen size, each
// after the other tasks had their turn. No real time passes.
#pragma once

#include <algorithm>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/event.h"
#include "core/shard.h"
#include "core/stream.h"

namespace sluice::smtp {

class ServerStream final : public Stream {
 public:
  // Takes what was sent and returns the answers.
  using Server = std::function<std::string(std::string_view)>;

  ServerStream(Shard& shard, std::string greeting, Server server)
      : shard_(shard), changed_(shard), server_(std::move(server)), answers_(std::move(greeting)) {}

  // At most so many bytes come with one fill.
  void split_answers(std::size_t bytes) { split_bytes_ = bytes; }
  // The connection breaks when so many bytes of answers were read; with what the server did not
  // see.
  void break_after_answers(std::size_t bytes) { answers_left_ = bytes; }
  // The server has ended the connection: what it said can still be read.
  void end() {
    if (is_end_ignored_) return;
    is_ended_ = true;
    changed_.notify_all();
  }
  // While held, sends wait: a peer that does not read.
  void hold_sends() { is_held_ = true; }
  // The connection stays open although the server ended it.
  void ignore_end() { is_end_ignored_ = true; }
  // Sees what is sent before the server does, and may answer.
  void watch(Server watcher) { watcher_ = std::move(watcher); }

  // What was sent, one entry per send.
  const std::vector<std::string>& writes() const { return writes_; }

  std::string_view received() const override { return received_; }
  void consume(std::size_t bytes) override { received_.erase(0, bytes); }

  Task<Result<void>> fill(Deadline deadline) override {
    for (int turn = 0; turn < 2; ++turn) co_await yield(shard_);
    while (true) {
      TaskContext& context = co_await current_context();
      if (context.is_cancelled() || is_closed_) co_return fail(ErrorCode::cancelled, "closed");
      if (answers_left_ == 0) co_return fail(ErrorCode::connection_lost, "reset by the peer");
      if (!answers_.empty()) break;
      if (is_ended_) co_return fail(ErrorCode::end_of_stream, "closed by the peer");
      auto waited = co_await changed_.wait(deadline);
      if (!waited) co_return std::unexpected(std::move(waited).error());
    }
    const std::size_t bytes = std::min({answers_.size(), split_bytes_, answers_left_});
    received_ += answers_.substr(0, bytes);
    answers_.erase(0, bytes);
    if (answers_left_ != std::string::npos) answers_left_ -= bytes;
    co_return Result<void>();
  }

  Task<Result<void>> send(std::span<const std::string_view> pieces, Deadline deadline) override {
    co_await yield(shard_);
    while (true) {
      TaskContext& context = co_await current_context();
      if (context.is_cancelled() || is_closed_) co_return fail(ErrorCode::cancelled, "closed");
      if (!is_held_) break;
      auto waited = co_await changed_.wait(deadline);
      if (!waited) co_return std::unexpected(std::move(waited).error());
    }
    if (is_ended_) co_return fail(ErrorCode::connection_lost, "broken pipe");
    std::string write;
    for (const auto piece : pieces) write += piece;
    if (watcher_) answers_ += watcher_(write);
    answers_ += server_(write);
    writes_.push_back(std::move(write));
    changed_.notify_all();
    co_await yield(shard_);
    co_return Result<void>();
  }

  Task<void> close() override {
    is_closed_ = true;
    changed_.notify_all();
    co_return;
  }

 private:
  Shard& shard_;
  Event changed_;
  Server server_;
  Server watcher_;
  std::string answers_;
  std::string received_;
  std::vector<std::string> writes_;
  std::size_t split_bytes_ = std::string::npos;
  std::size_t answers_left_ = std::string::npos;
  bool is_ended_ = false;
  bool is_end_ignored_ = false;
  bool is_held_ = false;
  bool is_closed_ = false;
};

}  // namespace sluice::smtp
