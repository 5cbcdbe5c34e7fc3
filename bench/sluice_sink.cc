// sluice-sink: an SMTP server that takes mail, checks it, counts it and drops it. For tests and
// measurements of anything that sends mail.
#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <memory>

#include "bench/ledger.h"
#include "bench/quantity.h"
#include "bench/sink_session.h"
#include "bench/stop_signal.h"
#include "core/listener.h"
#include "core/shard_group.h"
#include "core/socket.h"
#include "tls/certificate.h"
#include "tls/server_context.h"
#include "tls/ticket_keys.h"

namespace sluice::bench {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(50);

struct SinkOptions {
  std::string listen = "127.0.0.1:2526";
  std::string port_file;
  std::string ledger_file;
  std::string latency = "0ms";
  std::string size = "50MB";
  std::vector<std::string> replies;
  std::uint64_t messages = 0;
  std::uint64_t connections = 0;
  unsigned shards = 1;
  std::string certificate_file;
  std::string key_file;
  bool as_json = false;
  SinkSettings settings;
};

void declare_options(CLI::App& app, SinkOptions& options) {
  app.add_option("--listen", options.listen, "Address and port; port 0 picks a free one")
      ->capture_default_str();
  app.add_option("--port-file", options.port_file, "Write the port here once it listens");
  app.add_option("--ledger", options.ledger_file, "Write a line per message and recipient here");
  app.add_option("--messages", options.messages, "End after so many different messages; 0: never");
  app.add_option(
      "--warm-up", options.settings.warm_up,
      "So many messages of each thread come before those: checked, not counted or timed");
  app.add_option("--connections", options.connections, "Refuse more at once with 421; 0: no limit");
  app.add_option("--messages-per-connection", options.settings.messages_per_connection,
                 "Then 421; 0: no limit");
  app.add_option("--recipients-per-message", options.settings.recipients_per_message,
                 "Then 452 4.5.3; 0: no limit");
  app.add_option("--latency", options.latency, "Every reply comes that much later, overlapping")
      ->capture_default_str();
  app.add_option(
      "--reply", options.replies,
      "STAGE:REPLY:PERCENT%, STAGE one of connect ehlo mail rcpt data final; repeatable");
  app.add_option("--size", options.size, "SIZE offered and enforced; 0: not offered")
      ->capture_default_str();
  auto* certificate = app.add_option("--certificate", options.certificate_file,
                                     "Offer STARTTLS with this certificate, in PEM");
  auto* key = app.add_option("--key", options.key_file, "The file of its key");
  certificate->needs(key);
  key->needs(certificate);
  app.add_option("--shards", options.shards, "Threads")->capture_default_str();
  app.add_flag("!--no-pipelining", options.settings.offers_pipelining, "Do not offer PIPELINING");
  app.add_flag("!--no-chunking", options.settings.offers_chunking, "Do not offer CHUNKING");
  app.add_flag("!--no-8bitmime", options.settings.offers_eight_bit_mime, "Do not offer 8BITMIME");
  app.add_flag("!--no-enhancedstatuscodes", options.settings.offers_enhanced_status_codes,
               "Do not offer ENHANCEDSTATUSCODES");
  app.add_flag("--sticky-mail", options.settings.keeps_mail,
               "Keep the reverse-path after a refused BDAT, as Exim does");
  app.add_flag("--json", options.as_json, "Print the summary as JSON");
}

Result<Duration> read_options(SinkOptions& options) {
  SLUICE_TRY(size, parse_bytes(options.size));
  options.settings.size = size;
  for (const std::string& text : options.replies) {
    SLUICE_TRY(rule, ReplyRule::parse(text));
    options.settings.rules.push_back(std::move(rule));
  }
  return parse_duration(options.latency);
}

using TlsContext = std::shared_ptr<const tls::ServerContext>;

// Null: without TLS.
Result<TlsContext> make_tls(SinkOptions& options) {
  if (options.certificate_file.empty()) return TlsContext();
  options.settings.offers_starttls = true;
  SLUICE_TRY(certificate, tls::Certificate::load(options.certificate_file, options.key_file));
  SLUICE_TRY(ticket_keys, tls::TicketKeys::make(Clock()));
  tls::ServerSettings settings{.certificates = {}, .ticket_keys = std::move(ticket_keys)};
  settings.certificates.push_back(std::make_shared<const tls::Certificate>(std::move(certificate)));
  return tls::ServerContext::make(std::move(settings));
}

// One shard's part of the sink.
struct SinkShard {
  SinkCounters counters;
  std::unique_ptr<TaskScope> sessions;
  std::unique_ptr<Event> stopped;
  bool is_stopping = false;
};

class Sink {
 public:
  Sink(const SinkOptions& options, Duration latency, TlsContext tls, ListenSocket& socket,
       Ledger& ledger, ShardGroup& group)
      : options_(options),
        latency_(latency),
        tls_(std::move(tls)),
        socket_(socket),
        ledger_(ledger),
        group_(group),
        shards_(group.size()) {}

  // From any thread.
  void stop() {
    for (std::size_t i = 0; i < shards_.size(); ++i) {
      group_.post(ShardId(static_cast<std::uint16_t>(i)), [this, i] {
        shards_[i].is_stopping = true;
        if (shards_[i].stopped != nullptr) shards_[i].stopped->notify_all();
      });
    }
  }

  Task<void> run(Shard& shard) {
    SinkShard& here = shards_[shard.id().value()];
    here.sessions = std::make_unique<TaskScope>(shard.run_queue());
    here.stopped = std::make_unique<Event>(shard);
    TaskScope accepting(shard.run_queue());
    if (shard.id() == ShardId(0)) accepting.spawn(accept(shard));
    while (!here.is_stopping && !is_complete()) {
      const Deadline tick = Deadline::in(shard.clock(), kTick);
      // Only the time matters here: a notification and a passed tick are answered alike.
      [[maybe_unused]] const auto woken = co_await here.stopped->wait(tick);
      ledger_.flush();
    }
    if (!here.is_stopping) {
      // Complete: the last replies leave before their connections end.
      const Deadline answered = Deadline::in(shard.clock(), latency_ + kTick);
      [[maybe_unused]] const auto woken = co_await here.stopped->wait(answered);
    }
    co_await accepting.close();
    co_await here.sessions->close();
  }

  const std::vector<SinkShard>& shards() const { return shards_; }

 private:
  bool is_complete() const {
    if (options_.messages == 0) return false;
    return ledger_.pairs() >= options_.messages + options_.settings.warm_up * shards_.size();
  }

  Task<void> accept(Shard& shard) {
    co_await accept_connections(shard, socket_, [this](Accepted accepted) { hand_out(accepted); });
  }

  void hand_out(Accepted accepted) {
    const auto target = static_cast<std::uint16_t>(next_++ % shards_.size());
    group_.at(ShardId(0))
        .outbox_to(group_.at(ShardId(target)).mailbox())
        .send([this, target, descriptor = accepted.descriptor] {
          Shard& shard = group_.at(ShardId(target));
          auto stream = adopt_socket(shard, descriptor, Direction::incoming);
          shards_[target].sessions->spawn(serve(shard, std::move(stream)));
        });
  }

  Task<void> serve(Shard& shard, std::unique_ptr<Stream> stream) {
    const std::uint64_t open = open_.fetch_add(1) + 1;
    const bool is_too_many = options_.connections != 0 && open > options_.connections;
    SinkSettings refusing;
    refusing.rules.push_back(ReplyRule{
        .stage = SinkStage::connect, .reply = "421 4.7.0 Too many connections", .probability = 1});
    const SinkSettings& settings = is_too_many ? refusing : options_.settings;
    SinkSession session(shard, settings, latency_, shards_[shard.id().value()].counters, ledger_,
                        std::move(stream), tls_);
    co_await session.run();
    open_.fetch_sub(1);
  }

  const SinkOptions& options_;
  Duration latency_;
  TlsContext tls_;
  ListenSocket& socket_;
  Ledger& ledger_;
  ShardGroup& group_;
  std::vector<SinkShard> shards_;
  std::atomic<std::uint64_t> open_{0};
  std::size_t next_ = 0;
};

nlohmann::ordered_json summarise(const Sink& sink, const Ledger& ledger) {
  SinkCounters total;
  std::vector<std::uint64_t> latency(Histogram::kBuckets);
  for (const SinkShard& shard : sink.shards()) {
    total.connections += shard.counters.connections;
    total.warm_up_messages += shard.counters.warm_up_messages;
    total.messages += shard.counters.messages;
    total.recipients += shard.counters.recipients;
    total.bytes += shard.counters.bytes;
    total.refused += shard.counters.refused;
    total.first = std::min(total.first, shard.counters.first);
    total.last = std::max(total.last, shard.counters.last);
    for (std::size_t i = 0; i < kViolations; ++i) {
      total.violations[i] += shard.counters.violations[i];
    }
    for (std::size_t i = 0; i < latency.size(); ++i) {
      latency[i] += shard.counters.latency.bucket(i);
    }
  }
  const auto milliseconds = [&](double fraction) {
    return std::chrono::duration<double, std::milli>(percentile(latency, fraction)).count();
  };
  // Between the first message and the last.
  const double seconds =
      total.messages == 0 ? 0 : std::chrono::duration<double>(total.last - total.first).count();
  nlohmann::ordered_json violations = nlohmann::ordered_json::object();
  for (std::size_t i = 0; i < kViolations; ++i) {
    violations[std::string(name_of(static_cast<Violation>(i)))] = total.violations[i];
  }
  return {{"warm_up", total.warm_up_messages},
          {"messages", total.messages},
          {"recipients", total.recipients},
          {"unique", ledger.pairs()},
          {"duplicates", ledger.duplicates()},
          {"bytes", total.bytes},
          {"connections", total.connections},
          {"refused", total.refused},
          {"seconds", seconds},
          {"latency_p50_ms", milliseconds(0.5)},
          {"latency_p99_ms", milliseconds(0.99)},
          {"violations", violations}};
}

void print_summary(const nlohmann::ordered_json& summary) {
  for (const auto& [name, value] : summary.items()) {
    if (!value.is_object()) fmt::print("{:<18} {}\n", name, value.dump());
  }
  for (const auto& [name, value] : summary["violations"].items()) {
    if (value != 0) fmt::print("{:<18} {} {}\n", "violation", name, value.dump());
  }
}

Result<void> run_sink(SinkOptions& options) {
  StopSignal signal;
  SLUICE_TRY(latency, read_options(options));
  SLUICE_TRY(tls, make_tls(options));
  SLUICE_TRY(endpoint, Endpoint::parse(options.listen));
  SLUICE_TRY(socket, ListenSocket::bind_tcp(endpoint));
  SLUICE_TRY(ledger, Ledger::open(options.ledger_file));
  SLUICE_TRY(group, ShardGroup::start(options.shards, random_seed()));
  Sink sink(options, latency, std::move(tls), socket, *ledger, *group);
  signal.watch([&sink] { sink.stop(); });
  fmt::print(stderr, "sluice-sink: listening on {}\n", socket.endpoint().to_string());
  if (!options.port_file.empty()) {
    std::ofstream(options.port_file) << socket.endpoint().port << '\n';
  }
  group->run([&sink](Shard& shard) { return sink.run(shard); });
  signal.unwatch();
  const auto summary = summarise(sink, *ledger);
  if (options.as_json) {
    fmt::print("{}\n", summary.dump(2));
  } else {
    print_summary(summary);
  }
  return {};
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  CLI::App app(
      "An SMTP server that takes mail, checks it, counts it and drops it.\n"
      "Example: sluice-sink --listen 127.0.0.1:2526 --reply 'rcpt:451 4.7.1 try later:5%'");
  sluice::bench::SinkOptions options;
  sluice::bench::declare_options(app, options);
  CLI11_PARSE(app, argc, argv);
  auto done = sluice::bench::run_sink(options);
  if (done) return 0;
  fmt::print(stderr, "sluice-sink: {}\n", done.error().sentence());
  return 1;
}
