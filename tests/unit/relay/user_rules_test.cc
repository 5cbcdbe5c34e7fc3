#include "relay/user_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>

#include "core/config_file.h"
#include "relay/config.h"
#include "tests/unit/core/temporary_directory.h"

namespace sluice::relay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kStart =
    "hostname = \"relay.example\"\n"
    "[[listener]]\naddress = \"127.0.0.1:2525\"\n"
    "[[route]]\nsmart_hosts = [\"127.0.0.1:2526\"]\n";  // lines 1 to 5

const std::string kHash =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

struct Read {
  RelayConfig config;
  std::vector<std::string> problems;
};

Read read(std::string_view text) {
  ConfigProblems problems;
  const auto document = parse_config_text(std::string(kStart) + std::string(text), "f", problems);
  Read result{read_config(document, problems), {}};
  for (const auto& problem : problems.sorted()) result.problems.push_back(problem.to_string());
  return result;
}

// A user who has what each needs, and more.
Read read_user(const std::string& more) {
  return read("[[user]]\nname = \"a\"\nhash = \"" + kHash + "\"\nsenders = \"*\"\n" + more);
}

TEST(UserKeys, FillEverySetting) {
  const auto [config, problems] = read(R"(
    [[user]]
    name = "apikey"
    password = [{ env = "NEW" }, { file = "/old" }]
    tenant = "acme"
    enabled = false
    senders = ["*@acme.example", "*@*.acme.example"]
    from = "news@acme.example"
    null_sender = true
    networks = ["192.0.2.0/24"]
    classes = ["bulk", "transactional"]
    pools = ["main"]
    accept_rate = "1,000/min"
    message_size = "10MB"
    recipients_per_message = 50
  )");
  EXPECT_THAT(problems, ElementsAre());
  const UserSettings& user = config.users.at(0);
  EXPECT_EQ(user.name, "apikey");
  EXPECT_EQ(user.password.at(1).name, "/old");
  EXPECT_EQ(user.tenant, "acme");
  EXPECT_FALSE(user.enabled);
  EXPECT_EQ(user.senders.size(), 2U);
  EXPECT_EQ(user.from.at(0).to_string(), "news@acme.example");
  EXPECT_TRUE(user.null_sender);
  EXPECT_EQ(user.networks.at(0).to_string(), "192.0.2.0/24");
  EXPECT_THAT(user.classes, ElementsAre("bulk", "transactional"));
  EXPECT_THAT(user.pools, ElementsAre("main"));
  EXPECT_EQ(user.accept_rate->amount, 1000U);
  EXPECT_EQ(user.message_size, ByteCount(10'000'000));
  EXPECT_EQ(user.recipients_per_message, 50U);
}

TEST(UserKeys, TheDefaultsGiveNoRight) {
  const auto user = read_user("").config.users.at(0);
  EXPECT_TRUE(user.enabled);
  EXPECT_FALSE(user.null_sender);
  EXPECT_TRUE(user.classes.empty());
  EXPECT_TRUE(user.pools.empty());
}

struct WrongCase {
  const char* name;
  std::string text;
  const char* problem;
};
class WrongUser : public testing::TestWithParam<WrongCase> {};

TEST_P(WrongUser, IsReportedAtItsPlace) {
  EXPECT_THAT(read(GetParam().text).problems, ElementsAre(GetParam().problem));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, WrongUser,
    testing::Values(
        WrongCase{"no_name", "[[user]]\nhash = \"" + kHash + "\"\nsenders = \"*\"",
                  "f:6:1: user[0].name: found none, expected a name"},
        WrongCase{"longer_name",
                  "[[user]]\nname = \"" + std::string(129, 'n') + "\"\nhash = \"" + kHash +
                      "\"\nsenders = \"*\"",
                  "f:7:8: user[0].name: found 129 bytes, expected at most 128"},
        WrongCase{"no_credential", "[[user]]\nname = \"a\"\nsenders = \"*\"",
                  "f:6:1: user[0]: found neither password nor hash, expected one of them"},
        WrongCase{"two_kinds_of_credential",
                  "[[user]]\nname = \"a\"\nsenders = \"*\"\npassword = { env = \"A\" }\nhash = \"" +
                      kHash + "\"",
                  "f:10:8: user[0].hash: found beside password, expected one of them"},
        WrongCase{"three_hashes",
                  "[[user]]\nname = \"a\"\nsenders = \"*\"\nhash = [\"" + kHash + "\",\"" + kHash +
                      "\",\"" + kHash + "\"]",
                  "f:9:8: user[0].hash: found 3, expected at most 2: the old one and the new one"},
        WrongCase{"plain_password",
                  "[[user]]\nname = \"a\"\nsenders = \"*\"\npassword = \"hunter2\"",
                  "f:9:12: user[0].password: secrets are not written here: use { env = \"NAME\" } "
                  "or { file = \"path\" }"},
        WrongCase{"plain_password_for_a_hash",
                  "[[user]]\nname = \"a\"\nsenders = \"*\"\nhash = \"hunter2\"",
                  "f:9:8: user[0].hash: expected an argon2id hash as `sluice user hash` prints it, "
                  "of at most m=262144,t=10,p=4"},
        WrongCase{"no_sender", "[[user]]\nname = \"a\"\nhash = \"" + kHash + "\"",
                  "f:6:1: user[0].senders: found none, expected a pattern such as "
                  "\"*@example.com\", or \"*\" for any address"},
        WrongCase{"empty_senders", "[[user]]\nname = \"a\"\nhash = \"" + kHash + "\"\nsenders = []",
                  "f:9:11: user[0].senders: found none, expected a pattern such as "
                  "\"*@example.com\", or \"*\" for any address"},
        WrongCase{"wrong_sender",
                  "[[user]]\nname = \"a\"\nhash = \"" + kHash + "\"\nsenders = \"example.com\"",
                  "f:9:11: user[0].senders: found \"example.com\", expected an address pattern "
                  "such as \"*@example.com\""},
        WrongCase{
            "wrong_tenant",
            "[[user]]\nname = \"a\"\nhash = \"" + kHash + "\"\nsenders = \"*\"\ntenant = \"a@b\"",
            "f:10:10: user[0].tenant: found \"a@b\", expected at most 64 letters, digits and "
            "the signs - _ ."},
        WrongCase{"wrong_class",
                  "[[user]]\nname = \"a\"\nhash = \"" + kHash +
                      "\"\nsenders = \"*\"\nclasses = [\"bulk\", \"fast\"]",
                  "f:10:11: user[0].classes: found \"fast\", expected \"bulk\" or "
                  "\"transactional\""}),
    [](const auto& info) { return info.param.name; });

TEST(UserRules, ANameOfTheGreatestLengthIsTaken) {
  EXPECT_THAT(read("[[user]]\nname = \"" + std::string(kUserNameBytesMax, 'n') + "\"\nhash = \"" +
                   kHash + "\"\nsenders = \"*\"")
                  .problems,
              ElementsAre());
}

TEST(UserRules, TwoHashesAreTaken) {
  const auto [config, problems] = read("[[user]]\nname = \"a\"\nsenders = \"*\"\nhash = [\"" +
                                       kHash + "\", \"" + kHash + "\"]");
  EXPECT_THAT(problems, ElementsAre());
  EXPECT_EQ(config.users.at(0).hash.size(), 2U);
}

TEST(UserRules, ANameIsTakenOnce) {
  const std::string user =
      "[[user]]\nname = \"a\"\nhash = \"" + kHash + "\"\nsenders = \"*\"\n";  // 4 lines
  EXPECT_THAT(read(user + user).problems,
              ElementsAre("f:11:8: user[1].name: found \"a\" twice, first at f:7:8"));
}

TEST(UserRules, TheEffectiveConfigurationReadsBack) {
  const auto first = read(
      "[[user]]\nname = \"a\"\npassword = { env = \"A\" }\nsenders = \"*\"\n"
      "accept_rate = \"5/s,max_burst=9\"\nfrom = \"B@X.example\"\n");
  EXPECT_THAT(first.problems, ElementsAre());
  const std::string shown = effective_config(first.config);
  ConfigProblems problems;
  const auto again = read_config(parse_config_text(shown, "shown", problems), problems);
  EXPECT_TRUE(problems.empty()) << join_problems(problems.sorted());
  EXPECT_EQ(effective_config(again), shown);
  EXPECT_THAT(shown, HasSubstr("password = [{ env = \"A\" }]"));
}

TEST(AcceptBurst, IsATenthOfTheAmountAtLeastOne) {
  EXPECT_EQ(accept_burst({.amount = 1000, .period = std::chrono::minutes(1), .max_burst = {}}),
            100U);
  EXPECT_EQ(accept_burst({.amount = 9, .period = std::chrono::minutes(1), .max_burst = {}}), 1U);
  EXPECT_EQ(accept_burst({.amount = 9, .period = std::chrono::minutes(1), .max_burst = 7}), 7U);
}

// What of the users stands outside the configuration file.
class LoadUsers : public testing::Test {
 protected:
  std::string problems_of(const std::string& user) {
    std::ofstream(directory_.file("sluice.toml"))
        << "spool = \"" << directory_.file("spool") << "\"\n"
        << kStart << user;
    CommandLineSettings settings;
    settings.config_file = directory_.file("sluice.toml");
    const auto config = load_config(settings);
    if (config) config_ = *config;
    return config ? "" : config.error().sentence();
  }
  void write_user_file(const std::string& text) {
    std::ofstream(directory_.file("users.toml")) << text;
  }
  static std::string user_with(const std::string& credential) {
    return "[[user]]\nname = \"a\"\nsenders = \"*\"\n" + credential + '\n';
  }

  TemporaryDirectory directory_;
  std::shared_ptr<const RelayConfig> config_;
};

TEST_F(LoadUsers, FetchesThePasswordsThatAreNamed) {
  std::ofstream(directory_.file("secret")) << "hunter2\n";
  const std::string file = directory_.file("secret");
  ASSERT_EQ(problems_of(user_with("password = { file = \"" + file + "\" }")), "");
  EXPECT_EQ(config_->users.at(0).password.at(0).value.reveal(), "hunter2");
  EXPECT_THAT(effective_config(*config_), Not(HasSubstr("hunter2")));
}

TEST_F(LoadUsers, APasswordThatIsMissingIsAProblemAtItsPlace) {
  EXPECT_THAT(
      problems_of(user_with("password = [{ file = \"/none\" }, { env = \"SLUICE_NONE\" }]")),
      testing::AllOf(HasSubstr("sluice.toml:10:13: user[0].password: /none cannot be opened: "),
                     HasSubstr("sluice.toml:10:33: user[0].password: the environment variable "
                               "SLUICE_NONE is not set")));
}

TEST_F(LoadUsers, TheUserFileMayBeMissing) {
  EXPECT_EQ(problems_of(""), "");
  EXPECT_EQ(config_->user_file, directory_.file("users.toml"));
}

TEST_F(LoadUsers, TheUserFileIsCheckedToo) {
  write_user_file("[[user]]\nname = \"b\"\nsenders = \"*\"\n");
  EXPECT_THAT(problems_of(""), HasSubstr("users.toml:1:1: user[0]: found neither password nor "));
}

TEST_F(LoadUsers, ANameIsTakenOnceOverBothFiles) {
  write_user_file(user_with("hash = \"" + kHash + "\""));
  EXPECT_THAT(
      problems_of(user_with("hash = \"" + kHash + "\"")),
      testing::AllOf(HasSubstr("users.toml:2:8: user[0].name: found \"a\" twice, first at "),
                     HasSubstr("sluice.toml:8:8")));
}

}  // namespace
}  // namespace sluice::relay
