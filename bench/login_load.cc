// login_load: logs in again and again, each time on a connection of its own, from many addresses of
// loopback: customers who come anew, or somebody who guesses. For bench/run.
#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <map>
#include <optional>

#include "bench/login.h"
#include "bench/stop_signal.h"
#include "core/shard_group.h"
#include "core/socket.h"
#include "smtp/client_opening.h"

namespace sluice::bench {
namespace {

constexpr Duration kPatience = std::chrono::minutes(1);  // for a reply

struct Options {
  std::string to = "127.0.0.1:2525";
  std::string user = "apikey";
  std::uint64_t count = 1000;
  double rate = 0;  // logins/s; 0: as fast as they go
  unsigned addresses = 1;
  unsigned at_once = 64;
};

// 127.1.0.1 and those behind it.
IpAddress source_address(std::uint64_t number, unsigned addresses) {
  constexpr std::uint32_t kFirst = 0x7f010001;
  return IpAddress::v4(kFirst + static_cast<std::uint32_t>(number % addresses));
}

class LoginLoad {
 public:
  LoginLoad(const Options& options, const Endpoint& to, const std::string& password)
      : options_(options), to_(to), login_(smtp::plain_login(options.user, password)) {}

  void stop() { is_stopped_.store(true); }

  Task<void> run(Shard& shard) {
    start_ = shard.clock().now();
    TaskScope clients(shard.run_queue());
    for (unsigned i = 0; i < options_.at_once; ++i) clients.spawn(log_in_repeatedly(shard));
    co_await clients.join();
    seconds_ = std::chrono::duration<double>(shard.clock().now() - start_).count();
  }

  nlohmann::ordered_json summarise() const {
    nlohmann::ordered_json replies = nlohmann::ordered_json::object();
    for (const auto& [code, count] : replies_) replies[code] = count;
    return {{"logins", done_},
            {"seconds", seconds_},
            {"logins_per_second", static_cast<double>(done_) / seconds_},
            {"replies", replies}};
  }

 private:
  // The number of the next login, once it is due.
  Task<std::optional<std::uint64_t>> next(Shard& shard) {
    if (is_stopped_.load() || next_ >= options_.count) co_return std::nullopt;
    const std::uint64_t number = next_++;
    if (options_.rate > 0) {
      const auto nanoseconds = static_cast<double>(number) * 1e9 / options_.rate;
      const Instant due = start_ + Duration(static_cast<std::int64_t>(nanoseconds));
      if (due > shard.clock().now() && !co_await sleep_until(shard, Deadline::at(due))) {
        co_return std::nullopt;
      }
    }
    co_return number;
  }

  Task<void> log_in_repeatedly(Shard& shard) {
    while (true) {
      const auto number = co_await next(shard);
      if (!number) co_return;
      const auto code = co_await log_in(shard, source_address(*number, options_.addresses));
      ++replies_[code ? *code : "none"];
      ++done_;
    }
  }

  // The code of the reply to AUTH, or of the one that came instead.
  Task<Result<std::string>> log_in(Shard& shard, IpAddress source) {
    const Deadline deadline = Deadline::in(shard.clock(), kPatience);
    SLUICE_CO_TRY(stream, co_await connect_tcp(shard, to_, &source, deadline));
    auto code = co_await converse(*stream, deadline);
    co_await stream->close();
    co_return code;
  }

  Task<Result<std::string>> converse(Stream& stream, Deadline deadline) {
    SLUICE_CO_TRY(greeting, co_await read_code(stream, deadline));
    if (greeting != "220") co_return greeting;
    SLUICE_CO_TRY(hello, co_await exchange(stream, "EHLO login.example\r\n", deadline));
    if (hello != "250") co_return hello;
    co_return co_await exchange(stream, login_, deadline);
  }

  static Task<Result<std::string>> exchange(Stream& stream, std::string_view line,
                                            Deadline deadline) {
    const std::span<const std::string_view> pieces(&line, 1);
    auto sent = co_await stream.send(pieces, deadline);
    if (!sent) co_return std::unexpected(std::move(sent).error());
    co_return co_await read_code(stream, deadline);
  }

  static Task<Result<std::string>> read_code(Stream& stream, Deadline deadline) {
    while (true) {
      const std::string_view received = stream.received();
      if (const std::size_t end = received.find("\r\n"); end != std::string_view::npos) {
        const std::string line(received.substr(0, end));
        stream.consume(end + 2);
        if (line.size() < 4 || line[3] != '-') co_return line.substr(0, 3);
        continue;
      }
      auto filled = co_await stream.fill(deadline);
      if (!filled) co_return std::unexpected(std::move(filled).error());
    }
  }

  const Options& options_;
  Endpoint to_;
  std::string login_;
  std::atomic<bool> is_stopped_{false};
  Instant start_{0};
  double seconds_ = 0;
  std::uint64_t next_ = 0;
  std::uint64_t done_ = 0;
  std::map<std::string, std::uint64_t> replies_;
};

Result<void> run_logins(const Options& options) {
  StopSignal signal;
  SLUICE_TRY(to, Endpoint::parse(options.to));
  SLUICE_TRY(password, password_from_environment());
  SLUICE_TRY(group, ShardGroup::start(1, 1));
  LoginLoad load(options, to, password);
  signal.watch([&load] { load.stop(); });
  group->run([&load](Shard& shard) { return load.run(shard); });
  signal.unwatch();
  fmt::print("{}\n", load.summarise().dump(2));
  return {};
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  CLI::App app(
      "Logs in again and again, each time on a connection of its own, and tells what was "
      "answered.\n"
      "The password is in the environment: SLUICE_LOAD_PASSWORD.");
  sluice::bench::Options options;
  app.add_option("--to", options.to, "Address and port of the server")->capture_default_str();
  app.add_option("--user", options.user, "Who logs in")->capture_default_str();
  app.add_option("--count", options.count, "How often")->capture_default_str();
  app.add_option("--rate", options.rate, "Logins per second; 0: as fast as they go");
  app.add_option("--addresses", options.addresses, "Of 127.1.0.0/16, in turns")
      ->capture_default_str()
      ->check(CLI::Range(1u, 60'000u));
  app.add_option("--at-once", options.at_once, "Connections at a time, at most")
      ->capture_default_str()
      ->check(CLI::Range(1u, 15'000u));
  CLI11_PARSE(app, argc, argv);
  auto done = sluice::bench::run_logins(options);
  if (done) return 0;
  fmt::print(stderr, "login_load: {}\n", done.error().sentence());
  return 2;
}
