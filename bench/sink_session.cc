#include "bench/sink_session.h"

#include <array>

namespace sluice::bench {
namespace {

constexpr Duration kIdleMax = std::chrono::minutes(30);
constexpr std::size_t kPendingMax = 4096;  // replies on the long line; then reading pauses

}  // namespace

SinkSession::SinkSession(Shard& shard, const SinkSettings& settings, Duration latency,
                         SinkCounters& counters, Ledger& ledger, std::unique_ptr<Stream> stream,
                         std::shared_ptr<const tls::ServerContext> tls)
    : shard_(shard),
      latency_(latency),
      tls_(std::move(tls)),
      stream_(shard, std::move(stream)),
      dialogue_(settings, shard.clock(), shard.random(), counters, ledger),
      changed_(shard),
      scope_(shard.run_queue()) {}

Task<void> SinkSession::run() {
  if (latency_ > Duration(0)) scope_.spawn(send_when_due());
  // How a client ends a connection is its own affair; what it left undone shows in the ledger.
  [[maybe_unused]] const auto ended = co_await converse();
  is_reading_ = false;
  changed_.notify_all();
  co_await scope_.join();
  co_await stream_.close();
}

Task<Result<void>> SinkSession::converse() {
  std::string greeting;
  dialogue_.greet(greeting);
  auto greeted = co_await answer(std::move(greeting));
  if (!greeted) co_return greeted;
  while (!dialogue_.is_over()) {
    std::string replies;
    stream_.consume(dialogue_.take(stream_.received(), replies));
    if (!replies.empty()) {
      auto sent = co_await answer(std::move(replies));
      if (!sent) co_return sent;
    }
    if (dialogue_.is_over()) break;
    if (dialogue_.wants_tls()) {
      auto secured = co_await secure();
      if (!secured) co_return secured;
      continue;
    }
    const Deadline idle = Deadline::in(shard_.clock(), kIdleMax);
    auto filled = co_await stream_.fill(idle);
    if (!filled) co_return filled;
  }
  co_return Result<void>();
}

// After the 220 has left, which a long line takes a while for.
Task<Result<void>> SinkSession::secure() {
  while (!pending_.empty()) {
    auto sent = co_await changed_.wait(Deadline::never());
    if (!sent) co_return sent;
  }
  stream_.discard_received();
  const Deadline deadline = Deadline::in(shard_.clock(), kIdleMax);
  auto facts = co_await stream_.secure(tls_, deadline);
  if (!facts) co_return std::unexpected(std::move(facts).error());
  dialogue_.secured();
  co_return Result<void>();
}

Task<Result<void>> SinkSession::answer(std::string replies) {
  if (latency_ > Duration(0)) {
    const Instant due = shard_.clock().now() + latency_;
    while (pending_.size() >= kPendingMax) {
      auto room = co_await changed_.wait(Deadline::never());
      if (!room) co_return room;
    }
    pending_.push_back(Pending{.due = due, .replies = std::move(replies)});
    changed_.notify_all();
    co_return Result<void>();
  }
  const std::array<std::string_view, 1> pieces = {replies};
  const Deadline deadline = Deadline::in(shard_.clock(), kIdleMax);
  co_return co_await stream_.send(pieces, deadline);
}

Task<void> SinkSession::send_when_due() {
  while (is_reading_ || !pending_.empty()) {
    if (pending_.empty()) {
      if (!co_await changed_.wait(Deadline::never())) co_return;
      continue;
    }
    const Deadline due = Deadline::at(pending_.front().due);
    if (!co_await sleep_until(shard_, due)) co_return;
    const std::string replies = std::move(pending_.front().replies);
    pending_.pop_front();
    changed_.notify_all();
    const std::array<std::string_view, 1> pieces = {replies};
    const Deadline deadline = Deadline::in(shard_.clock(), kIdleMax);
    // A client that is gone has no use for the rest.
    if (!co_await stream_.send(pieces, deadline)) pending_.clear();
  }
}

}  // namespace sluice::bench
