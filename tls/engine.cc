#include "tls/engine.h"

#include <wolfssl/options.h>
// wolfSSL's options must come first: its other headers depend on them.
#include <fmt/format.h>
#include <string.h>
#include <wolfssl/ssl.h>

#include <algorithm>
#include <utility>

#include "core/assert.h"
#include "tls/wolfssl_error.h"

namespace sluice::tls {

void Engine::FreeSsl::operator()(WOLFSSL* ssl) const { wolfSSL_free(ssl); }

void Engine::prepare(WOLFSSL_CTX* context) {
  wolfSSL_CTX_SetIORecv(context, &Engine::on_read);
  wolfSSL_CTX_SetIOSend(context, &Engine::on_write);
}

Engine::Engine(std::shared_ptr<const ServerContext> context, const ClientHello& hello)
    : server_(std::move(context)), server_name_(hello.server_name) {
  attach(wolfSSL_new(server_->context_for(hello)));
}

Engine::Engine(ClientContext& context, const std::string& server_name)
    : client_(&context), server_name_(server_name) {
  attach(wolfSSL_new(context.context_));
  if (!server_name.empty()) {
    const int status = wolfSSL_UseSNI(ssl_.get(), WOLFSSL_SNI_HOST_NAME, server_name.data(),
                                      static_cast<unsigned short>(server_name.size()));
    SLUICE_ASSERT(status == WOLFSSL_SUCCESS, "a name that was checked can be asked for");
  }
  if (context.session_ != nullptr) wolfSSL_set_session(ssl_.get(), context.session_);
}

// A session that was given tickets is worth remembering when it ends, not before they came.
Engine::~Engine() {
  if (client_ == nullptr || client_->resumption_ == Resumption::no) return;
  if (wolfSSL_is_init_finished(ssl_.get()) == 0) return;
  if (WOLFSSL_SESSION* const session = wolfSSL_get1_session(ssl_.get())) client_->remember(session);
}

void Engine::attach(WOLFSSL* ssl) {
  SLUICE_ASSERT(ssl != nullptr, "lack of memory ends the process");
  ssl_.reset(ssl);
  wolfSSL_SetIOReadCtx(ssl, this);
  wolfSSL_SetIOWriteCtx(ssl, this);
}

int Engine::on_read(WOLFSSL* /*ssl*/, char* buffer, int size, void* engine) {
  auto& self = *static_cast<Engine*>(engine);
  const std::size_t bytes =
      std::min(static_cast<std::size_t>(size), self.incoming_.size() - self.taken_);
  if (bytes == 0) return WOLFSSL_CBIO_ERR_WANT_READ;
  std::copy_n(self.incoming_.data() + self.taken_, bytes, buffer);
  self.taken_ += bytes;
  if (self.taken_ == self.incoming_.size()) {
    self.incoming_.clear();
    self.taken_ = 0;
  }
  return static_cast<int>(bytes);
}

int Engine::on_write(WOLFSSL* /*ssl*/, char* buffer, int size, void* engine) {
  static_cast<Engine*>(engine)->outgoing_.append(buffer, static_cast<std::size_t>(size));
  return size;
}

void Engine::receive(std::string_view ciphertext) { incoming_.append(ciphertext); }

std::string Engine::take_outgoing() { return std::exchange(outgoing_, {}); }

Result<bool> Engine::shake_hands() {
  const int status = wolfSSL_negotiate(ssl_.get());
  if (status == WOLFSSL_SUCCESS) return true;
  const int error = wolfSSL_get_error(ssl_.get(), status);
  if (error == WOLFSSL_ERROR_WANT_READ || error == WOLFSSL_ERROR_WANT_WRITE) return false;
  return fail(ErrorCode::syntax, fmt::format("TLS handshake: {}", wolfssl_reason(error)));
}

Result<bool> Engine::read(std::string& plaintext) {
  const std::size_t before = plaintext.size();
  int got = 0;
  plaintext.resize_and_overwrite(before + kPlainBytesMax, [&](char* bytes, std::size_t) {
    got = wolfSSL_read(ssl_.get(), bytes + before, static_cast<int>(kPlainBytesMax));
    return before + static_cast<std::size_t>(std::max(got, 0));
  });
  if (got > 0) return true;
  const int error = wolfSSL_get_error(ssl_.get(), got);
  if (error == WOLFSSL_ERROR_WANT_READ || error == WOLFSSL_ERROR_WANT_WRITE) return false;
  if (error == WOLFSSL_ERROR_ZERO_RETURN) return fail(ErrorCode::end_of_stream, "TLS: closed");
  return fail(ErrorCode::syntax, fmt::format("TLS: {}", wolfssl_reason(error)));
}

Result<void> Engine::write(std::string_view plaintext) {
  SLUICE_ASSERT(!plaintext.empty(), "nothing is no record");
  SLUICE_ASSERT(plaintext.size() <= kPlainBytesMax, "more is written in parts");
  const int size = static_cast<int>(plaintext.size());
  const int written = wolfSSL_write(ssl_.get(), plaintext.data(), size);
  if (written == size) return {};
  const int error = wolfSSL_get_error(ssl_.get(), written);
  return fail(ErrorCode::connection_lost, fmt::format("TLS: {}", wolfssl_reason(error)));
}

void Engine::say_goodbye() { wolfSSL_shutdown(ssl_.get()); }

ConnectionFacts Engine::facts() const {
  ConnectionFacts facts;
  facts.version = wolfSSL_get_version(ssl_.get());
  const WOLFSSL_CIPHER* const cipher = wolfSSL_get_current_cipher(ssl_.get());
  const std::uint32_t suite = cipher == nullptr ? 0 : wolfSSL_CIPHER_get_id(cipher) & 0xFFFF;
  facts.cipher = wolfSSL_get_cipher_name_iana_from_suite(static_cast<unsigned char>(suite >> 8),
                                                         static_cast<unsigned char>(suite & 0xFF));
  facts.server_name = server_name_;
  facts.is_resumed = wolfSSL_session_reused(ssl_.get()) != 0;
  return facts;
}

}  // namespace sluice::tls
