// HostResolver: addresses of smart hosts named in the configuration. A worker asks the system's
// resolver, which may block; answers are kept for a minute. Addresses need no look-up.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/executor.h"
#include "core/ip_address.h"
#include "core/shard_group.h"
#include "core/task.h"
#include "relay/config.h"

namespace sluice::relay {

class HostResolver {
 public:
  explicit HostResolver(ShardGroup& shards);
  ~HostResolver();

  Task<Result<std::vector<Endpoint>>> resolve(Shard& shard, SmartHost host);

 private:
  struct Request;
  struct Known {
    std::vector<IpAddress> addresses;
    Instant until;
  };
  Instant step();
  Result<std::vector<IpAddress>> look_up(const std::string& name);
  static Result<std::vector<IpAddress>> ask_system(const std::string& name);

  ShardGroup& shards_;
  Clock clock_;
  std::mutex mutex_;
  std::vector<Request*> requests_;
  std::unordered_map<std::string, Known> known_;
  Executor executor_;
  std::unique_ptr<Worker> worker_;
};

}  // namespace sluice::relay
