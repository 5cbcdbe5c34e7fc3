#include "tls/engine.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <string>

#include "tests/unit/tls/test_certificates.h"

namespace sluice::tls {
namespace {

using testing::HasSubstr;

// A client and a server whose ciphertext the test carries, in pieces of at most `piece_bytes`.
class Wire {
 public:
  Wire(Engine& client, Engine& server, std::size_t piece_bytes = SIZE_MAX)
      : client_(client), server_(server), piece_bytes_(piece_bytes) {}

  // Carries until both are silent; the first error that either reports.
  Result<void> carry() {
    if (auto begun = client_.feed(to_client_); !begun) return std::unexpected(begun.error());
    while (client_.has_output() || server_.has_output() || !to_client_.empty() ||
           !to_server_.empty()) {
      to_server_ += client_.take_output();
      if (auto given = give(server_, to_server_); !given) return given;
      to_client_ += server_.take_output();
      if (auto given = give(client_, to_client_); !given) return given;
    }
    return {};
  }

 private:
  Result<void> give(Engine& engine, std::string& bytes) const {
    std::size_t given = 0;
    while (given < bytes.size()) {
      given = std::min(bytes.size(), given > bytes.size() - std::min(piece_bytes_, bytes.size())
                                         ? bytes.size()
                                         : given + piece_bytes_);
      auto taken = engine.feed(std::string_view(bytes).substr(0, given));
      if (!taken) return std::unexpected(std::move(taken).error());
      bytes.erase(0, *taken);
      given -= *taken;
    }
    return {};
  }

  Engine& client_;
  Engine& server_;
  std::size_t piece_bytes_;
  std::string to_client_;
  std::string to_server_;
};

// Sends all of the text from one to the other, and gives what arrived.
std::string transfer(Engine& from, Engine& to, std::string_view text) {
  std::string arrived;
  const std::span<const std::string_view> pieces(&text, 1);
  for (std::size_t done = 0; done < text.size();) {
    const auto encrypted = from.encrypt(pieces, done);
    if (!encrypted) return "encrypt: " + encrypted.error().sentence();
    done += *encrypted;
    const std::string ciphertext = from.take_output();
    EXPECT_LE(ciphertext.size(), kPendingCiphertextBytesMax);
    const auto taken = to.feed(ciphertext);
    if (!taken) return "feed: " + taken.error().sentence();
    EXPECT_EQ(*taken, ciphertext.size());
    while (to.plaintext().reveal()) {
      arrived += to.plaintext().visible();
      to.plaintext().consume(to.plaintext().visible().size());
    }
  }
  return arrived;
}

class EngineTest : public testing::Test {
 protected:
  ClientRole client(ClientSession session = {}, Version version_max = Version::tls_1_3) {
    return {.context = client_with(
                {.authorities_file = certificates_.authorities_file(), .version_max = version_max}),
            .server_name = "mail.example.com",
            .session = std::move(session)};
  }
  std::shared_ptr<const Certificate> ecdsa() {
    return certificates_.load("ec:P-256", "DNS:mail.example.com");
  }
  std::shared_ptr<const Certificate> rsa() {
    return certificates_.load("rsa:2048", "DNS:mail.example.com");
  }

  TestCertificates certificates_;
};

TEST_F(EngineTest, SpeaksTls13WithEcdsa) {
  Engine server(server_with({ecdsa()}));
  Engine client_end(client());
  ASSERT_TRUE(Wire(client_end, server).carry());
  const ConnectionFacts facts = server.facts();
  EXPECT_EQ(facts.version, "TLSv1.3");
  EXPECT_EQ(facts.cipher, "TLS_AES_128_GCM_SHA256");
  EXPECT_EQ(facts.server_name, "mail.example.com");
  EXPECT_FALSE(facts.is_resumed);
  EXPECT_EQ(transfer(client_end, server, "EHLO"), "EHLO");
  EXPECT_EQ(transfer(server, client_end, "250"), "250");
}

// Whoever drives it lets another thread do that.
TEST_F(EngineTest, TellsWhenItWillSignWithRsa) {
  Engine with_rsa(server_with({rsa()}));
  Engine with_both(server_with({ecdsa(), rsa()}));
  Engine client_end(client());
  ASSERT_TRUE(client_end.feed(""));
  const std::string hello = client_end.take_output();
  EXPECT_TRUE(with_rsa.is_slow_to_feed(hello));
  EXPECT_FALSE(with_rsa.is_slow_to_feed(hello.substr(0, hello.size() - 1)));
  EXPECT_FALSE(with_rsa.is_slow_to_feed("EHLO x\r\n"));
  EXPECT_FALSE(with_both.is_slow_to_feed(hello));
  ASSERT_TRUE(with_rsa.feed(hello));
  EXPECT_FALSE(with_rsa.is_slow_to_feed(hello));  // it has signed
  EXPECT_FALSE(client_end.is_slow_to_feed(hello));
}

TEST_F(EngineTest, SpeaksTls12WithRsa) {
  Engine server(server_with({rsa()}));
  Engine client_end(client({}, Version::tls_1_2));
  ASSERT_TRUE(Wire(client_end, server).carry());
  EXPECT_EQ(server.facts().version, "TLSv1.2");
  EXPECT_EQ(server.facts().cipher, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
  EXPECT_EQ(transfer(client_end, server, "EHLO"), "EHLO");
}

TEST_F(EngineTest, TakesCiphertextInAnyPieces) {
  const auto context = server_with({ecdsa()});
  for (const std::size_t piece : {1u, 2u, 3u, 5u, 7u, 64u, 1000u}) {
    for (const Version version : {Version::tls_1_2, Version::tls_1_3}) {
      Engine server(context);
      Engine client_end(client({}, version));
      ASSERT_TRUE(Wire(client_end, server, piece).carry()) << piece;
      EXPECT_TRUE(server.is_established()) << piece;
      EXPECT_TRUE(client_end.is_established()) << piece;
    }
  }
}

TEST_F(EngineTest, CarriesManyRecordsBothWays) {
  Engine server(server_with({ecdsa()}));
  Engine client_end(client());
  ASSERT_TRUE(Wire(client_end, server).carry());
  std::string text(1'000'000, 'x');
  for (std::size_t i = 0; i < text.size(); i += 7) text[i] = static_cast<char>(i);
  EXPECT_EQ(transfer(client_end, server, text), text);
  EXPECT_EQ(transfer(server, client_end, text), text);
}

TEST_F(EngineTest, GathersSmallPiecesIntoOneRecord) {
  Engine server(server_with({ecdsa()}));
  Engine client_end(client());
  ASSERT_TRUE(Wire(client_end, server).carry());
  const std::vector<std::string_view> pieces(1000, "0123456789");
  ASSERT_EQ(server.encrypt(pieces, 0), 10'000u);
  EXPECT_EQ(server.take_output().size(), 10'000u + 5 + 1 + 16);  // RFC 8446 5.2
}

TEST_F(EngineTest, StopsTakingWhenNobodyReads) {
  Engine server(server_with({ecdsa()}));
  Engine client_end(client());
  ASSERT_TRUE(Wire(client_end, server).carry());
  const std::string text(4 * kReceivedBytesMax, 'x');
  const std::string_view view = text;
  std::string ciphertext;
  for (std::size_t done = 0; done < text.size();) {
    done += *client_end.encrypt(std::span(&view, 1), done);
    ciphertext += client_end.take_output();
  }
  const auto taken = server.feed(ciphertext);
  ASSERT_TRUE(taken);
  EXPECT_LT(*taken, ciphertext.size());
  EXPECT_GE(server.plaintext().size(), kReceivedBytesMax);
  EXPECT_LT(server.plaintext().size(), kReceivedBytesMax + 16 * 1024);
}

TEST_F(EngineTest, EndsInOrder) {
  Engine server(server_with({ecdsa()}));
  Engine client_end(client());
  ASSERT_TRUE(Wire(client_end, server).carry());
  client_end.end();
  ASSERT_TRUE(Wire(client_end, server).carry());
  EXPECT_TRUE(server.has_peer_ended());
  EXPECT_FALSE(client_end.has_peer_ended());
  // The other direction is still open (RFC 8446 6.1).
  EXPECT_EQ(transfer(server, client_end, "221 bye"), "221 bye");
  server.end();
  EXPECT_TRUE(client_end.feed(server.take_output()));
  EXPECT_TRUE(client_end.has_peer_ended());
}

TEST_F(EngineTest, ResumesOnAnotherContextWithTheSameTicketKeys) {
  const auto keys = new_ticket_keys();
  const auto certificate = ecdsa();
  for (const Version version : {Version::tls_1_2, Version::tls_1_3}) {
    Engine first_server(server_with({certificate}, keys));
    Engine first(client({}, version));
    ASSERT_TRUE(Wire(first, first_server).carry());
    Engine second_server(server_with({certificate}, keys));
    Engine second(client(first.session(), version));
    ASSERT_TRUE(Wire(second, second_server).carry());
    EXPECT_TRUE(second_server.facts().is_resumed);
    EXPECT_TRUE(second.facts().is_resumed);
    EXPECT_EQ(transfer(second, second_server, "EHLO"), "EHLO");
  }
}

TEST_F(EngineTest, MakesAWholeHandshakeWhenTheTicketKeysAreGone) {
  const auto certificate = ecdsa();
  Engine first_server(server_with({certificate}));
  Engine first(client());
  ASSERT_TRUE(Wire(first, first_server).carry());
  Engine second_server(server_with({certificate}));
  Engine second(client(first.session()));
  ASSERT_TRUE(Wire(second, second_server).carry());
  EXPECT_FALSE(second_server.facts().is_resumed);
}

TEST_F(EngineTest, RefusesTls12WhereTls13IsTheLeast) {
  Engine server(server_with({ecdsa()}, new_ticket_keys(), Version::tls_1_3));
  Engine client_end(client({}, Version::tls_1_2));
  EXPECT_FALSE(Wire(client_end, server).carry());
  EXPECT_FALSE(server.is_established());
  EXPECT_TRUE(server.has_output());  // the alert
}

TEST_F(EngineTest, AClientRefusesAnotherName) {
  Engine server(server_with({certificates_.load("ec:P-256", "DNS:other.example.com")}));
  Engine client_end(client());
  const auto carried = Wire(client_end, server).carry();
  ASSERT_FALSE(carried);
  EXPECT_EQ(carried.error().code(), ErrorCode::refused);
}

TEST_F(EngineTest, AClientRefusesAnUnknownAuthorityAndTheServerSaysSo) {
  TestCertificates others;
  Engine server(server_with({others.load("ec:P-256", "DNS:mail.example.com")}));
  Engine client_end(client());
  ASSERT_FALSE(Wire(client_end, server).carry());
  const auto fed = server.feed(client_end.take_output());
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().code(), ErrorCode::refused);
  EXPECT_THAT(fed.error().sentence(), HasSubstr("the peer refused with alert"));
}

TEST_F(EngineTest, AClientThatVerifiesNothingTakesAnyCertificate) {
  TestCertificates others;
  Engine server(server_with({others.load("ec:P-256", "DNS:other.example.com")}));
  Engine client_end(ClientRole{.context = client_with({.verification = Verification::none}),
                               .server_name = "mail.example.com",
                               .session = {}});
  EXPECT_TRUE(Wire(client_end, server).carry());
}

TEST_F(EngineTest, AServerHasACertificateForEachName) {
  const auto context = server_with({certificates_.load("ec:P-256", "DNS:other.example.com"),
                                    certificates_.load("ec:P-256", "DNS:*.example.com")});
  Engine server(context);
  Engine client_end(client());  // verifies the name
  EXPECT_TRUE(Wire(client_end, server).carry());
}

struct GarbageCase {
  const char* name;
  std::string bytes;
  ErrorCode code;
  const char* sentence;
};

class Garbage : public testing::TestWithParam<GarbageCase> {};

TEST_P(Garbage, IsRefusedWithASentence) {
  TestCertificates certificates;
  Engine server(server_with({certificates.load("ec:P-256", "DNS:a.example")}));
  const auto fed = server.feed(GetParam().bytes);
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().code(), GetParam().code);
  EXPECT_THAT(fed.error().sentence(), HasSubstr(GetParam().sentence));
  EXPECT_FALSE(server.feed(GetParam().bytes));  // it stays so
}

INSTANTIATE_TEST_SUITE_P(
    Engine, Garbage,
    testing::Values(GarbageCase{"text", "EHLO client.example\r\n", ErrorCode::syntax, "plain text"},
                    GarbageCase{"ssl2", "\x80\x2e\x01\x03\x01", ErrorCode::syntax, "SSL 2"},
                    GarbageCase{"zeros", std::string(100, '\0'), ErrorCode::syntax,
                                "does not begin with a handshake"},
                    GarbageCase{"other_message", std::string("\x16\x03\x01\x00\x04\x02\0\0\0", 9),
                                ErrorCode::syntax, "another message"},
                    GarbageCase{"huge", std::string("\x16\x03\x01\x00\x04\x01\xff\xff\xff", 9),
                                ErrorCode::limit_exceeded, "at most"},
                    GarbageCase{"short", std::string("\x16\x03\x01\x00\x05\x01\0\0\x01\x03", 10),
                                ErrorCode::syntax, "ends early"}),
    [](const auto& each) { return each.param.name; });

TEST_F(EngineTest, RefusesGarbageInTheMiddleOfTheHandshake) {
  Engine server(server_with({ecdsa()}));
  Engine client_end(client());
  ASSERT_TRUE(client_end.feed(""));
  ASSERT_TRUE(server.feed(client_end.take_output()));
  server.take_output();
  const auto fed = server.feed("\x17\x03\x03" + std::string("\x00\x40", 2) + std::string(64, 'x'));
  ASSERT_FALSE(fed);
  EXPECT_THAT(fed.error().sentence(), HasSubstr("TLS handshake: "));
  EXPECT_TRUE(server.has_output());  // the alert
}

TEST_F(EngineTest, RefusesARecordThatWasChanged) {
  Engine server(server_with({ecdsa()}));
  Engine client_end(client());
  ASSERT_TRUE(Wire(client_end, server).carry());
  const std::string_view text = "MAIL FROM:<a@example.com>";
  ASSERT_TRUE(client_end.encrypt(std::span(&text, 1), 0));
  std::string ciphertext = client_end.take_output();
  ciphertext.back() = static_cast<char>(ciphertext.back() ^ 1);
  EXPECT_FALSE(server.feed(ciphertext));
  EXPECT_EQ(server.plaintext().size(), 0u);
}

}  // namespace
}  // namespace sluice::tls
