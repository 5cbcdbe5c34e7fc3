// SinkSession: one connection to sluice-sink. Without latency, replies leave as soon as the
// input that asked for them was read; with it, each leaves that much later, overlapping, as on a
// long line. Lives on the shard of its stream.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "bench/sink_dialogue.h"
#include "core/event.h"
#include "core/shard.h"
#include "core/stream.h"
#include "core/task_scope.h"
#include "tls/securable_stream.h"
#include "tls/server_context.h"

namespace sluice::bench {

class SinkSession {
 public:
  // `tls` is for STARTTLS; null where the settings do not offer it.
  SinkSession(Shard& shard, const SinkSettings& settings, Duration latency, SinkCounters& counters,
              Ledger& ledger, std::unique_ptr<Stream> stream,
              std::shared_ptr<const tls::ServerContext> tls);

  // The whole conversation; closes the stream.
  Task<void> run();

 private:
  struct Pending {
    Instant due;
    std::string replies;
  };

  Task<Result<void>> converse();
  Task<Result<void>> secure();
  Task<Result<void>> answer(std::string replies);
  Task<void> send_when_due();

  Shard& shard_;
  Duration latency_;
  std::shared_ptr<const tls::ServerContext> tls_;
  tls::SecurableStream stream_;
  SinkDialogue dialogue_;
  std::deque<Pending> pending_;
  Event changed_;
  bool is_reading_ = true;
  TaskScope scope_;
};

}  // namespace sluice::bench
