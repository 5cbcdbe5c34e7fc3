#include "tls/engine.h"

#include <wolfssl/options.h>
// wolfSSL's options must come first: its other headers depend on them.
#include <fmt/format.h>
#include <wolfssl/error-ssl.h>
#include <wolfssl/ssl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "core/assert.h"
#include "tls/alert.h"
#include "tls/wolfssl_bytes.h"

namespace sluice::tls {

namespace {

constexpr std::size_t kRecordPlaintextBytesMax = 16 * 1024;  // RFC 8446 5.1
// Header, explicit nonce, padding, MAC of the widest cipher: RFC 8446 5.2 allows 256.
constexpr std::size_t kRecordOverheadBytesMax = 5 + 256;
constexpr std::size_t kRecordsPerTurn = 3;
static_assert(kRecordsPerTurn * (kRecordPlaintextBytesMax + kRecordOverheadBytesMax) +
                  kRecordPlaintextBytesMax / 2 <=
              kPendingCiphertextBytesMax);  // leaves room for answers to messages of the peer

int on_receive(WOLFSSL* /*connection*/, char* room, int bytes, void* engine) {
  return static_cast<Engine*>(engine)->give_input({room, static_cast<std::size_t>(bytes)});
}

int on_send(WOLFSSL* /*connection*/, char* data, int bytes, void* engine) {
  return static_cast<Engine*>(engine)->take_output_bytes({data, static_cast<std::size_t>(bytes)});
}

// The next record's worth of plaintext behind `done`: as it lies there, or put together.
class RecordText {
 public:
  RecordText(std::span<const std::string_view> pieces, std::size_t done) {
    for (std::string_view piece : pieces) {
      const std::size_t skipped = std::min(done, piece.size());
      done -= skipped;
      piece.remove_prefix(skipped);
      if (piece.empty()) continue;
      piece = piece.substr(0, kRecordPlaintextBytesMax - used_);
      if (used_ == 0 && piece.size() == kRecordPlaintextBytesMax) {
        text_ = piece;
        return;
      }
      std::memcpy(memory_.data() + used_, piece.data(), piece.size());
      used_ += piece.size();
      if (used_ == kRecordPlaintextBytesMax) break;
    }
    text_ = {memory_.data(), used_};
  }
  RecordText(const RecordText&) = delete;
  RecordText& operator=(const RecordText&) = delete;

  std::string_view text() const { return text_; }

 private:
  std::array<char, kRecordPlaintextBytesMax> memory_;
  std::size_t used_ = 0;
  std::string_view text_;
};

}  // namespace

Engine::Engine(std::shared_ptr<const ServerContext> context) : server_(std::move(context)) {
  SLUICE_ASSERT(server_ != nullptr, "a server has a context");
}

Engine::Engine(ClientRole role) : client_(std::move(role)) {
  SLUICE_ASSERT(client_->context != nullptr, "a client has a context");
}

Engine::~Engine() = default;

// ---- what wolfSSL calls

int Engine::give_input(std::span<char> room) {
  if (input_.empty()) return WOLFSSL_CBIO_ERR_WANT_READ;
  const std::size_t bytes = std::min(room.size(), input_.size());
  std::memcpy(room.data(), input_.data(), bytes);
  input_.remove_prefix(bytes);
  return static_cast<int>(bytes);
}

int Engine::take_output_bytes(std::string_view bytes) {
  if (output_.size() + bytes.size() > kPendingCiphertextBytesMax) return WOLFSSL_CBIO_ERR_GENERAL;
  output_ += bytes;
  return static_cast<int>(bytes.size());
}

// ---- reading

Result<std::size_t> Engine::feed(std::string_view ciphertext) {
  if (failure_) return std::unexpected(*failure_);
  input_ = ciphertext;
  auto step = connection_ != nullptr ? Result<Step>(Step::done) : begin(ciphertext);
  if (step && *step == Step::done && !is_established_) step = negotiate();
  if (step && *step == Step::done) step = decrypt();
  const std::size_t taken = ciphertext.size() - std::exchange(input_, {}).size();
  if (step) return taken;
  failure_ = step.error();
  return std::unexpected(std::move(step).error());
}

bool Engine::is_slow_to_feed(std::string_view ciphertext) const {
  if (server_ == nullptr || connection_ != nullptr || failure_) return false;
  const auto found = find_client_hello(ciphertext);
  if (!found || !*found) return false;
  const auto hello = parse_client_hello(**found);
  return hello && server_->certificate_for(*hello).key_kind() == KeyKind::rsa;
}

Result<Engine::Step> Engine::begin(std::string_view ciphertext) {
  return client_ ? begin_client() : begin_server(ciphertext);
}

Result<Engine::Step> Engine::begin_server(std::string_view ciphertext) {
  auto found = find_client_hello(ciphertext);
  if (found && !*found) return Step::wants_input;
  auto hello = found ? parse_client_hello(**found) : std::unexpected(std::move(found).error());
  if (!hello) {
    // Who does not speak TLS would not understand an alert.
    const bool is_tls = !ciphertext.empty() && ciphertext[0] == kHandshakeRecordType;
    if (is_tls) output_ = kDecodeErrorAlert;
    return std::unexpected(std::move(hello).error());
  }
  auto opened = open(server_->context_for(*hello));
  server_name_ = std::move(hello->server_name);
  return opened;
}

Result<Engine::Step> Engine::begin_client() {
  auto opened = open(client_->context->context());
  if (!opened) return opened;
  server_name_ = client_->server_name;
  if (!server_name_.empty()) {
    const int status = wolfSSL_UseSNI(connection_.get(), WOLFSSL_SNI_HOST_NAME, server_name_.data(),
                                      static_cast<unsigned short>(server_name_.size()));
    if (status != WOLFSSL_SUCCESS) return std::unexpected(failure_of(status));
  }
  if (client_->context->verification() == Verification::chain_and_name) {
    wolfSSL_check_domain_name(connection_.get(), server_name_.c_str());
  }
  if (client_->session != nullptr) {
    // One that wolfSSL does not take (too old) means a whole handshake, no failure.
    wolfSSL_set_session(connection_.get(), client_->session.get());
  }
  return Step::done;
}

Result<Engine::Step> Engine::open(WOLFSSL_CTX* context) {
  connection_.reset(wolfSSL_new(context));
  if (connection_ == nullptr) {
    return fail(ErrorCode::system, "TLS: wolfSSL cannot make a connection");
  }
  wolfSSL_SSLSetIORecv(connection_.get(), on_receive);
  wolfSSL_SSLSetIOSend(connection_.get(), on_send);
  wolfSSL_SetIOReadCtx(connection_.get(), this);
  wolfSSL_SetIOWriteCtx(connection_.get(), this);
  return Step::done;
}

Result<Engine::Step> Engine::negotiate() {
  const int status =
      client_ ? wolfSSL_connect(connection_.get()) : wolfSSL_accept(connection_.get());
  if (status == WOLFSSL_SUCCESS) {
    is_established_ = true;
    return Step::done;
  }
  if (wolfSSL_get_error(connection_.get(), status) == WOLFSSL_ERROR_WANT_READ) {
    return Step::wants_input;
  }
  return std::unexpected(failure_of(status).within("TLS handshake"));
}

Result<Engine::Step> Engine::decrypt() {
  std::array<char, kRecordPlaintextBytesMax> text;
  while (!has_peer_ended_ && plaintext_.size() < kReceivedBytesMax) {
    const int got = wolfSSL_read(connection_.get(), text.data(), static_cast<int>(text.size()));
    if (got > 0) {
      plaintext_.append({text.data(), static_cast<std::size_t>(got)});
      continue;
    }
    const int status = wolfSSL_get_error(connection_.get(), got);
    if (status == WOLFSSL_ERROR_WANT_READ) return Step::wants_input;
    if (status != WOLFSSL_ERROR_ZERO_RETURN) return std::unexpected(failure_of(got).within("TLS"));
    has_peer_ended_ = true;
  }
  return Step::done;
}

Error Engine::failure_of(int status) {
  const int number = wolfSSL_get_error(connection_.get(), status);
  if (number == SOCKET_ERROR_E) {
    return {
        ErrorCode::limit_exceeded,
        fmt::format("the peer makes us answer and does not read: {} bytes wait", output_.size())};
  }
  WOLFSSL_ALERT_HISTORY alerts{};
  wolfSSL_get_alert_history(connection_.get(), &alerts);
  if (number == FATAL_ERROR && alerts.last_rx.level == alert_fatal) {
    return {ErrorCode::refused,
            fmt::format("the peer refused with alert {}", alert_name(alerts.last_rx.code))};
  }
  if (number == MEMORY_E || number == RNG_FAILURE_E) return {ErrorCode::system, reason(number)};
  if (client_ && alerts.last_tx.level == alert_fatal) {
    return {ErrorCode::refused, fmt::format("we refused the server: {}", reason(number))};
  }
  return {ErrorCode::syntax, reason(number)};
}

// ---- writing

Result<std::size_t> Engine::encrypt(std::span<const std::string_view> pieces, std::size_t done) {
  SLUICE_ASSERT(is_established_, "nothing is sent before the handshake is over");
  SLUICE_ASSERT(output_.size() <= kRecordPlaintextBytesMax / 2, "what was encrypted is sent first");
  if (failure_) return std::unexpected(*failure_);
  if (has_ended_) return fail(ErrorCode::cancelled, "TLS: closed");
  std::size_t encrypted = 0;
  for (std::size_t record = 0; record < kRecordsPerTurn; ++record) {
    const RecordText next(pieces, done + encrypted);
    const std::string_view text = next.text();
    if (text.empty()) break;
    output_.reserve(output_.size() + text.size() + kRecordOverheadBytesMax);
    const int status = wolfSSL_write(connection_.get(), text.data(), static_cast<int>(text.size()));
    if (status <= 0) {
      failure_ = failure_of(status).within("TLS");
      return std::unexpected(*failure_);
    }
    encrypted += static_cast<std::size_t>(status);
  }
  SLUICE_ASSERT(encrypted > 0, "there was something to send");
  return encrypted;
}

std::string Engine::take_output() { return std::exchange(output_, {}); }

void Engine::end() {
  if (!is_established_ || failure_ || std::exchange(has_ended_, true)) return;
  // RFC 8446 6.1: an alert, and no wait for the peer's own.
  wolfSSL_shutdown(connection_.get());
}

// ---- what came of it

ConnectionFacts Engine::facts() const {
  SLUICE_ASSERT(is_established_, "there are facts after the handshake");
  const int suite = wolfSSL_get_current_cipher_suite(connection_.get());
  const char* const cipher = wolfSSL_get_cipher_name_iana_from_suite(
      static_cast<unsigned char>(suite >> 8), static_cast<unsigned char>(suite & 0xff));
  return {.version = wolfSSL_get_version(connection_.get()),
          .cipher = cipher == nullptr ? "" : cipher,
          .server_name = server_name_,
          .is_resumed = wolfSSL_session_reused(connection_.get()) != 0};
}

ClientSession Engine::session() const {
  SLUICE_ASSERT(client_.has_value(), "a client keeps sessions");
  SLUICE_ASSERT(is_established_, "there is a session after the handshake");
  return {wolfSSL_get1_session(connection_.get()),
          [](WOLFSSL_SESSION* session) { wolfSSL_SESSION_free(session); }};
}

}  // namespace sluice::tls
