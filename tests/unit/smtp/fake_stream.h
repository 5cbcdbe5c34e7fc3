// FakeStream: a Stream in memory. The test scripts what the peer sends and reads what it was sent.
//
// Before a fill gives anything it lets the other tasks run, as a network would, so what a session
// flushes before it waits has left by then. No real time passes: a deadline is reached when the
// script says so.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/event.h"
#include "core/shard.h"
#include "core/stream.h"

namespace sluice::smtp {

class FakeStream final : public Stream {
 public:
  explicit FakeStream(Shard& shard) : shard_(shard), changed_(shard) {}

  // The peer sends these bytes; each call is what one fill receives.
  void feed(std::string bytes) { script_.push_back({.awaited = {}, .bytes = std::move(bytes)}); }

  // The peer sends `bytes` in pieces of at most `piece_bytes`.
  void feed_split(std::string_view bytes, std::size_t piece_bytes) {
    for (; bytes.size() > piece_bytes; bytes.remove_prefix(piece_bytes)) {
      feed(std::string(bytes.substr(0, piece_bytes)));
    }
    feed(std::string(bytes));
  }

  // The peer sends `bytes` once it has seen `awaited` in what it was sent since the last such step.
  void feed_after(std::string awaited, std::string bytes) {
    script_.push_back({.awaited = std::move(awaited), .bytes = std::move(bytes)});
  }

  // What a fill returns when the script is used up; at first end_of_stream. Nothing: it waits until
  // more is fed, the stream is closed, or its task is cancelled.
  void end_with(std::optional<ErrorCode> code) { end_ = code; }

  // Sends fail from the n-th on.
  void fail_sends_from(std::size_t n, ErrorCode code) {
    failing_from_ = n;
    failure_ = code;
  }
  // While held, sends wait: a peer that does not read.
  void hold_sends() { sends_are_held_ = true; }
  void release_sends() {
    sends_are_held_ = false;
    changed_.notify_all();
  }
  // Something was fed while a fill waits.
  void wake() { changed_.notify_all(); }

  // What was sent, one entry per send.
  const std::vector<std::string>& writes() const { return writes_; }
  std::string output() const {
    std::string all;
    for (const auto& write : writes_) all += write;
    return all;
  }
  bool is_closed() const { return is_closed_; }
  std::size_t unread() const { return received_.size(); }

  std::string_view received() const override { return received_; }

  void consume(std::size_t bytes) override {
    SLUICE_ASSERT(bytes <= received_.size(), "only what was received can be consumed");
    received_.erase(0, bytes);
  }

  Task<Result<void>> fill(Deadline deadline) override {
    if (received_.size() >= kReceivedBytesMax) co_return fail(ErrorCode::limit_exceeded, "full");
    for (int turn = 0; turn < 3; ++turn) co_await yield(shard_);
    while (true) {
      TaskContext& context = co_await current_context();
      if (context.is_cancelled() || is_closed_) co_return fail(ErrorCode::cancelled, "fake");
      if (take_step()) co_return Result<void>();
      if (script_.empty() && end_) co_return fail(*end_, "fake: the script is used up");
      auto waited = co_await changed_.wait(deadline);
      if (!waited) co_return std::unexpected(std::move(waited).error());
    }
  }

  Task<Result<void>> send(std::span<const std::string_view> pieces, Deadline deadline) override {
    while (sends_are_held_) {
      auto waited = co_await changed_.wait(deadline);
      if (!waited) co_return std::unexpected(std::move(waited).error());
    }
    co_await yield(shard_);
    if (is_closed_) co_return fail(ErrorCode::cancelled, "fake: closed");
    if (writes_.size() >= failing_from_) co_return fail(failure_, "fake: send failed");
    std::string write;
    for (const auto piece : pieces) write += piece;
    unmatched_ += write;
    writes_.push_back(std::move(write));
    changed_.notify_all();
    co_return Result<void>();
  }

  Task<void> close() override {
    is_closed_ = true;
    changed_.notify_all();
    co_return;
  }

 private:
  struct Step {
    std::string awaited;
    std::string bytes;
  };

  bool take_step() {
    if (script_.empty()) return false;
    const std::size_t found = unmatched_.find(script_.front().awaited);
    if (found == std::string::npos) return false;
    if (!script_.front().awaited.empty())
      unmatched_.erase(0, found + script_.front().awaited.size());
    received_ += script_.front().bytes;
    script_.pop_front();
    return true;
  }

  Shard& shard_;
  Event changed_;
  std::deque<Step> script_;
  std::optional<ErrorCode> end_ = ErrorCode::end_of_stream;
  std::string received_;
  std::vector<std::string> writes_;
  std::string unmatched_;
  std::size_t failing_from_ = SIZE_MAX;
  ErrorCode failure_ = ErrorCode::connection_lost;
  bool sends_are_held_ = false;
  bool is_closed_ = false;
};

}  // namespace sluice::smtp
