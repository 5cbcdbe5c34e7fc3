// A peer that makes us answer: KeyUpdate (RFC 8446 4.6.3), which only wolfSSL's own client can be
// made to send at will.
#include <wolfssl/options.h>
// wolfSSL's options must come first: its other headers depend on them.
#include <gtest/gtest.h>
#include <wolfssl/ssl.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "tests/unit/tls/test_certificates.h"
#include "tls/engine.h"

namespace sluice::tls {
namespace {

// wolfSSL's client between two strings.
class RawClient {
 public:
  RawClient()
      : context_(wolfSSL_CTX_new(wolfTLSv1_3_client_method())),
        connection_(wolfSSL_new(context_.get())) {
    wolfSSL_set_verify(connection_.get(), WOLFSSL_VERIFY_NONE, nullptr);
    wolfSSL_SSLSetIORecv(connection_.get(), receive);
    wolfSSL_SSLSetIOSend(connection_.get(), send);
    wolfSSL_SetIOReadCtx(connection_.get(), this);
    wolfSSL_SetIOWriteCtx(connection_.get(), this);
  }

  void connect_to(Engine& server) {
    while (wolfSSL_connect(connection_.get()) != WOLFSSL_SUCCESS) exchange(server);
    exchange(server);
  }
  void update_keys() { EXPECT_EQ(wolfSSL_update_keys(connection_.get()), WOLFSSL_SUCCESS); }
  void write(std::string_view text) {
    EXPECT_EQ(wolfSSL_write(connection_.get(), text.data(), static_cast<int>(text.size())),
              static_cast<int>(text.size()));
  }
  std::string read() {
    std::string room(100, '\0');
    const int got = wolfSSL_read(connection_.get(), room.data(), static_cast<int>(room.size()));
    return room.substr(0, static_cast<std::size_t>(std::max(0, got)));
  }
  void exchange(Engine& server) {
    const auto taken = server.feed(std::exchange(sent_, {}));
    EXPECT_TRUE(taken);
    received_ += server.take_output();
  }
  void receive_more(std::string_view bytes) { received_ += bytes; }
  std::string take_sent() { return std::exchange(sent_, {}); }

 private:
  static int receive(WOLFSSL* /*connection*/, char* room, int bytes, void* self) {
    std::string& received = static_cast<RawClient*>(self)->received_;
    if (received.empty()) return WOLFSSL_CBIO_ERR_WANT_READ;
    const std::size_t got = std::min(received.size(), static_cast<std::size_t>(bytes));
    std::memcpy(room, received.data(), got);
    received.erase(0, got);
    return static_cast<int>(got);
  }
  static int send(WOLFSSL* /*connection*/, char* data, int bytes, void* self) {
    static_cast<RawClient*>(self)->sent_.append(data, static_cast<std::size_t>(bytes));
    return bytes;
  }

  ContextHandle context_;
  ConnectionHandle connection_;
  std::string received_;
  std::string sent_;
};

class KeyUpdateTest : public testing::Test {
 protected:
  TestCertificates certificates_;
  Engine server_{server_with({certificates_.load("ec:P-256", "DNS:a.example")})};
  RawClient client_;
};

TEST_F(KeyUpdateTest, IsAnsweredAndTheConnectionGoesOn) {
  client_.connect_to(server_);
  client_.update_keys();
  client_.write("hello");
  client_.exchange(server_);
  ASSERT_TRUE(server_.plaintext().reveal());
  EXPECT_EQ(server_.plaintext().visible(), "hello");
  const std::string_view answer = "world";
  ASSERT_TRUE(server_.encrypt(std::span(&answer, 1), 0));
  client_.exchange(server_);
  EXPECT_EQ(client_.read(), "world");
}

// Our answers cannot leave while the requests go on. (wolfSSL's client asks again only when it was
// answered: it is given each answer, which stays pending for all that the server knows.)
TEST_F(KeyUpdateTest, AFloodIsRefusedAtTheBound) {
  client_.connect_to(server_);
  std::size_t pending = 0;
  Result<std::size_t> fed = 0;
  for (int update = 0; update < 4000 && fed; ++update) {
    client_.update_keys();
    fed = server_.feed(client_.take_sent());
    const std::string output = server_.take_output();
    server_.take_output_bytes(output);
    EXPECT_LE(output.size(), kPendingCiphertextBytesMax);
    client_.receive_more(std::string_view(output).substr(pending));
    pending = output.size();
    client_.read();
  }
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().code(), ErrorCode::limit_exceeded) << fed.error().sentence();
  EXPECT_GT(pending, kPendingCiphertextBytesMax - 100);
}

TEST_F(KeyUpdateTest, ManyAreAnsweredWhenThePeerReads) {
  client_.connect_to(server_);
  for (int update = 0; update < 4000; ++update) {
    client_.update_keys();
    client_.exchange(server_);
    ASSERT_EQ(client_.read(), "");
  }
  client_.write("hello");
  client_.exchange(server_);
  ASSERT_TRUE(server_.plaintext().reveal());
  EXPECT_EQ(server_.plaintext().visible(), "hello");
}

}  // namespace
}  // namespace sluice::tls
