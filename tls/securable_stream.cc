#include "tls/securable_stream.h"

#include <algorithm>
#include <span>
#include <utility>

#include "core/assert.h"
#include "core/shard.h"

namespace sluice::tls {
namespace {

// A peer that leaves is told so, if it takes it at once.
constexpr Duration kGoodbyeMax = std::chrono::seconds(1);
// What is encrypted before it is sent.
constexpr std::size_t kOutgoingBytesMax = 64 * 1024;

}  // namespace

SecurableStream::SecurableStream(Shard& shard, std::unique_ptr<Stream> transport)
    : shard_(shard), transport_(std::move(transport)), sent_(shard) {}

std::string_view SecurableStream::received() const {
  if (engine_ == nullptr) return transport_->received();
  return std::string_view(plaintext_).substr(consumed_);
}

void SecurableStream::consume(std::size_t bytes) {
  if (engine_ == nullptr) return transport_->consume(bytes);
  SLUICE_ASSERT(bytes <= plaintext_.size() - consumed_, "only what was received can be consumed");
  consumed_ += bytes;
  if (consumed_ == plaintext_.size()) {
    plaintext_.clear();
    consumed_ = 0;
  }
}

void SecurableStream::discard_received() { consume(received().size()); }

void SecurableStream::feed_engine() {
  const std::string_view ciphertext = transport_->received();
  engine_->receive(ciphertext);
  transport_->consume(ciphertext.size());
}

Task<Result<void>> SecurableStream::fill(Deadline deadline) {
  if (engine_ == nullptr) co_return co_await transport_->fill(deadline);
  if (received().size() >= kReceivedBytesMax) {
    co_return fail(ErrorCode::limit_exceeded, "too much was received and not consumed");
  }
  plaintext_.erase(0, std::exchange(consumed_, 0));
  while (true) {
    feed_engine();
    SLUICE_CO_TRY(has_read, engine_->read(plaintext_));
    // An answer of the protocol itself, such as to a change of keys.
    if (engine_->has_outgoing()) {
      auto sent = co_await send_outgoing(deadline);
      if (!sent) co_return sent;
    }
    if (has_read) co_return Result<void>();
    if (plaintext_.empty()) std::string().swap(plaintext_);  // an idle connection holds no buffer
    auto filled = co_await transport_->fill(deadline);
    if (filled) continue;
    if (filled.error().code() != ErrorCode::end_of_stream) co_return filled;
    co_return fail(ErrorCode::connection_lost, "the peer ended the connection, not TLS");
  }
}

Task<Result<void>> SecurableStream::send(std::span<const std::string_view> pieces,
                                         Deadline deadline) {
  if (engine_ == nullptr) co_return co_await transport_->send(pieces, deadline);
  const Duration patience = deadline.instant() - shard_.clock().now();
  const auto next_deadline = [&] {
    return deadline.is_never() ? deadline : Deadline::in(shard_.clock(), patience);
  };
  std::size_t pending = 0;
  std::string record;
  for (std::string_view piece : pieces) {
    while (!piece.empty()) {
      const std::size_t bytes = std::min(piece.size(), kPlainBytesMax - record.size());
      record.append(piece.substr(0, bytes));
      piece.remove_prefix(bytes);
      if (record.size() < kPlainBytesMax) continue;
      auto written = engine_->write(record);
      if (!written) co_return written;
      record.clear();
      pending += kPlainBytesMax;
      if (pending < kOutgoingBytesMax) continue;
      pending = 0;
      auto sent = co_await send_outgoing(next_deadline());
      if (!sent) co_return sent;
    }
  }
  if (!record.empty()) {
    auto written = engine_->write(record);
    if (!written) co_return written;
  }
  co_return co_await send_outgoing(next_deadline());
}

// One at a time: what the engine gave first goes first.
Task<Result<void>> SecurableStream::send_outgoing(Deadline deadline) {
  while (is_sending_) {
    auto waited = co_await sent_.wait(deadline);
    if (!waited) co_return waited;
  }
  if (!engine_->has_outgoing()) co_return Result<void>();
  is_sending_ = true;
  const std::string outgoing = engine_->take_outgoing();
  const std::string_view piece = outgoing;
  const std::span<const std::string_view> pieces(&piece, 1);
  auto sent = co_await transport_->send(pieces, deadline);
  is_sending_ = false;
  sent_.notify_all();
  co_return sent;
}

Task<void> SecurableStream::close() {
  if (engine_ != nullptr && !is_sending_) {
    engine_->say_goodbye();
    const Deadline deadline = Deadline::in(shard_.clock(), kGoodbyeMax);
    auto sent = co_await send_outgoing(deadline);
    static_cast<void>(sent);  // whether it listens or not, the connection ends
  }
  co_await transport_->close();
}

Task<Result<ConnectionFacts>> SecurableStream::secure(std::shared_ptr<const ServerContext> context,
                                                      Deadline deadline) {
  SLUICE_ASSERT(engine_ == nullptr, "a stream becomes TLS once");
  SLUICE_CO_TRY(hello, co_await read_client_hello(deadline));
  engine_ = std::make_unique<Engine>(std::move(context), hello);
  co_return co_await shake_hands(deadline);
}

Task<Result<ConnectionFacts>> SecurableStream::secure_as_client(ClientContext& context,
                                                                std::string server_name,
                                                                Deadline deadline) {
  SLUICE_ASSERT(engine_ == nullptr, "a stream becomes TLS once");
  engine_ = std::make_unique<Engine>(context, server_name);
  co_return co_await shake_hands(deadline);
}

Task<Result<ClientHello>> SecurableStream::read_client_hello(Deadline deadline) {
  while (true) {
    auto hello = parse_client_hello(transport_->received());
    if (hello) co_return *std::move(hello);
    const bool is_hopeless = hello.error() == ClientHelloFault::malformed ||
                             transport_->received().size() > 2 * kClientHelloBytesMax;
    if (is_hopeless) co_return fail(ErrorCode::syntax, "TLS handshake: this is no ClientHello");
    auto filled = co_await transport_->fill(deadline);
    if (!filled) co_return std::unexpected(std::move(filled).error().within("TLS handshake"));
  }
}

Task<Result<ConnectionFacts>> SecurableStream::shake_hands(Deadline deadline) {
  while (true) {
    feed_engine();
    auto done = engine_->shake_hands();
    // Also an alert that says what went wrong.
    auto sent = co_await send_outgoing(deadline);
    if (!done) co_return std::unexpected(std::move(done).error());
    if (!sent) co_return std::unexpected(std::move(sent).error().within("TLS handshake"));
    if (*done) co_return engine_->facts();
    auto filled = co_await transport_->fill(deadline);
    if (!filled) co_return std::unexpected(std::move(filled).error().within("TLS handshake"));
  }
}

}  // namespace sluice::tls
