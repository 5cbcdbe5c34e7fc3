#include "spool/commit_pacing.h"

#include <algorithm>

namespace sluice::spool {

namespace {

// Over which time the rate is averaged.
constexpr double kAverageSeconds = 0.05;
// Which part of the messages that may come is waited for: two of five. More of them save commits,
// but what is left of the machine then waits with them (docs/performance.md, "What was tried").
constexpr std::size_t kEnoughOfFive = 2;

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

Instant CommitPacing::due(Instant now, const Load& load) const {
  const bool is_enough = load.messages >= messages_enough() || load.bytes >= kBytesEnough;
  if (is_enough) return now;
  return std::max(now, last_start_ + gap());
}

void CommitPacing::started(Instant now, std::size_t messages) {
  const double elapsed = std::max(seconds(now - last_start_), 1e-6);
  const double weight = elapsed / (elapsed + kAverageSeconds);
  rate_ += weight * (static_cast<double>(messages) / elapsed - rate_);
  last_start_ = now;
  last_messages_ = messages;
}

void CommitPacing::answered(std::size_t waiting) { expected_ = last_messages_ + waiting; }

std::size_t CommitPacing::messages_enough() const {
  return std::clamp<std::size_t>(expected_ * kEnoughOfFive / 5, 1, kMessagesEnough);
}

Duration CommitPacing::gap() const {
  if (rate_ < kBusyRate) return Duration::zero();
  const double fraction = std::min((rate_ - kBusyRate) / (kFullRate - kBusyRate), 1.0);
  return kGapMin + Duration(static_cast<Duration::rep>(
                       fraction * static_cast<double>((kGapMax - kGapMin).count())));
}

}  // namespace sluice::spool
