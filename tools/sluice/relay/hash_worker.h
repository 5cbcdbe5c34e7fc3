// HashWorker: checks passwords on workers of its own, within a share of the processor time.
//
// A check takes tens of milliseconds, so a shard never does one. Those that wait are bounded. Who
// comes first is decided against attackers: a check of lower rank (fewer attempts of its address)
// goes first, and among equals the latest, whose client surely still waits for the answer; a full
// queue gives up the last in that order. So a new login succeeds while others guess passwords from
// hundreds of addresses. A user who does not exist costs the same work as one who does.
// check() is for any shard; the rest for whoever owns it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <unordered_map>
#include <vector>

#include "core/executor.h"
#include "core/mailbox.h"
#include "core/secret.h"
#include "core/task.h"
#include "relay/hashing_allowance.h"
#include "relay/user_directory.h"

namespace sluice {
class Shard;
}

namespace sluice::relay {

inline constexpr Duration kHashWaitMax = std::chrono::seconds(20);

struct HashWorkerSettings {
  std::uint32_t share = 25;  // percent of all cores
  std::uint32_t queue_max = 256;
  std::size_t cores = 1;
  Duration wait_max = kHashWaitMax;
};

struct PasswordCheck {
  std::shared_ptr<const User> user;  // null: there is none, and the work is the same
  Secret password;
  std::uint32_t rank = 0;
};

enum class CheckOutcome : std::uint8_t {
  right,
  wrong,
  overloaded,  // not looked at: too many wait, or it waited too long
  failed,      // no memory for the work
};

class HashWorker {
 public:
  explicit HashWorker(const HashWorkerSettings& settings);
  HashWorker(const HashWorker&) = delete;
  HashWorker& operator=(const HashWorker&) = delete;
  ~HashWorker();  // asserts that nobody waits

  // Cannot be cancelled; ends within wait_max and the time of a check.
  Task<CheckOutcome> check(Shard& shard, PasswordCheck check);

  // The relay stops: whoever waits is answered at once, as whoever still comes.
  void close();

  // Ends the threads. Before the shards that asked are destroyed: a thread may still be looking at
  // the mailbox of the shard that has its answer. Nobody may ask any more.
  void stop();

 private:
  struct Request;
  struct Before {
    bool operator()(const Request* a, const Request* b) const;
  };
  // What one worker has of its own.
  struct Bench {
    std::unique_ptr<Worker> worker;
    Outboxes outboxes;
  };

  bool enqueue(Request& request);  // false when it was refused
  Instant step(Bench& bench);
  void give_up_late(Instant now);
  Request* next_request(Instant now);
  void work(Bench& bench, Request& request);
  static void answer(Bench& bench, Request& request, CheckOutcome outcome);

  const std::size_t queue_max_;
  const Duration wait_max_;
  Clock clock_;
  std::mutex mutex_;  // guards what follows
  std::set<Request*, Before> waiting_;
  std::vector<Request*> given_up_;  // to be answered
  HashingAllowance allowance_;
  std::uint64_t arrivals_ = 0;
  bool is_closed_ = false;

  Executor executor_;
  std::vector<std::unique_ptr<Bench>> benches_;
};

}  // namespace sluice::relay
