#include "spool/commit_pacing.h"

#include <algorithm>

namespace sluice::spool {

namespace {

// Over which time the rate is averaged.
constexpr double kAverageSeconds = 0.05;

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

Instant CommitPacing::due(Instant now, const Load& load) const {
  const bool is_enough = load.messages >= kMessagesEnough || load.bytes >= kBytesEnough;
  if (is_enough || !load.is_receiving) return now;
  return std::max(now, last_start_ + gap());
}

void CommitPacing::started(Instant now, std::size_t messages) {
  const double elapsed = std::max(seconds(now - last_start_), 1e-6);
  const double weight = elapsed / (elapsed + kAverageSeconds);
  rate_ += weight * (static_cast<double>(messages) / elapsed - rate_);
  last_start_ = now;
}

Duration CommitPacing::gap() const {
  if (rate_ < kBusyRate) return Duration::zero();
  const double fraction = std::min((rate_ - kBusyRate) / (kFullRate - kBusyRate), 1.0);
  return kGapMin + Duration(static_cast<Duration::rep>(
                       fraction * static_cast<double>((kGapMax - kGapMin).count())));
}

}  // namespace sluice::spool
