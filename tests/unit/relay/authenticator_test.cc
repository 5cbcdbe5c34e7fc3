#include "relay/authenticator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "relay/user_file.h"
#include "tests/unit/core/shard_fixture.h"
#include "tests/unit/core/temporary_directory.h"

namespace sluice::relay {
namespace {

using std::chrono::milliseconds;

UserSettings user_named(const std::string& name, const std::string& password) {
  UserSettings user;
  user.name = name;
  user.hash.push_back(*PasswordHash::make(Secret(std::string(password)),
                                          {.memory_kib = 8, .passes = 1, .lanes = 1}));
  user.senders.push_back(*SenderPattern::parse("*"));
  return user;
}

class AuthenticatorTest : public testing::Test {
 protected:
  AuthenticatorTest() {
    settings_.failure_delay = Duration(0);
    settings_.failures_per_address = 3;
    settings_.failures_per_user = 5;
    write({user_named("apikey", "open sesame")});
  }

  void write(const std::vector<UserSettings>& users) {
    auto edit = UserFileEdit::begin(path_);
    edit->users() = users;
    ASSERT_TRUE(edit->commit().has_value());
    if (users_ != nullptr) ASSERT_TRUE(users_->look_at_file().has_value());
  }

  void open() {
    if (users_ != nullptr) return;
    auto users = UserDirectory::open({}, path_);
    ASSERT_TRUE(users.has_value());
    users_ = std::move(*users);
    limits_ = std::make_unique<LoginLimits>(settings_);
  }

  AuthenticatorParts parts_of(Shard& shard, LoginMetrics& metrics) {
    return {.shard = shard,
            .users = *users_,
            .remembered = remembered_,
            .hashing = hashing_,
            .limits = *limits_,
            .metrics = metrics};
  }

  // One login on a shard of its own, from one of the clients 192.0.2.x.
  AuthenticationResult log_in(const std::string& name, const std::string& password,
                              const std::string& client = "192.0.2.1") {
    open();
    const auto& shard = shards_.emplace_back(open_shard());
    LoginMetrics metrics(shard->metrics());
    Authenticator authenticator(parts_of(*shard, metrics));
    AuthenticationResult result;
    const Instant start = shard->clock().now();
    shard->run(run(authenticator, {name, password, client}, result));
    took_ = shard->clock().now() - start;
    was_remembered_ = metrics.remembered.value() == 1;
    failure_ = std::nullopt;
    for (std::size_t i = 0; i < kLoginFailures; ++i) {
      if (metrics.failures[i]->value() == 1) failure_ = static_cast<LoginFailure>(i);
    }
    EXPECT_EQ(result.reply.code == 235, result.user != nullptr);
    return result;
  }
  int code_of(const std::string& name, const std::string& password,
              const std::string& client = "192.0.2.1") {
    return log_in(name, password, client).reply.code;
  }

  struct Login {
    std::string name;
    std::string password;
    std::string client;
  };
  static Task<void> run(Authenticator& authenticator, Login login, AuthenticationResult& result) {
    Secret password(std::move(login.password));
    const IpAddress client = *IpAddress::parse(login.client);
    result =
        co_await authenticator.authenticate(std::move(login.name), std::move(password), client);
  }

  static Task<void> run_all(Shard& shard, Authenticator& authenticator,
                            std::vector<AuthenticationResult>& results) {
    TaskScope scope(shard.run_queue());
    for (AuthenticationResult& result : results) {
      Login login{"apikey", "open sesame", "192.0.2.1"};
      scope.spawn(run(authenticator, std::move(login), result));
    }
    co_await scope.join();
  }

  TemporaryDirectory directory_;
  std::string path_ = directory_.file("users.toml");
  AuthenticationSettings settings_;
  std::unique_ptr<UserDirectory> users_;
  std::vector<std::unique_ptr<Shard>> shards_;  // of each login; they outlive the threads
  CredentialCache remembered_{std::chrono::minutes(5)};
  HashWorker hashing_{HashWorkerSettings{.share = 100}};
  std::unique_ptr<LoginLimits> limits_;

  Duration took_{0};
  bool was_remembered_ = false;
  std::optional<LoginFailure> failure_;
};

TEST_F(AuthenticatorTest, TheRightPasswordIsTheUser) {
  const auto result = log_in("apikey", "open sesame");
  EXPECT_EQ(result.reply.to_string(), "235 2.7.0 Authentication succeeded");
  EXPECT_EQ(result.user->settings.name, "apikey");
  EXPECT_FALSE(was_remembered_);
}

TEST_F(AuthenticatorTest, TheSecondTimeItIsRemembered) {
  EXPECT_EQ(code_of("apikey", "open sesame"), 235);
  EXPECT_EQ(code_of("apikey", "open sesame"), 235);
  EXPECT_TRUE(was_remembered_);
  EXPECT_EQ(code_of("apikey", "open sesam"), 535);
}

// A customer whose connections all come at once is no attack, and costs one hash.
TEST_F(AuthenticatorTest, ManyWithTheSamePasswordWaitForOneCheck) {
  open();
  const auto& shard = shards_.emplace_back(open_shard());
  LoginMetrics metrics(shard->metrics());
  Authenticator authenticator(parts_of(*shard, metrics));
  std::vector<AuthenticationResult> results(std::size_t{10} * settings_.failures_per_address);
  shard->run(run_all(*shard, authenticator, results));
  for (const auto& result : results) EXPECT_EQ(result.reply.code, 235);
  EXPECT_EQ(metrics.hashed.value(), 1U);
  EXPECT_EQ(metrics.remembered.value(), results.size() - 1);
}

TEST_F(AuthenticatorTest, AllWrongLoginsReadAlike) {
  UserSettings disabled = user_named("off", "open sesame");
  disabled.enabled = false;
  UserSettings elsewhere = user_named("elsewhere", "open sesame");
  elsewhere.networks.push_back(*IpNetwork::parse("198.51.100.0/24"));
  write({user_named("apikey", "open sesame"), disabled, elsewhere});

  const auto wrong = log_in("apikey", "x", "192.0.2.1").reply.to_string();
  EXPECT_EQ(failure_, LoginFailure::wrong_password);
  EXPECT_EQ(log_in("nobody", "open sesame", "192.0.2.2").reply.to_string(), wrong);
  EXPECT_EQ(failure_, LoginFailure::unknown_user);
  EXPECT_EQ(log_in("off", "open sesame", "192.0.2.3").reply.to_string(), wrong);
  EXPECT_EQ(failure_, LoginFailure::disabled);
  EXPECT_EQ(log_in("elsewhere", "open sesame", "192.0.2.4").reply.to_string(), wrong);
  EXPECT_EQ(failure_, LoginFailure::network);
  EXPECT_EQ(code_of("elsewhere", "open sesame", "198.51.100.7"), 235);
  EXPECT_EQ(log_in("elsewhere", "open sesame", "192.0.2.5").reply.to_string(), wrong);
  EXPECT_TRUE(wrong.starts_with("535 5.7.8 "));
}

TEST_F(AuthenticatorTest, TheOldPasswordDiesWithTheChangeThoughItIsRemembered) {
  EXPECT_EQ(code_of("apikey", "open sesame"), 235);
  write({user_named("apikey", "other words")});
  EXPECT_EQ(code_of("apikey", "open sesame"), 535);
  EXPECT_EQ(code_of("apikey", "other words"), 235);
}

TEST_F(AuthenticatorTest, ARemovedOrDisabledUserDiesThoughHeIsRemembered) {
  UserSettings user = user_named("apikey", "open sesame");
  write({user, user_named("b", "open sesame")});
  EXPECT_EQ(code_of("apikey", "open sesame"), 235);
  EXPECT_EQ(code_of("b", "open sesame"), 235);
  user.enabled = false;
  write({user});
  EXPECT_EQ(code_of("apikey", "open sesame"), 535);
  EXPECT_EQ(code_of("b", "open sesame"), 535);
}

TEST_F(AuthenticatorTest, ARotationTakesBothAndThenTheNewOneAlone) {
  UserSettings user = user_named("apikey", "old words");
  const PasswordHash fresh = user_named("apikey", "new words").hash.front();
  user.hash.push_back(fresh);
  write({user});
  EXPECT_EQ(code_of("apikey", "old words"), 235);
  EXPECT_EQ(code_of("apikey", "new words"), 235);
  user.hash = {fresh};
  write({user});
  EXPECT_EQ(code_of("apikey", "old words"), 535);
  EXPECT_EQ(code_of("apikey", "new words"), 235);
}

TEST_F(AuthenticatorTest, AnAddressThatFailsTooOftenIsSentAway) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(code_of("apikey", "x"), 535);
  EXPECT_EQ(code_of("apikey", "open sesame"), 421);
  EXPECT_EQ(failure_, LoginFailure::address_limit);
  EXPECT_EQ(code_of("apikey", "open sesame", "192.0.2.2"), 235);
}

TEST_F(AuthenticatorTest, ARememberedPasswordIsNoWayAroundTheLimitOfAnAddress) {
  EXPECT_EQ(code_of("apikey", "open sesame", "192.0.2.2"), 235);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(code_of("apikey", "x"), 535);
  EXPECT_EQ(code_of("apikey", "open sesame"), 421);
}

TEST_F(AuthenticatorTest, AUserUnderAttackStaysWhereHeIsRemembered) {
  EXPECT_EQ(code_of("apikey", "open sesame", "192.0.2.9"), 235);
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(code_of("apikey", "x", "192.0.2." + std::to_string(i / 2)), 535);
  EXPECT_EQ(code_of("apikey", "x", "192.0.2.4"), 454);
  EXPECT_EQ(failure_, LoginFailure::user_limit);
  EXPECT_EQ(code_of("apikey", "open sesame", "192.0.2.9"), 235);
}

TEST_F(AuthenticatorTest, NamesThatNobodyHasAreLimitedAlike) {
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(code_of("nobody", "x", "192.0.2." + std::to_string(i / 2)), 535);
  EXPECT_EQ(code_of("nobody", "x", "192.0.2.4"), 454);
}

TEST_F(AuthenticatorTest, SuccessesAreNotLimited) {
  for (int i = 0; i < 20; ++i) EXPECT_EQ(code_of("apikey", "open sesame"), 235);
}

TEST_F(AuthenticatorTest, OverloadIsTemporaryAndNotTheClientsFault) {
  hashing_.close();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(code_of("apikey", "open sesame"), 454);
  EXPECT_EQ(failure_, LoginFailure::overloaded);
}

TEST_F(AuthenticatorTest, AFailureIsAnsweredLate) {
  settings_.failure_delay = milliseconds(80);
  EXPECT_EQ(code_of("apikey", "x"), 535);
  EXPECT_GE(took_, milliseconds(80));
  EXPECT_EQ(code_of("nobody", "x"), 535);
  EXPECT_GE(took_, milliseconds(160));
}

TEST_F(AuthenticatorTest, ANameOrPasswordPastTheirBoundsIsWrong) {
  EXPECT_EQ(code_of(std::string(kUserNameBytesMax + 1, 'a'), "x"), 535);
  EXPECT_EQ(code_of("apikey", std::string(kPasswordBytesMax + 1, 'x')), 535);
  EXPECT_EQ(code_of("", ""), 535);
}

}  // namespace
}  // namespace sluice::relay
