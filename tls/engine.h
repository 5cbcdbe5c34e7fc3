// Engine: one side of one TLS connection, in memory: ciphertext and plaintext in and out, no
// socket.
//
// The owner feeds it what came and sends what it gives. It never waits. Renegotiation is refused
// (the library has none); a peer that breaks the protocol gets its alert, and the owner an Error.
// Plaintext of at most kPlainBytesMax is encrypted at a time, so that what lies here is bounded.
// Belongs to one connection, on its shard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/error.h"
#include "tls/client_context.h"
#include "tls/client_hello.h"
#include "tls/connection_facts.h"
#include "tls/server_context.h"

struct WOLFSSL;
struct WOLFSSL_CTX;

namespace sluice::tls {

inline constexpr std::size_t kPlainBytesMax = 16 * 1024;  // of a record (RFC 8446 §5.1)

class Engine {
 public:
  // A server that answers this hello; the bytes of the hello come by receive(), too.
  Engine(std::shared_ptr<const ServerContext> context, const ClientHello& hello);
  // A client; `context` outlives it. An empty name: none is asked for.
  Engine(ClientContext& context, const std::string& server_name);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  // Takes ciphertext over.
  void receive(std::string_view ciphertext);
  // What is to be sent, taken out.
  std::string take_outgoing();
  bool has_outgoing() const { return !outgoing_.empty(); }

  // True once the handshake is done; false: more must come (send first what is to be sent).
  Result<bool> shake_hands();

  // Decrypts into the end of `plaintext`, at most kPlainBytesMax bytes. False: more must come.
  // end_of_stream: the peer said that nothing more will.
  Result<bool> read(std::string& plaintext);
  // At most kPlainBytesMax bytes.
  Result<void> write(std::string_view plaintext);
  // Says that nothing more will be written.
  void say_goodbye();

  // After the handshake.
  ConnectionFacts facts() const;

  // Lets a context of ours be used by engines.
  static void prepare(WOLFSSL_CTX* context);

 private:
  struct FreeSsl {
    void operator()(WOLFSSL* ssl) const;
  };
  static int on_read(WOLFSSL* ssl, char* buffer, int size, void* engine);
  static int on_write(WOLFSSL* ssl, char* buffer, int size, void* engine);
  void attach(WOLFSSL* ssl);

  std::shared_ptr<const ServerContext> server_;  // kept alive for the connection
  ClientContext* client_ = nullptr;
  std::string server_name_;
  std::unique_ptr<WOLFSSL, FreeSsl> ssl_;
  std::string incoming_;
  std::size_t taken_ = 0;  // of incoming_
  std::string outgoing_;
};

}  // namespace sluice::tls
