// Resolver: asks the domain name system for one shard. It keeps nothing: that is core/dns_cache.
//
// One side of the seam for simulation: core/resolver.cc asks servers through c-ares, whose sockets
// the shard's ring polls; the simulation links its own. Servers that are silent or fail are passed
// over, replies that were cut come again over TCP, replies to other questions are ignored.
// Used on the shard's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/dns_answer.h"
#include "core/dns_question.h"
#include "core/task.h"

namespace sluice {

class Shard;

// Whose word that an answer is authentic (the AD bit) is believed.
enum class TrustAd : std::uint8_t {
  loopback,  // of servers on this machine, when all are
  always,
  never,
};

struct ResolverSettings {
  std::vector<Endpoint> servers = {};  // none: those of /etc/resolv.conf
  Duration timeout =
      std::chrono::seconds(2);  // of the first try; each next round has twice as long
  std::uint32_t attempts = 3;   // rounds over the servers
  bool is_rotated = false;      // the servers in turns, not the first one first
  TrustAd trust_ad = TrustAd::loopback;

  friend bool operator==(const ResolverSettings&, const ResolverSettings&) = default;
};

// Questions that one shard has open at once; more are refused (out_of_budget).
inline constexpr std::size_t kOpenQuestionsMax = 2000;

class Resolver {
 public:
  // Where there is no server to ask, every question ends with that Error.
  static std::unique_ptr<Resolver> open(Shard& shard, const ResolverSettings& settings);
  virtual ~Resolver() = default;  // asserts that it was closed

  // The name is a normal one. timed_out when no server answered in its time, refused when they
  // failed, syntax when what came is no answer. Its own tries bound how long it takes.
  virtual Task<Result<DnsAnswer>> ask(DnsQuestion question) = 0;

  // Ends what is open with cancelled, and waits until the kernel has let go of the sockets.
  virtual Task<void> close() = 0;
};

}  // namespace sluice
