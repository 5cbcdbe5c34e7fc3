#include "relay/relay.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "core/assert.h"
#include "core/completion.h"
#include "core/log.h"
#include "core/random.h"
#include "core/shard.h"
#include "relay/admin_pages.h"
#include "relay/open_files_plan.h"
#include "relay/privileges.h"
#include "relay/tenant_control.h"
#include "tls/library.h"

namespace sluice::relay {
namespace {

Result<void> make_directory(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error) return {};
  return fail(ErrorCode::refused,
              fmt::format("cannot create the directory {} ({}): create it, owned by the user that "
                          "runs sluice, or choose another place",
                          path.string(), error.message()));
}

// LMDB can no longer be used, so nothing can be promised or ended. What was promised is on disk.
[[noreturn]] void end_at_once(const Error& error) {
  SLUICE_LOG(error, "spool_failed", {"error", error.sentence()},
             {"meaning", "the relay ends; what was accepted is kept for the next start"});
  close_log();
  std::_Exit(EXIT_FAILURE);
}

}  // namespace

Result<std::unique_ptr<ListenSocket>> Relay::open_http(const RelayConfig& config) {
  if (!config.admin.http) return nullptr;
  auto bound = ListenSocket::bind_tcp(*config.admin.http);
  if (!bound) return std::unexpected(std::move(bound).error().within("admin.http"));
  return std::make_unique<ListenSocket>(*std::move(bound));
}

Result<Relay::Sockets> Relay::open_sockets(const RelayConfig& config) {
  SLUICE_TRY(listeners, bind_listeners(config));
  SLUICE_TRY(http, open_http(config));
  // Ports may need root; whatever is made from here on belongs to the user.
  if (!config.run_as.empty()) {
    if (auto changed = run_as_user(config.run_as); !changed) {
      return std::unexpected(std::move(changed).error());
    }
  }
  if (auto opened = open_log(config.log); !opened) {
    return std::unexpected(std::move(opened).error().within("log.file"));
  }
  const std::filesystem::path path = config.admin.socket;
  if (path.has_parent_path()) {
    if (auto created = make_directory(path.parent_path()); !created) {
      return std::unexpected(std::move(created).error().within("admin.socket"));
    }
  }
  auto control = ListenSocket::bind_unix(path.string());
  if (!control) return std::unexpected(std::move(control).error().within("admin.socket"));
  return Sockets{
      .listeners = std::move(listeners), .http = std::move(http), .control = *std::move(control)};
}

Result<std::unique_ptr<Relay>> Relay::open(std::shared_ptr<const RelayConfig> config,
                                           DeliveryStart delivery, LoadConfig load) {
  SignalWatcher::block_signals();
  if (auto ready = tls::initialise(); !ready) return std::unexpected(std::move(ready).error());
  SLUICE_TRY(fitting, plan_open_files(std::move(config)));
  SLUICE_TRY(sockets, open_sockets(*fitting));
  std::unique_ptr<Relay> relay(new Relay(std::move(fitting), std::move(sockets), delivery));
  SLUICE_TRY(signals, SignalWatcher::open());
  relay->signals_ = std::move(signals);
  relay->load_ = std::move(load);
  if (auto opened = relay->open_reception(); !opened) {
    return std::unexpected(std::move(opened).error());
  }
  if (auto opened = relay->open_spool(); !opened) {
    return std::unexpected(std::move(opened).error());
  }
  if (auto started = relay->start_shards(); !started) {
    return std::unexpected(std::move(started).error());
  }
  return relay;
}

Relay::Relay(std::shared_ptr<const RelayConfig> config, Sockets sockets, DeliveryStart delivery)
    : config_(std::move(config)),
      delivery_(delivery),
      started_(Clock().now()),
      listen_sockets_(std::move(sockets.listeners)),
      http_socket_(std::move(sockets.http)),
      control_socket_(std::move(sockets.control)),
      memory_(config_->limits.memory) {
  for (const BoundListener& bound : listen_sockets_) {
    addresses_.push_back(bound.socket.endpoint().to_string());
  }
}

Relay::~Relay() = default;

// Certificates, users: what can be wrong with the files that the configuration names.
Result<void> Relay::open_reception() {
  SLUICE_TRY(ticket_keys, tls::TicketKeys::make());
  ticket_keys_ = std::move(ticket_keys);
  SLUICE_TRY(policy, ReceptionPolicy::make(config_, tenants_, ticket_keys_));
  policy_ = std::move(policy);
  if (!has_logins(*config_)) return {};
  SLUICE_TRY(users, UserDirectory::open(config_->users, config_->user_file));
  logins_ = std::make_unique<Logins>(*config_, std::move(users));
  return {};
}

// What earlier lives of the process counted and suspended.
void Relay::restore_tenants() {
  policy_->tell_tenants(tenants_);
  restore_suspensions(spool_->ledger_at_start(), tenants_);
  restore_quotas(spool_->ledger_at_start(), tenants_);
}

Result<void> Relay::open_spool() {
  const std::filesystem::path directory = config_->spool;
  if (directory.has_parent_path()) {
    if (auto created = make_directory(directory.parent_path()); !created) {
      return std::unexpected(std::move(created).error().within("spool"));
    }
  }
  const spool::SpoolSettings settings{.directory = config_->spool,
                                      .partitions = config_->spool_partitions,
                                      .size = config_->spool_size,
                                      .disk_free = config_->limits.disk_free,
                                      .reserved_percent = config_->spool_reserved};
  auto opened = spool::Spool::open(settings, executor_, memory_.reception(), memory_.read());
  if (!opened) return std::unexpected(std::move(opened).error().within("spool"));
  spool_ = *std::move(opened);
  restore_tenants();
  return {};
}

Result<void> Relay::start_shards() {
  auto started = ShardGroup::start(config_->shards, random_seed());
  if (!started) {
    spool_->stop();
    return std::unexpected(std::move(started).error());
  }
  shards_ = *std::move(started);
  auto dispatchers = DispatcherGroup::make(
      config_, {.spool = *spool_, .shards = *shards_, .tenants = tenants_}, delivery_);
  if (!dispatchers) {
    spool_->stop();
    return std::unexpected(std::move(dispatchers).error());
  }
  Shard& first = shards_->at(ShardId(0));
  relay_parts_.reset(new RelayParts{.policy = policy_,
                                    .spool = *spool_,
                                    .budget = memory_.reception(),
                                    .dispatchers = *std::move(dispatchers),
                                    .logins = logins_.get(),
                                    .signing = &signing_});
  parts_ = std::make_unique<ShardParts>(*shards_);
  make_leaders(first);
  return {};
}

// What shard 0 has for the whole relay.
void Relay::make_leaders(Shard& first) {
  listener_ = std::make_unique<Listener>(
      first, *config_, shards_->size(), [this, &first](ShardId to, NewConnection connection) {
        parts_->send(first, to,
                     [this, to, connection] { parts_->at(to).sessions().open(connection); });
      });
  lifecycle_ = std::make_unique<Lifecycle>(first, *parts_, *spool_, *listener_);
  if (delivery_ == DeliveryStart::held) lifecycle_->hold_delivery();
  reloader_ = std::make_unique<Reloader>(Reloader::Parts{.shard = first,
                                                         .shards = *parts_,
                                                         .dispatchers = *relay_parts_->dispatchers,
                                                         .listener = *listener_,
                                                         .tenants = tenants_,
                                                         .memory = memory_,
                                                         .spool = *spool_,
                                                         .logins = logins_.get(),
                                                         .ticket_keys = ticket_keys_,
                                                         .load = load_},
                                         config_, policy_);
  TenantControl tenant_control(
      {.shard = first, .shards = *parts_, .spool = *spool_, .tenants = tenants_, .policy = [this] {
         return reloader_->policy();
       }});
  control_ = std::make_unique<ControlServer>(
      ControlServer::Parts{.shard = first,
                           .report = QueueReport(first, *parts_, *spool_),
                           .tenants = std::move(tenant_control),
                           .lifecycle = *lifecycle_,
                           .reloader = *reloader_,
                           .facts = [this] { return facts(); }});
  http_ = std::make_unique<HttpServer>(first, admin_pages(*shards_, *spool_, *lifecycle_));
  service_manager_ = std::make_unique<ServiceManager>(first, ServiceEnvironment::read(),
                                                      [this] { return ask_state(); });
}

void Relay::run() {
  signals_->watch([this](int signal) { on_signal(signal); });
  shards_->run([this](Shard& shard) { return run_shard(shard); });
  signals_.reset();
  if (logins_ != nullptr) logins_->hashing.stop();
  signing_.stop();
  spool_->stop();
  SLUICE_LOG(info, "relay_stopped", {"recipients_queued", spool_->accounting().queued});
  close_log();
}

Task<void> Relay::run_shard(Shard& shard) {
  const ShardId id = shard.id();
  const ShardId first(0);
  SessionRegistry::Link link{
      .on_ended =
          [this, &shard, first, id](std::vector<EndedConnection> ended) {
            parts_->send(shard, first,
                         [this, id, ended = std::move(ended)] { listener_->release(id, ended); });
          },
      .announce = [this,
                   &shard](Announcement announcement) { return announce(shard, announcement); }};
  parts_->put(id, std::make_unique<ShardPart>(shard, *relay_parts_, std::move(link)));
  if (id == first) shard.scope().spawn(lead());
  parts_->send(shard, first, [this] { lifecycle_->on_part_opened(); });
  co_await parts_->at(id).run();
}

// Shard 0 answers as long as there are sessions.
Task<Admission> Relay::announce(Shard& shard, Announcement announcement) {
  Completion<Admission> done(shard);
  parts_->send(shard, ShardId(0), [this, &done, announcement, asker = shard.id()] {
    const Admission admission = listener_->announce(announcement);
    parts_->send(shards_->at(ShardId(0)), asker, [&done, admission] { done.complete(admission); });
  });
  co_return co_await done.wait();
}

Task<void> Relay::lead() {
  Lifecycle::Steps steps{.on_open = [this] { on_open(); },
                         .on_stopping =
                             [this] {
                               service_manager_->say_stopping();
                               // Clients that wait for the check of a password are not waited for.
                               if (logins_ != nullptr) logins_->hashing.close();
                             },
                         .before_leaving = [this] { return finish_answers(); }};
  co_await lifecycle_->run(std::move(steps));
}

void Relay::on_open() {
  start_spool();
  listener_->start(std::move(listen_sockets_));
  control_->start(control_socket_);
  if (http_socket_ != nullptr) http_->start(*http_socket_);
  say_ready();
  service_manager_->start();
}

Task<void> Relay::finish_answers() {
  co_await control_->finish();
  co_await http_->stop();
  co_await service_manager_->stop();
}

void Relay::start_spool() {
  spool_->start({
      .on_envelopes =
          [dispatchers = relay_parts_->dispatchers](std::vector<spool::WaitingEnvelope> envelopes) {
            dispatchers->recover(std::move(envelopes));
          },
      .on_recovered =
          [this] {
            SLUICE_LOG(info, "spool_recovered", {"recipients_queued", spool_->accounting().queued});
          },
      .on_fatal = [](const Error& error) { end_at_once(error); },
      .on_quarantined =
          [](const spool::EnvelopeKey& key, const std::string& reason) {
            SLUICE_LOG(error, "envelope_quarantined", {"id", key.message.to_string()},
                       {"envelope", key.ordinal}, {"reason", reason});
          },
  });
}

// On the watcher's thread.
void Relay::on_signal(int signal) {
  if (signal == SIGHUP) {
    reopen_log();
    SLUICE_LOG(info, "log_reopened");
    shards_->post(ShardId(0), [this] { shards_->at(ShardId(0)).scope().spawn(reload()); });
    return;
  }
  SLUICE_LOG(info, "signal_received", {"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"});
  shards_->post(ShardId(0), [this] { lifecycle_->request_stop(); });
}

// What became of it is in the log.
Task<void> Relay::reload() {
  const auto report = co_await reloader_->reload(ReloadMode::apply);
  static_cast<void>(report);
}

RelayFacts Relay::facts() const {
  return RelayFacts{.hostname = config_->hostname,
                    .addresses = addresses_,
                    .shards = shards_->size(),
                    .phase = lifecycle_->progress().phase,
                    .is_delivery_held = lifecycle_->is_delivery_held(),
                    .uptime = Clock().now() - started_};
}

// Every shard answers a letter, or there is no answer.
Task<Result<std::string>> Relay::ask_state() {
  const std::function<std::size_t(ShardPart&)> count_sessions = [](ShardPart& part) {
    return part.sessions().size();
  };
  SLUICE_CO_TRY(sessions, co_await parts_->ask_all(shards_->at(ShardId(0)), count_sessions));
  std::size_t clients = 0;
  for (const std::size_t of_shard : sessions) clients += of_shard;
  const std::string_view held = lifecycle_->is_delivery_held() ? ", delivery is held" : "";
  co_return fmt::format("{}: {} clients, {} recipients queued{}",
                        name_of(lifecycle_->progress().phase), clients, spool_->accounting().queued,
                        held);
}

void Relay::say_ready() const {
  const std::string addresses = fmt::format("{}", fmt::join(addresses_, ","));
  SLUICE_LOG(info, "relay_started", {"addresses", addresses}, {"shards", shards_->size()},
             {"spool", config_->spool}, {"control", config_->admin.socket},
             {"http", http_socket_ ? http_socket_->endpoint().to_string() : ""},
             {"hostname", config_->hostname}, {"version", SLUICE_VERSION});
  if (isatty(STDOUT_FILENO) == 0) return;
  fmt::print(
      "sluice {} is ready: it listens on {} with {} shards, and keeps its spool in {}.\n"
      "Look at its queues: sluice queue summary --socket {}\n"
      "Stop it: Ctrl-C, or `sluice drain` to deliver what is queued first.\n",
      SLUICE_VERSION, fmt::join(addresses_, ", "), shards_->size(), config_->spool,
      config_->admin.socket);
  std::fflush(stdout);
}

}  // namespace sluice::relay
