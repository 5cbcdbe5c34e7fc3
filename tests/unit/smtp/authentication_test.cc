#include "smtp/authentication.h"

#include <gtest/gtest.h>

#include <string>

#include "smtp/base64.h"

namespace sluice::smtp {
namespace {

using namespace std::string_literals;

// The code of the refusal; 0: none.
int code_of(const std::optional<Reply>& refusal) { return refusal ? refusal->code : 0; }

struct PlainCase {
  std::string_view name;
  std::string message;
  int code;  // 0: taken
};

class Plain : public testing::TestWithParam<PlainCase> {};

TEST_P(Plain, TakesAUserAndAPassword) {
  AuthenticationExchange exchange(Mechanism::plain);
  EXPECT_EQ(code_of(exchange.respond(encode_base64(GetParam().message))), GetParam().code);
  EXPECT_EQ(exchange.is_complete(), GetParam().code == 0);
}

INSTANTIATE_TEST_SUITE_P(
    Table, Plain,
    testing::Values(PlainCase{"usual", "\0user\0secret"s, 0},
                    PlainCase{"own_identity", "user\0user\0secret"s, 0},
                    PlainCase{"other_identity", "boss\0user\0secret"s, 535},
                    PlainCase{"empty_password", "\0user\0"s, 0},
                    PlainCase{"empty_user", "\0\0secret"s, 501}, PlainCase{"nothing", "", 501},
                    PlainCase{"no_nul", "user secret", 501},
                    PlainCase{"one_nul", "user\0secret"s, 501},
                    PlainCase{"three_nuls", "\0user\0sec\0ret"s, 501},
                    PlainCase{"longest",
                              "\0"s + std::string(255, 'u') + "\0"s + std::string(1024, 'p'), 0},
                    PlainCase{"long_user", "\0"s + std::string(256, 'u') + "\0p"s, 501},
                    PlainCase{"long_password", "\0u\0"s + std::string(1025, 'p'), 501}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(AuthenticationExchange, GivesTheCredentialsOfPlain) {
  AuthenticationExchange exchange(Mechanism::plain);
  EXPECT_EQ(exchange.challenge().code, 334);
  EXPECT_EQ(exchange.challenge().text, "");
  ASSERT_FALSE(exchange.respond("AHVzZXIAc2VjcmV0").has_value());
  const Credentials credentials = exchange.take();
  EXPECT_EQ(credentials.user, "user");
  EXPECT_EQ(credentials.password.reveal(), "secret");
}

TEST(AuthenticationExchange, AsksForNameThenPasswordInLogin) {
  AuthenticationExchange exchange(Mechanism::login);
  EXPECT_EQ(decode_base64(exchange.challenge().text), "Username:");
  ASSERT_FALSE(exchange.respond(encode_base64("user")).has_value());
  EXPECT_EQ(decode_base64(exchange.challenge().text), "Password:");
  ASSERT_FALSE(exchange.respond(encode_base64("secret")).has_value());
  const Credentials credentials = exchange.take();
  EXPECT_EQ(credentials.user, "user");
  EXPECT_EQ(credentials.password.reveal(), "secret");
}

TEST(AuthenticationExchange, TakesTheNameOfLoginAsInitialResponse) {
  AuthenticationExchange exchange(Mechanism::login);
  ASSERT_FALSE(exchange.respond_first(encode_base64("user")).has_value());
  EXPECT_EQ(decode_base64(exchange.challenge().text), "Password:");
}

TEST(AuthenticationExchange, AnEqualsSignIsAnEmptyInitialResponse) {
  AuthenticationExchange exchange(Mechanism::plain);
  EXPECT_EQ(code_of(exchange.respond_first("=")), 501);
}

TEST(AuthenticationExchange, IsGivenUpByAStar) {
  AuthenticationExchange exchange(Mechanism::login);
  EXPECT_EQ(code_of(exchange.respond("*")), 501);
}

TEST(AuthenticationExchange, RefusesWhatIsNoBase64) {
  AuthenticationExchange exchange(Mechanism::login);
  EXPECT_EQ(code_of(exchange.respond("user!")), 501);
}

TEST(AuthenticationExchange, RefusesANulInLogin) {
  AuthenticationExchange exchange(Mechanism::login);
  EXPECT_EQ(code_of(exchange.respond(encode_base64("a\0b"s))), 501);
}

TEST(Mechanism, IsNamedInAnyCase) {
  EXPECT_EQ(parse_mechanism("plain"), Mechanism::plain);
  EXPECT_EQ(parse_mechanism("LOGIN"), Mechanism::login);
  EXPECT_EQ(parse_mechanism("CRAM-MD5"), std::nullopt);
}

}  // namespace
}  // namespace sluice::smtp
