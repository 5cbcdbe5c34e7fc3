// LoadConnection: one connection of sluice-load. Takes messages from the plan and submits them, a
// batch of `depth` at a time; opens a new connection when one breaks.
//
// A message counts as accepted when its last reply is 2xx, as rejected when a reply refuses it, as
// unknown when the connection broke before.
//
// Latency runs from the first byte to the last reply. With a rate, a connection that is still busy
// when its next message is due is behind: that message's latency runs from when it was due, or a
// server that stalls would hide the wait it causes. Lives on one shard.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bench/ledger.h"
#include "bench/load_plan.h"
#include "core/metrics.h"
#include "core/shard.h"
#include "core/socket.h"
#include "tls/client_context.h"
#include "tls/securable_stream.h"

namespace sluice::bench {

// How a message travels: by what the server offers, or as told.
enum class LoadMode : std::uint8_t { automatic, plain, pipelining, chunking };

// When a connection becomes TLS: never, after STARTTLS (RFC 3207), before the first word (RFC
// 8314 3.3).
enum class LoadSecurity : std::uint8_t { clear, starttls, implicit };

struct ConnectionSettings {
  Endpoint to;
  LoadMode mode = LoadMode::automatic;
  unsigned depth = 1;
  Duration give_up = std::chrono::seconds(30);  // without any connection for that long
  LoadSecurity security = LoadSecurity::clear;
  std::shared_ptr<const tls::ClientContext> context = {};  // not null unless clear
  std::string server_name = {};                            // that the certificate must carry
  std::string user = {};                                   // empty: no AUTH
  std::string password = {};
};

// Counted per shard.
struct LoadCounters {
  std::uint64_t accepted = 0;
  std::uint64_t recipients = 0;
  std::uint64_t rejected = 0;
  std::uint64_t unknown = 0;
  std::uint64_t connections = 0;
  std::uint64_t connection_failures = 0;
  std::map<int, std::uint64_t> refusals;  // by reply code
  Histogram latency;                      // see LoadConnection
};

class LoadConnection {
 public:
  LoadConnection(Shard& shard, const ConnectionSettings& settings, LoadPlan& plan,
                 LoadCounters& counters, Ledger& ledger);

  // Until the plan is exhausted, or no connection could be had for `give_up`.
  Task<void> run();

 private:
  struct Answer {
    int code;
    std::string text;  // of its last line
  };
  // A message on its way: what was accepted of it so far.
  struct InFlight {
    PlannedMessage message;
    LoadMessage bytes;
    std::vector<bool> recipients;
    bool has_mail = false;
    bool is_ended = false;
  };

  Task<Result<void>> open();
  Task<Result<void>> secure();
  Task<Result<Answer>> greet();
  Task<Result<void>> log_in();
  Task<Result<void>> submit_batches();
  Task<Result<void>> wait_until_due();
  Task<Result<void>> submit_batch();
  Task<Result<void>> submit_chunked();
  Task<Result<void>> submit_by_data();
  Task<Result<void>> read_envelope_replies(InFlight& flight);
  Task<Result<void>> send(std::vector<std::string_view> pieces);
  Task<Result<Answer>> read_answer();
  Task<Result<Answer>> exchange(std::string line);
  void take_batch();
  std::string envelope_commands(const InFlight& flight) const;
  void finish(InFlight& flight, const Answer& answer);
  void lose_batch();

  Shard& shard_;
  const ConnectionSettings& settings_;
  LoadPlan& plan_;
  LoadCounters& counters_;
  Ledger& ledger_;
  std::unique_ptr<tls::SecurableStream> stream_;
  LoadMode mode_ = LoadMode::plain;
  std::vector<InFlight> batch_;
  Instant batch_start_{0};
};

}  // namespace sluice::bench
