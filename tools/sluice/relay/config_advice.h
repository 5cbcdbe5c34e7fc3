// config_advice: what a valid configuration should make its operator think about, and what is wrong
// with the certificates that it names. For `sluice check`; reads those files.
#pragma once

#include <string>
#include <vector>

#include "core/clock.h"
#include "relay/config.h"

namespace sluice::relay {

struct ConfigAdvice {
  std::vector<std::string> problems;  // a start would fail for these
  std::vector<std::string> warnings;
};

// A warning: a listener through which anyone on the internet could relay, a certificate that has
// ended or will within 14 days. A problem: a key that does not fit its certificate.
ConfigAdvice advise(const RelayConfig& config, WallTime now);

}  // namespace sluice::relay
