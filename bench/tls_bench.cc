// What TLS costs a server: handshakes, bulk and the memory of an idle connection, each beside
// wolfSSL alone between two buffers.
//
// Both ends run on this thread; of a handshake only the server's part is timed. openssl makes the
// certificates.
#include <wolfssl/options.h>
// wolfSSL's options must come first: its other headers depend on them.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <malloc.h>
#include <wolfssl/ssl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/assert.h"
#include "tls/cipher_policy.h"
#include "tls/engine.h"
#include "tls/library.h"
#include "tls/tls_stream.h"

namespace sluice::tls {
namespace {

// ---- memory that wolfSSL takes

// What wolfSSL holds, in bytes of the allocator.
std::size_t held_bytes = 0;

void* counting_malloc(std::size_t bytes) {
  void* const memory = std::malloc(bytes);
  held_bytes += malloc_usable_size(memory);
  return memory;
}
void counting_free(void* memory) {
  held_bytes -= malloc_usable_size(memory);
  std::free(memory);
}
void* counting_realloc(void* memory, std::size_t bytes) {
  held_bytes -= malloc_usable_size(memory);
  void* const moved = std::realloc(memory, bytes);
  held_bytes += malloc_usable_size(moved);
  return moved;
}

// ---- certificates

enum class Kind : std::uint8_t { ecdsa, rsa };

struct Files {
  std::string certificate;
  std::string key;
};

// Made once, removed at the end.
class Certificates {
 public:
  Certificates() {
    wolfSSL_SetAllocators(counting_malloc, counting_free, counting_realloc);
    SLUICE_ASSERT(initialise().has_value(), "wolfSSL works here");
    std::string name = std::filesystem::temp_directory_path() / "sluice_bench_XXXXXX";
    SLUICE_ASSERT(mkdtemp(name.data()) != nullptr, "temporary files can be written");
    directory_ = name;
    make("ecdsa", "ec -pkeyopt ec_paramgen_curve:P-256");
    make("rsa", "rsa:2048");
  }
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;
  ~Certificates() { std::filesystem::remove_all(directory_); }

  Files files(Kind kind) const {
    const std::string stem = directory_ / (kind == Kind::ecdsa ? "ecdsa" : "rsa");
    return {.certificate = stem + ".pem", .key = stem + ".key"};
  }

 private:
  void make(std::string_view stem, std::string_view key) const {
    const auto command = fmt::format(
        "cd {} && openssl req -x509 -nodes -newkey {} -subj /CN=bench.example -days 9 "
        "-keyout {}.key -out {}.pem 2>openssl.log",
        directory_.string(), key, stem, stem);
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> run(popen(command.c_str(), "re"), pclose);
    std::array<char, 64> output;
    while (std::fread(output.data(), 1, output.size(), run.get()) > 0) {
    }
  }

  std::filesystem::path directory_;
};

const Certificates& certificates() {
  static const Certificates kMade;
  return kMade;
}

// ---- two ends made of Engines

std::shared_ptr<const ServerContext> server_context(Kind kind) {
  const Files files = certificates().files(kind);
  auto certificate = Certificate::load(files.certificate, files.key);
  SLUICE_ASSERT(certificate.has_value(), "openssl makes usable certificates");
  auto context = ServerContext::make(
      {.certificates = {std::make_shared<const Certificate>(std::move(*certificate))},
       .ticket_keys = *TicketKeys::make()});
  return *context;
}

ClientRole client_role(Version version, ClientSession session = {}) {
  return {
      .context = *ClientContext::make({.verification = Verification::none, .version_max = version}),
      .server_name = "bench.example",
      .session = std::move(session)};
}

using Seconds = std::chrono::duration<double>;

// Of this thread: what else runs on the machine does not count.
Seconds processor_time() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

void feed_all(Engine& engine, const std::string& bytes) {
  const auto taken = engine.feed(bytes);
  SLUICE_ASSERT(taken.has_value(), "both ends speak TLS");
  SLUICE_ASSERT(*taken == bytes.size(), "all of it is taken");
}

// Makes the handshake; gives the time that the server needed.
Seconds connect(Engine& client, Engine& server) {
  Seconds spent{0};
  feed_all(client, "");
  while (client.has_output()) {
    const std::string to_server = client.take_output();
    const auto begun = processor_time();
    feed_all(server, to_server);
    const std::string to_client = server.take_output();
    spent += processor_time() - begun;
    feed_all(client, to_client);
  }
  SLUICE_ASSERT(server.is_established(), "the handshake is over");
  return spent;
}

void handshake(benchmark::State& state, Kind kind, Version version) {
  const auto context = server_context(kind);
  const ClientRole role = client_role(version);
  for ([[maybe_unused]] auto _ : state) {
    Engine client(role);
    const auto begun = processor_time();
    auto server = std::make_unique<Engine>(context);
    Seconds spent = processor_time() - begun;
    spent += connect(client, *server);
    const auto ending = processor_time();
    server.reset();
    spent += processor_time() - ending;
    state.SetIterationTime(spent.count());
  }
  state.SetItemsProcessed(state.iterations());
}

void resumed_handshake(benchmark::State& state, Version version) {
  const auto context = server_context(Kind::ecdsa);
  ClientRole role = client_role(version);
  {
    Engine client(role);
    Engine server(context);
    connect(client, server);
    role.session = client.session();
  }
  for ([[maybe_unused]] auto _ : state) {
    Engine client(role);
    Engine server(context);
    state.SetIterationTime(connect(client, server).count());
    SLUICE_ASSERT(server.facts().is_resumed, "the ticket is taken");
  }
  state.SetItemsProcessed(state.iterations());
}

constexpr std::size_t kBulkBytes = 1'000'000;

// Encrypts and decrypts a megabyte.
void bulk(benchmark::State& state) {
  Engine client(client_role(Version::tls_1_3));
  Engine server(server_context(Kind::ecdsa));
  connect(client, server);
  const std::string text(kBulkBytes, 'x');
  const std::string_view view = text;
  for ([[maybe_unused]] auto _ : state) {
    for (std::size_t done = 0; done < text.size();) {
      done += *client.encrypt(std::span(&view, 1), done);
      feed_all(server, client.take_output());
      while (server.plaintext().reveal()) {
        server.plaintext().consume(server.plaintext().visible().size());
      }
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kBulkBytes));
}

// ---- the floor: wolfSSL alone

struct Pipe {
  std::string bytes;
  std::size_t read = 0;
};

struct Ends {
  Pipe in;
  Pipe* out = nullptr;
};

int floor_receive(WOLFSSL* /*connection*/, char* room, int bytes, void* ends) {
  Pipe& pipe = static_cast<Ends*>(ends)->in;
  const std::size_t got = std::min(static_cast<std::size_t>(bytes), pipe.bytes.size() - pipe.read);
  if (got == 0) return WOLFSSL_CBIO_ERR_WANT_READ;
  std::copy_n(pipe.bytes.data() + pipe.read, got, room);
  pipe.read += got;
  if (pipe.read == pipe.bytes.size()) {
    pipe.bytes.clear();
    pipe.read = 0;
  }
  return static_cast<int>(got);
}

int floor_send(WOLFSSL* /*connection*/, char* data, int bytes, void* ends) {
  static_cast<Ends*>(ends)->out->bytes.append(data, static_cast<std::size_t>(bytes));
  return bytes;
}

ContextHandle floor_context(WOLFSSL_METHOD* method) {
  ContextHandle context(wolfSSL_CTX_new(method));
  wolfSSL_CTX_set_cipher_list(context.get(), kCipherPolicy);
  wolfSSL_CTX_set_verify(context.get(), WOLFSSL_VERIFY_NONE, nullptr);
  wolfSSL_CTX_SetIORecv(context.get(), floor_receive);
  wolfSSL_CTX_SetIOSend(context.get(), floor_send);
  return context;
}

struct FloorPair {
  FloorPair(WOLFSSL_CTX* client_context, WOLFSSL_CTX* server_context)
      : client(wolfSSL_new(client_context)) {
    client_ends.out = &server_ends.in;
    server_ends.out = &client_ends.in;
    open(server_context);
    wolfSSL_SetIOReadCtx(client.get(), &client_ends);
    wolfSSL_SetIOWriteCtx(client.get(), &client_ends);
  }
  FloorPair(const FloorPair&) = delete;
  FloorPair& operator=(const FloorPair&) = delete;

  void open(WOLFSSL_CTX* context) {
    const auto begun = processor_time();
    server.reset(wolfSSL_new(context));
    spent += processor_time() - begun;
    wolfSSL_SetIOReadCtx(server.get(), &server_ends);
    wolfSSL_SetIOWriteCtx(server.get(), &server_ends);
  }

  void connect() {
    int accepted = 0;
    int connected = 0;
    while (accepted != WOLFSSL_SUCCESS || connected != WOLFSSL_SUCCESS) {
      if (connected != WOLFSSL_SUCCESS) connected = wolfSSL_connect(client.get());
      if (accepted == WOLFSSL_SUCCESS) continue;
      const auto begun = processor_time();
      accepted = wolfSSL_accept(server.get());
      spent += processor_time() - begun;
    }
  }

  void end() {
    const auto begun = processor_time();
    server.reset();
    spent += processor_time() - begun;
  }

  Ends client_ends;
  Ends server_ends;
  ConnectionHandle client;
  ConnectionHandle server;
  Seconds spent{0};
};

ContextHandle floor_server(Kind kind) {
  const Files files = certificates().files(kind);
  ContextHandle context = floor_context(wolfTLS_server_method());
  wolfSSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str());
  wolfSSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), WOLFSSL_FILETYPE_PEM);
  return context;
}

WOLFSSL_METHOD* floor_method(Version version) {
  return version == Version::tls_1_2 ? wolfTLSv1_2_client_method() : wolfTLS_client_method();
}

void floor_handshake(benchmark::State& state, Kind kind, Version version) {
  const ContextHandle server = floor_server(kind);
  const ContextHandle client = floor_context(floor_method(version));
  for ([[maybe_unused]] auto _ : state) {
    FloorPair pair(client.get(), server.get());
    pair.connect();
    pair.end();
    state.SetIterationTime(pair.spent.count());
  }
  state.SetItemsProcessed(state.iterations());
}

void floor_bulk(benchmark::State& state) {
  const ContextHandle server = floor_server(Kind::ecdsa);
  const ContextHandle client = floor_context(wolfTLS_client_method());
  FloorPair pair(client.get(), server.get());
  pair.connect();
  const std::string text(16 * 1024, 'x');
  std::array<char, 16 * 1024> room;
  for ([[maybe_unused]] auto _ : state) {
    for (std::size_t done = 0; done < kBulkBytes; done += text.size()) {
      wolfSSL_write(pair.client.get(), text.data(), static_cast<int>(text.size()));
      wolfSSL_read(pair.server.get(), room.data(), static_cast<int>(room.size()));
    }
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kBulkBytes));
}

// ---- idle connections

constexpr int kIdleConnections = 500;

void count_idle(benchmark::State& state, std::size_t before, std::size_t own_bytes) {
  const auto held = static_cast<double>(held_bytes - before);
  state.counters["bytes_each"] = held / kIdleConnections + static_cast<double>(own_bytes);
}

// Server ends that have carried a line each way.
void idle(benchmark::State& state, Version version) {
  const auto context = server_context(Kind::ecdsa);
  const ClientRole role = client_role(version);
  for ([[maybe_unused]] auto _ : state) {
    std::vector<std::unique_ptr<Engine>> servers(kIdleConnections);
    const std::size_t before = held_bytes;
    for (auto& server : servers) {
      server = std::make_unique<Engine>(context);
      Engine client(role);
      connect(client, *server);
      const std::string_view line = "EHLO client.example\r\n";
      benchmark::DoNotOptimize(client.encrypt(std::span(&line, 1), 0));
      feed_all(*server, client.take_output());
      server->plaintext().reveal();
      server->plaintext().consume(line.size());
      server->plaintext().release();
      benchmark::DoNotOptimize(server->encrypt(std::span(&line, 1), 0));
      server->take_output();
    }
    count_idle(state, before, sizeof(TlsStream));
  }
}

void floor_idle(benchmark::State& state, Version version) {
  const ContextHandle server = floor_server(Kind::ecdsa);
  const ContextHandle client = floor_context(floor_method(version));
  for ([[maybe_unused]] auto _ : state) {
    std::vector<ConnectionHandle> servers(kIdleConnections);
    const std::size_t before = held_bytes;
    for (auto& kept : servers) {
      FloorPair pair(client.get(), server.get());
      pair.connect();
      kept = std::move(pair.server);
    }
    count_idle(state, before, 0);
  }
}

BENCHMARK_CAPTURE(idle, tls13, Version::tls_1_3)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(idle, tls12, Version::tls_1_2)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(floor_idle, tls13, Version::tls_1_3)
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(handshake, tls13_ecdsa, Kind::ecdsa, Version::tls_1_3)->UseManualTime();
BENCHMARK_CAPTURE(floor_handshake, tls13_ecdsa, Kind::ecdsa, Version::tls_1_3)->UseManualTime();
BENCHMARK_CAPTURE(handshake, tls13_rsa, Kind::rsa, Version::tls_1_3)->UseManualTime();
BENCHMARK_CAPTURE(floor_handshake, tls13_rsa, Kind::rsa, Version::tls_1_3)->UseManualTime();
BENCHMARK_CAPTURE(handshake, tls12_ecdsa, Kind::ecdsa, Version::tls_1_2)->UseManualTime();
BENCHMARK_CAPTURE(floor_handshake, tls12_ecdsa, Kind::ecdsa, Version::tls_1_2)->UseManualTime();
BENCHMARK_CAPTURE(resumed_handshake, tls13, Version::tls_1_3)->UseManualTime();
BENCHMARK_CAPTURE(resumed_handshake, tls12, Version::tls_1_2)->UseManualTime();
BENCHMARK(bulk);
BENCHMARK(floor_bulk);

}  // namespace
}  // namespace sluice::tls
