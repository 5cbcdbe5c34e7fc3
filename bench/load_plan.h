// LoadPlan: which messages a run sends. Shared by every connection: each takes the next number.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load_message.h"
#include "core/clock.h"
#include "core/error.h"

namespace sluice::bench {

// A size and how often it occurs among the others.
struct SizeShare {
  std::uint64_t bytes;
  std::uint64_t weight;
};

// "10KB", or "2KB:5,10KB:4,1MB:1" with weights.
Result<std::vector<SizeShare>> parse_sizes(std::string_view text);

struct LoadSettings {
  std::uint64_t messages = 1000;
  double rate = 0;  // messages/s over all connections; 0: as fast as it goes
  std::vector<SizeShare> sizes = {{.bytes = 10'000, .weight = 1}};
  unsigned recipients = 1;
  unsigned domains = 50;
  std::uint64_t seed = 1;
  std::string run = {};  // in front of every id
};

// One message to send.
struct PlannedMessage {
  std::uint64_t number;
  std::string sender;
  std::vector<std::string> recipients;
  std::uint64_t bytes;
  std::optional<Instant> due;  // nothing: as soon as a connection is free
};

class LoadPlan {
 public:
  LoadPlan(const LoadSettings& settings, Instant start);

  // From any thread; nothing when the run has given out every message, or was stopped.
  std::optional<PlannedMessage> next();
  void stop() { next_.store(settings_.messages); }
  bool is_exhausted() const { return next_.load() >= settings_.messages; }
  const LoadMessageMaker& maker() const { return maker_; }

 private:
  std::uint64_t bytes_of(std::uint64_t number) const;

  const LoadSettings& settings_;
  Instant start_;
  LoadMessageMaker maker_;
  std::uint64_t weights_ = 0;
  std::atomic<std::uint64_t> next_{0};
};

}  // namespace sluice::bench
