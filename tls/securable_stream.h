// SecurableStream: a Stream that begins in clear and may become TLS once.
//
// For STARTTLS (RFC 3207) and, secured before the first word, for implicit TLS (RFC 8314 3.3). What
// a peer sent in clear behind its STARTTLS must not count as said under TLS (CVE-2011-0411):
// discard_received() drops it before the 220 leaves. What arrives in clear after that can be no
// ClientHello, and the handshake fails.
// Owns the stream it is given. On that stream's shard.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "core/stream.h"
#include "tls/tls_stream.h"

namespace sluice::tls {

class SecurableStream final : public Stream {
 public:
  SecurableStream(Shard& shard, std::unique_ptr<Stream> clear);
  ~SecurableStream() override;

  // Drops what was received and not consumed.
  void discard_received();

  // Makes it TLS, as the server. Nobody may be reading or writing; received() must be empty unless
  // it is the beginning of TLS. After a failure only close() is left. `signing`: see TlsStream.
  Task<Result<ConnectionFacts>> secure(std::shared_ptr<const ServerContext> context,
                                       Deadline deadline, OffloadPool* signing = nullptr);
  // The same as a client.
  Task<Result<ConnectionFacts>> secure(ClientRole role, Deadline deadline);

  bool is_secured() const { return tls_ != nullptr; }
  // For a client that is secured: what a later connection can resume with. A server of TLS 1.3
  // gives it some time after the handshake.
  ClientSession session() const;

  std::string_view received() const override { return stream_->received(); }
  void consume(std::size_t bytes) override { stream_->consume(bytes); }
  Task<Result<void>> fill(Deadline deadline) override;
  Task<Result<void>> send(std::span<const std::string_view> pieces, Deadline deadline) override;
  Task<void> close() override;

 private:
  template <class Role>
  TlsStream& wrap(Role role);

  Shard& shard_;
  std::unique_ptr<Stream> stream_;  // the clear one, or tls_
  TlsStream* tls_ = nullptr;
};

}  // namespace sluice::tls
