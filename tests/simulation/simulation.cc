#include "tests/simulation/simulation.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "core/assert.h"
#include "relay/control_protocol.h"
#include "relay/relay.h"
#include "spool/verification.h"
#include "tests/simulation/signals.h"

namespace sluice::simulation {

namespace {

using std::chrono::minutes;
using std::chrono::seconds;

// What an orderly stop may take: its own deadlines (relay/lifecycle.h) and some more.
constexpr Duration kStopMax = seconds(60);
constexpr Duration kHurryMax = seconds(20);  // the second request comes within that
// From peace on, until every client is done and everything has been delivered.
constexpr Duration kPeaceMax = minutes(60);
constexpr Duration kDrainMax = minutes(60);
constexpr Duration kLookEvery = seconds(1);
constexpr std::uint64_t kStepsMax = 20'000'000;

// The budgets of a relay are its own; whether anything is charged to them at its end is asked here.
// An explicit instantiation may name a private member ([temp.spec] of the standard), and nothing
// else may.
template <relay::MemoryBudgets relay::Relay::* kBudgets>
struct BudgetAccess {
  friend relay::MemoryBudgets& budgets_of(relay::Relay& relay) { return relay.*kBudgets; }
};
relay::MemoryBudgets& budgets_of(relay::Relay& relay);
template struct BudgetAccess<&relay::Relay::memory_>;

// A crash leaves the files as the last commit left them; the locks were the process's.
void copy_spool(const std::filesystem::path& from, const std::filesystem::path& to) {
  using std::filesystem::copy_options;
  std::filesystem::create_directories(to);
  for (const auto& partition : std::filesystem::directory_iterator(from)) {
    if (!partition.is_directory()) continue;
    const auto target = to / partition.path().filename();
    std::filesystem::create_directories(target);
    for (const auto& file : std::filesystem::directory_iterator(partition.path())) {
      if (file.path().filename() == "lock.mdb") continue;
      std::filesystem::copy(file.path(), target / file.path().filename());
    }
  }
}

}  // namespace

Simulation::Simulation(const SimulationOptions& options)
    : options_(options), scheduler_(options.seed), scenario_(make_scenario(scheduler_.random())) {
  scheduler_.print_trace(options.prints_trace);
  scheduler_.set_disk_delay_max(scenario_.disk_delay_max);
  ledger_.set_patience(scenario_.network.delay_max,
                       std::chrono::milliseconds(100) + scenario_.disk_delay_max * 20);
  network_.settings() = scenario_.network;
  names() = scenario_.names;
  for (const HostSettings& host : scenario_.hosts) {
    hosts_.push_back(std::make_unique<UpstreamHost>(ledger_, host));
  }
  for (const PlannedClient& client : scenario_.clients) {
    clients_.push_back(std::make_unique<SubmittingClient>(ledger_, client.settings, client.plan));
  }
}

Simulation::~Simulation() = default;

void Simulation::note_problem(std::string problem) {
  report_.problems.push_back(std::move(problem));
}

SimulationReport Simulation::run() {
  for (const auto& client : clients_) client->start();
  make_trouble();
  const Instant begin = scheduler_.now();
  for (const Life& life : scenario_.lives) {
    live(life);
    if (is_lost()) break;
  }
  if (!is_lost()) {
    start_relay();
    drain();
  }
  for (const std::string& problem : ledger_.problems()) note_problem(problem);
  report_.trace_hash = scheduler_.trace_hash();
  report_.steps = scheduler_.steps();
  report_.deliveries = ledger_.deliveries();
  report_.duplicates = ledger_.duplicates();
  report_.seconds = static_cast<double>((scheduler_.now() - begin).count()) / 1e9;
  return std::move(report_);
}

// ---- lives

void Simulation::start_relay() {
  auto config = std::make_shared<relay::RelayConfig>(scenario_.config);
  const auto home = options_.directory / std::to_string(++lives_begun_);
  if (spool_.empty()) spool_ = home / "spool";
  config->spool = spool_.string();
  config->admin.socket = (home / "control").string();
  config->log.level = options_.prints_log ? LogLevel::info : LogLevel::error;
  is_relay_over_ = false;
  scheduler_.start_thread("main", [this, config] {
    auto relay = relay::Relay::open(config, relay::DeliveryStart::at_once, [config] {
      return Result<std::shared_ptr<const relay::RelayConfig>>(config);
    });
    if (relay) {
      (*relay)->run();
      check_memory(budgets_of(**relay).reception(), "in reception");
      check_memory(budgets_of(**relay).read(), "read back");
      relay->reset();
    } else {
      note_problem("the relay did not open: " + relay.error().sentence());
    }
    is_relay_over_ = true;
  });
}

void Simulation::live(const Life& life) {
  start_relay();
  bool is_time_up = false;
  scheduler_.after(life.length, [&is_time_up] { is_time_up = true; });
  if (!run_until([&] { return is_time_up; }, life.length + seconds(1), "a life")) return;
  if (life.end == LifeEnd::crash) return crash();
  stop(life.end);
}

void Simulation::crash() {
  ++report_.crashes;
  scheduler_.abandon_relay();
  for (const auto& host : hosts_) host->note_crash(scenario_.config.delivery.pipeline_depth);
  network_.close_relay();
  forget_signals();
  ledger_.note_crash();
  const auto from = spool_;
  spool_ = options_.directory / std::to_string(lives_begun_) / "crashed";
  if (std::filesystem::exists(from)) copy_spool(from, spool_);
  check_spool("after a crash", false);
}

void Simulation::stop(LifeEnd end) {
  bool is_told = false;
  const auto tell = [&is_told] { return is_told || (is_told = send_signal(SIGTERM)); };
  if (!run_until(tell, seconds(10), "the start of the relay")) return;
  if (end == LifeEnd::hurried_stop) {
    const Duration pause = scheduler_.some_time(Duration(0), kHurryMax);
    scheduler_.after(pause, [this, life = lives_begun_] {
      const bool is_due = life == lives_begun_ && !is_relay_over_;
      if (is_due) static_cast<void>(send_signal(SIGTERM));  // or it has just ended
    });
  }
  if (!run_until([this] { return is_relay_over_; }, kStopMax, "an orderly stop")) return;
  check_nothing_left();
  check_spool("after a stop", false);
}

// Everything is well, all mail is taken; the relay is asked to deliver it and to end.
void Simulation::drain() {
  const auto are_clients_done = [this] {
    return std::ranges::all_of(clients_, [](const auto& client) { return client->has_finished(); });
  };
  bool is_time_up = false;
  scheduler_.after(seconds(30), [&is_time_up] { is_time_up = true; });
  const auto may_end = [&] { return is_time_up || are_clients_done(); };
  if (!run_until(may_end, minutes(1), "the last life")) return;
  make_peace();
  if (!run_until(are_clients_done, kPeaceMax, "the clients")) return;

  Socket& control = network_.open(Side::world, {IpAddress::v4(0), 0});
  network_.connect(control, {IpAddress::v4(0), 0});
  relay::ControlRequest drain;
  drain.command = relay::ControlCommand::drain;
  const std::string request = relay::encode(drain);
  control.on_change = [&control, request] {
    control.consume(control.readable().size());
    if (control.is_connected() && control.sent() == 0) control.send(request);
  };
  if (!run_until([this] { return is_relay_over_; }, kDrainMax, "a drain")) return;
  control.close();
  check_nothing_left();
  check_spool("at the end", true);
}

bool Simulation::run_until(const std::function<bool()>& is_over, Duration at_most,
                           std::string_view what) {
  const Instant until = scheduler_.now() + at_most;
  const auto is_enough = [&] {
    look_for_endless_waits();
    return is_over() || scheduler_.now() > until || scheduler_.steps() > kStepsMax || is_lost() ||
           !ledger_.problems().empty();
  };
  const bool is_alive = scheduler_.run_until(is_enough);
  if (is_over()) return true;
  if (is_lost() || !ledger_.problems().empty()) return false;
  const std::string_view reason = !is_alive ? "everybody waits, and nobody for a time"
                                  : scheduler_.steps() > kStepsMax ? "no end of steps"
                                                                   : "it takes too long";
  note_problem(fmt::format("{} does not come: {} ({} recipients open, first <{}>)", what, reason,
                           ledger_.unresolved(), ledger_.first_unresolved()));
  return false;
}

// ---- the world's trouble

void Simulation::make_trouble() {
  if (scenario_.trouble_every == Duration(0)) return;
  const Duration pause = scheduler_.some_time(Duration(0), scenario_.trouble_every * 2);
  scheduler_.after(pause, [this] {
    if (is_peaceful_) return;
    UpstreamHost& host = *hosts_[scheduler_.random().below(hosts_.size())];
    const Duration length = scheduler_.some_time(std::chrono::milliseconds(1), minutes(3));
    const double kind = scheduler_.random().fraction();
    if (kind < 0.4) {
      network_.isolate(host.settings().endpoint.address, length);
    } else if (kind < 0.8) {
      host.down();
      scheduler_.after(length, [&host] { host.up(); });
    } else {
      network_.silence_all();
    }
    make_trouble();
  });
}

void Simulation::make_peace() {
  scheduler_.note("peace");
  is_peaceful_ = true;
  network_.settings().cut_chance = network_.settings().silence_chance = 0;
  names().failure = 0;
  for (const auto& host : hosts_) host->behave();
  for (const auto& client : clients_) client->behave();
}

// ---- checks

// Every wait for a peer has a timer: where nothing is heard for longer than the longest of them,
// the relay has let go of the connection. Receiving, sending and connecting are all bounded by it;
// accepting and the answers between shards and threads are waits for nobody outside.
void Simulation::look_for_endless_waits() {
  const Instant now = scheduler_.now();
  if (now - looked_at_ < kLookEvery) return;
  looked_at_ = now;
  const Endpoint& listener = scenario_.config.listeners.front().address.front();
  for (const Socket* socket : network_.open_sockets(Side::relay)) {
    const bool is_client = socket->local() == listener;
    const Duration patience =
        is_client ? scenario_.patience_with_client() : scenario_.patience_with_host();
    const Duration silence = now - socket->heard_at();
    if (silence <= patience) continue;
    note_problem(fmt::format("the relay waits for {} without an end: silent for {} s, to be {} s",
                             socket->remote().to_string(), silence / seconds(1),
                             patience / seconds(1)));
  }
}

// Whatever a body lies in is charged to a budget.
void Simulation::check_memory(const MemoryBudget& budget, std::string_view of_what) {
  if (budget.used() == ByteCount(0)) return;
  note_problem(fmt::format("{} bytes of bodies {} are left after an orderly end",
                           budget.used().value(), of_what));
}

void Simulation::check_nothing_left() {
  if (network_.relay_sockets() > 0) {
    note_problem(fmt::format("{} sockets are left after an orderly end", network_.relay_sockets()));
  }
  if (scheduler_.relay_parts() > 0) {
    note_problem(fmt::format("{} threads are left after an orderly end", scheduler_.relay_parts()));
  }
}

void Simulation::check_spool(std::string_view when, bool is_end) {
  if (!std::filesystem::exists(spool_)) return;
  const auto verified = spool::verify_spool(spool_.string());
  if (!verified) {
    if (verified.error().code() == ErrorCode::not_found && !is_end) return;
    return note_problem(fmt::format("the spool {}: {}", when, verified.error().sentence()));
  }
  for (const std::string& finding : verified->findings) {
    note_problem(fmt::format("the spool {}: {}", when, finding));
  }
  spool::Accounting sum;
  for (const auto& partition : verified->partitions) {
    sum.received += partition.accounting.received;
    sum.queued += partition.accounting.queued;
    sum.delivered += partition.accounting.delivered;
    sum.bounced += partition.accounting.bounced;
    sum.expired += partition.accounting.expired;
    sum.quarantined += partition.accounting.quarantined;
  }
  const std::uint64_t promised = ledger_.recipients_promised();
  if (sum.received < promised || sum.received > promised + ledger_.recipients_perhaps()) {
    note_problem(fmt::format("the spool {} received {} recipients; {} were promised, {} perhaps",
                             when, sum.received, promised, ledger_.recipients_perhaps()));
  }
  const std::uint64_t open = ledger_.unresolved();
  if (open > sum.queued + sum.expired) {
    note_problem(fmt::format("{} recipients are open {}, but {} are queued and {} expired", open,
                             when, sum.queued, sum.expired));
  }
  if (sum.delivered > ledger_.recipients_taken() || sum.bounced > ledger_.recipients_refused()) {
    note_problem(fmt::format(
        "the spool {} has {} delivered and {} bounced; hosts took {}, refused {}", when,
        sum.delivered, sum.bounced, ledger_.recipients_taken(), ledger_.recipients_refused()));
  }
  if (sum.quarantined > 0) note_problem(fmt::format("{} were quarantined", sum.quarantined));
  if (is_end && sum.queued > 0) note_problem(fmt::format("{} are queued at the end", sum.queued));
  const std::uint64_t young = ledger_.unresolved_younger_than(scenario_.expiry(), scheduler_.now());
  if (is_end && young > 0) {
    note_problem(fmt::format("{} recipients were lost, the first is <{}>", young,
                             ledger_.first_unresolved()));
  }
}

}  // namespace sluice::simulation
