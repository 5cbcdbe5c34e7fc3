#include "tls/securable_stream.h"

#include <utility>

#include "core/assert.h"

namespace sluice::tls {

SecurableStream::SecurableStream(Shard& shard, std::unique_ptr<Stream> clear)
    : shard_(shard), stream_(std::move(clear)) {
  SLUICE_ASSERT(stream_ != nullptr, "there is a stream to secure");
}

SecurableStream::~SecurableStream() = default;

void SecurableStream::discard_received() { stream_->consume(stream_->received().size()); }

template <class Role>
TlsStream& SecurableStream::wrap(Role role) {
  SLUICE_ASSERT(tls_ == nullptr, "a stream becomes TLS once");
  auto tls = std::make_unique<TlsStream>(shard_, std::move(stream_), std::move(role));
  tls_ = tls.get();
  stream_ = std::move(tls);
  return *tls_;
}

Task<Result<ConnectionFacts>> SecurableStream::secure(std::shared_ptr<const ServerContext> context,
                                                      Deadline deadline, OffloadPool* signing) {
  return wrap(std::move(context)).handshake(deadline, signing);
}

Task<Result<ConnectionFacts>> SecurableStream::secure(ClientRole role, Deadline deadline) {
  return wrap(std::move(role)).handshake(deadline);
}

Task<Result<void>> SecurableStream::fill(Deadline deadline) { return stream_->fill(deadline); }

Task<Result<void>> SecurableStream::send(std::span<const std::string_view> pieces,
                                         Deadline deadline) {
  return stream_->send(pieces, deadline);
}

ClientSession SecurableStream::session() const {
  SLUICE_ASSERT(is_secured(), "there is a session after the handshake");
  return tls_->session();
}

Task<void> SecurableStream::close() { return stream_->close(); }

}  // namespace sluice::tls
