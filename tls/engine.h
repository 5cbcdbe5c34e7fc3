// Engine: one TLS connection without I/O: ciphertext in, plaintext out, and the other way round.
//
// A server reads the ClientHello itself first, so a peer that speaks no TLS never gets a connection
// of wolfSSL's. What is to be sent collects in output(), bounded by kPendingCiphertextBytesMax:
// whoever drives the engine sends it before it encrypts more. Renegotiation is refused, compression
// and early data (replay) do not exist.
// After a failure nothing more is taken; output() may hold the alert that tells the peer.
// One owner, on one thread at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/receive_buffer.h"
#include "core/stream.h"
#include "tls/client_context.h"
#include "tls/connection_facts.h"
#include "tls/handles.h"
#include "tls/server_context.h"

namespace sluice::tls {

inline constexpr std::size_t kPendingCiphertextBytesMax = 64 * 1024;

// The client's part: whom it wants to reach, and what it kept from the last time (may be null).
struct ClientRole {
  std::shared_ptr<const ClientContext> context;
  std::string server_name;  // sent as SNI; verified if the context says so
  ClientSession session;
};

class Engine {
 public:
  explicit Engine(std::shared_ptr<const ServerContext> context);
  explicit Engine(ClientRole role);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  // Goes on with the handshake, or decrypts, as far as the ciphertext reaches; gives how much of it
  // was taken. What is left is given again with what comes next. A client begins with none.
  Result<std::size_t> feed(std::string_view ciphertext);

  // Whether a feed of this holds up a thread for the better part of a millisecond: a server that
  // is about to sign with RSA.
  bool is_slow_to_feed(std::string_view ciphertext) const;

  // Encrypts what comes behind the first `done` bytes of the pieces, as much as output() has room
  // for; gives how much that was, at least 1. After the handshake, with nothing pending.
  Result<std::size_t> encrypt(std::span<const std::string_view> pieces, std::size_t done);

  // Says that nothing more will come (close_notify), once; nothing before the handshake is over.
  void end();

  // The decrypted bytes.
  ReceiveBuffer& plaintext() { return plaintext_; }
  const ReceiveBuffer& plaintext() const { return plaintext_; }

  // What is to be sent now.
  bool has_output() const { return !output_.empty(); }
  std::string take_output();

  bool is_established() const { return is_established_; }
  bool has_peer_ended() const { return has_peer_ended_; }

  ConnectionFacts facts() const;  // once it is established
  // What a client can resume with; of TLS 1.3 only after the first bytes came.
  ClientSession session() const;

  // Implementation: what wolfSSL calls for bytes.
  int give_input(std::span<char> room);
  int take_output_bytes(std::string_view bytes);

 private:
  enum class Step : std::uint8_t { done, wants_input };

  Result<Step> begin_server(std::string_view ciphertext);
  Result<Step> begin_client();
  Result<Step> open(WOLFSSL_CTX* context);
  Result<Step> negotiate();
  Result<Step> decrypt();
  Result<Step> begin(std::string_view ciphertext);
  Error failure_of(int status);

  std::shared_ptr<const ServerContext> server_;  // either this
  std::optional<ClientRole> client_;             // or that
  ConnectionHandle connection_;                  // once it begins
  std::string server_name_;
  std::string_view input_;  // during a feed
  std::string output_;
  ReceiveBuffer plaintext_{kReceivedBytesMax};
  std::optional<Error> failure_;
  bool is_established_ = false;
  bool has_peer_ended_ = false;
  bool has_ended_ = false;
};

}  // namespace sluice::tls
