// SecurableStream: a Stream that begins in clear and may become TLS, once: at the first byte, or in
// the middle of a conversation (STARTTLS).
//
// wolfSSL is asked to encrypt only when what it gave before has been taken by the kernel, so that
// little lies here in between. A peer that ends TCP without having said so in TLS is
// connection_lost. The RSA signature of a full handshake blocks the shard for 0.8 ms; ECDSA takes a
// twentieth of that. Lives on its shard. One reader task and one writer task may use it at the same
// time.
#pragma once

#include <memory>
#include <string>

#include "core/event.h"
#include "core/stream.h"
#include "tls/connection_facts.h"
#include "tls/engine.h"

namespace sluice {
class Shard;
}

namespace sluice::tls {

class SecurableStream final : public Stream {
 public:
  SecurableStream(Shard& shard, std::unique_ptr<Stream> transport);

  std::string_view received() const override;
  void consume(std::size_t bytes) override;
  Task<Result<void>> fill(Deadline deadline) override;
  Task<Result<void>> send(std::span<const std::string_view> pieces, Deadline deadline) override;
  Task<void> close() override;

  // Drops what came and was not consumed.
  void discard_received();

  // The handshake, as server or as client. While it lasts nobody fills or sends. After an Error the
  // stream can only be closed; the peer was told why, if it listens.
  Task<Result<ConnectionFacts>> secure(std::shared_ptr<const ServerContext> context,
                                       Deadline deadline);
  Task<Result<ConnectionFacts>> secure_as_client(ClientContext& context, std::string server_name,
                                                 Deadline deadline);

  bool is_secure() const { return engine_ != nullptr; }

 private:
  Task<Result<ClientHello>> read_client_hello(Deadline deadline);
  Task<Result<ConnectionFacts>> shake_hands(Deadline deadline);
  Task<Result<void>> send_outgoing(Deadline deadline);
  void feed_engine();

  Shard& shard_;
  std::unique_ptr<Stream> transport_;
  std::unique_ptr<Engine> engine_;  // null: in clear
  std::string plaintext_;           // decrypted
  std::size_t consumed_ = 0;        // of it
  Event sent_;                      // the send in progress has ended
  bool is_sending_ = false;
};

}  // namespace sluice::tls
