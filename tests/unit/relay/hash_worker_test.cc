#include "relay/hash_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/core/shard_fixture.h"

namespace sluice::relay {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using Outcomes = std::map<std::string, CheckOutcome>;

constexpr HashCost kCheap{.memory_kib = 8, .passes = 1, .lanes = 1};
constexpr HashCost kSlow{.memory_kib = 64 * 1024, .passes = 3, .lanes = 1};

std::shared_ptr<User> user_without_password() {
  return std::make_shared<User>(UserSettings(), UserGeneration(1), nullptr);
}

std::shared_ptr<const User> hashed_user(const std::vector<std::string>& passwords,
                                        HashCost cost = kCheap) {
  auto user = user_without_password();
  for (const std::string& password : passwords) {
    user->settings.hash.push_back(*PasswordHash::make(Secret(std::string(password)), cost));
  }
  return user;
}

std::shared_ptr<const User> known_user(const std::string& password) {
  auto user = user_without_password();
  user->settings.password.push_back({.source = SecretSetting::Source::environment,
                                     .name = "X",
                                     .value = Secret(std::string(password))});
  return user;
}

PasswordCheck check_of(std::shared_ptr<const User> user, const std::string& password,
                       std::uint32_t rank = 0) {
  return {.user = std::move(user), .password = Secret(std::string(password)), .rank = rank};
}

// What the checks that were asked for together came to, and in which order they ended.
struct Round {
  Outcomes outcomes;
  std::vector<std::string> order;
};

Task<void> ask(Shard& shard, HashWorker& worker, PasswordCheck check, std::string name,
               Round& round) {
  round.outcomes[name] = co_await worker.check(shard, std::move(check));
  round.order.push_back(std::move(name));
}

using Checks = std::vector<std::pair<std::string, PasswordCheck>>;
Task<void> ask_all(Shard& shard, HashWorker& worker, Checks& checks, Round& round) {
  for (auto& [name, check] : checks) {
    shard.scope().spawn(ask(shard, worker, std::move(check), name, round));
  }
  co_return;
}

// A shard that asks, and the worker, whose threads end before it.
struct Asking {
  explicit Asking(const HashWorkerSettings& settings) : worker(settings) {}

  Round run(Checks checks) {
    Round round;
    shard->run(ask_all(*shard, worker, checks, round));
    return round;
  }

  std::unique_ptr<Shard> shard = open_shard();
  HashWorker worker;
};

Checks one(PasswordCheck check) {
  Checks checks;
  checks.emplace_back("it", std::move(check));
  return checks;
}

CheckOutcome outcome_of(PasswordCheck check) {
  return Asking({.share = 100}).run(one(std::move(check))).outcomes.at("it");
}

TEST(HashWorker, TellsRightFromWrong) {
  EXPECT_EQ(outcome_of(check_of(hashed_user({"one"}), "one")), CheckOutcome::right);
  EXPECT_EQ(outcome_of(check_of(hashed_user({"one"}), "two")), CheckOutcome::wrong);
  EXPECT_EQ(outcome_of(check_of(hashed_user({"one", "two"}), "two")), CheckOutcome::right);
  EXPECT_EQ(outcome_of(check_of(hashed_user({"one", "two"}), "three")), CheckOutcome::wrong);
  EXPECT_EQ(outcome_of(check_of(known_user("one"), "one")), CheckOutcome::right);
  EXPECT_EQ(outcome_of(check_of(known_user("one"), "two")), CheckOutcome::wrong);
}

TEST(HashWorker, NobodyHasNoPassword) {
  EXPECT_EQ(outcome_of(check_of(nullptr, "")), CheckOutcome::wrong);
  EXPECT_EQ(outcome_of(check_of(nullptr, "one")), CheckOutcome::wrong);
  EXPECT_EQ(outcome_of(check_of(user_without_password(), "")), CheckOutcome::wrong);
}

// The slow one has the lowest rank, so that the others surely meet in the queue behind it.
TEST(HashWorker, FewerAttemptsGoFirstAndThenTheLatest) {
  Asking asking({.share = 100});
  Checks checks;
  checks.emplace_back("slow", check_of(hashed_user({"one"}, kSlow), "one", 0));
  checks.emplace_back("many", check_of(hashed_user({"one"}), "one", 5));
  checks.emplace_back("few", check_of(hashed_user({"one"}), "one", 1));
  checks.emplace_back("few_later", check_of(hashed_user({"one"}), "one", 1));
  EXPECT_THAT(asking.run(std::move(checks)).order, ElementsAre("slow", "few_later", "few", "many"));
}

TEST(HashWorker, AFullQueueGivesUpTheLast) {
  Asking asking({.share = 100, .queue_max = 2});
  Checks checks;
  checks.emplace_back("slow", check_of(hashed_user({"one"}, kSlow), "one", 0));
  const auto user = hashed_user({"one"});
  for (const std::uint32_t rank : {9U, 8U, 7U, 6U, 10U}) {
    checks.emplace_back(std::to_string(rank), check_of(user, "one", rank));
  }
  const Outcomes outcomes = asking.run(std::move(checks)).outcomes;
  EXPECT_EQ(outcomes.at("slow"), CheckOutcome::right);
  EXPECT_EQ(outcomes.at("9"), CheckOutcome::overloaded);
  EXPECT_EQ(outcomes.at("8"), CheckOutcome::overloaded);
  EXPECT_EQ(outcomes.at("10"), CheckOutcome::overloaded);
  EXPECT_EQ(outcomes.at("6"), CheckOutcome::right);
}

// Whoever waits has waited too long here, however fast the worker is.
TEST(HashWorker, WhatWaitedTooLongIsGivenUp) {
  Asking asking({.share = 100, .wait_max = Duration(0)});
  EXPECT_EQ(asking.run(one(check_of(hashed_user({"one"}), "one"))).outcomes.at("it"),
            CheckOutcome::overloaded);
}

TEST(HashWorker, AClosedOneAnswersAtOnce) {
  Asking asking({.share = 100});
  asking.worker.close();
  EXPECT_EQ(asking.run(one(check_of(hashed_user({"one"}), "one"))).outcomes.at("it"),
            CheckOutcome::overloaded);
}

Task<void> ask_and_close(Shard& shard, HashWorker& worker, Checks& checks, Round& round) {
  auto asked = ask_all(shard, worker, checks, round);
  co_await asked;
  worker.close();
}

TEST(HashWorker, ClosingGivesUpWhoWaits) {
  Asking asking({.share = 100});
  Checks checks;
  checks.emplace_back("slow", check_of(hashed_user({"one"}, kSlow), "one", 0));
  checks.emplace_back("waits", check_of(hashed_user({"one"}), "one", 1));
  Round round;
  asking.shard->run(ask_and_close(*asking.shard, asking.worker, checks, round));
  EXPECT_EQ(round.outcomes.at("waits"), CheckOutcome::overloaded);
}

constexpr Instant kStart(1'000'000'000'000);

TEST(HashingAllowance, LetsWorkBeginWhileItsShareIsNotUsedUp) {
  HashingAllowance allowance(5, 2, kStart);  // a tenth of a core
  EXPECT_EQ(allowance.next_start(), kStart);
  allowance.charge(kStart, milliseconds(20));
  EXPECT_EQ(allowance.next_start(), kStart + milliseconds(200));
}

TEST(HashingAllowance, MakesUpForAQuietTimeButNotForALongOne) {
  HashingAllowance allowance(10, 1, kStart);
  const Instant later = kStart + seconds(3600);
  for (int i = 0; i < 5; ++i) allowance.charge(later, milliseconds(100));  // 5 s of a tenth
  EXPECT_EQ(allowance.next_start(), later);
  allowance.charge(later, milliseconds(100));
  EXPECT_EQ(allowance.next_start(), later + seconds(1));
}

TEST(HashingAllowance, OverALongTimeItIsTheShare) {
  HashingAllowance allowance(5, 2, kStart);
  Instant now = kStart;
  Duration worked(0);
  while (now < kStart + seconds(1000)) {
    now = std::max(now, allowance.next_start());
    now = now + milliseconds(25);
    worked += milliseconds(25);
    allowance.charge(now, milliseconds(25));
  }
  EXPECT_NEAR(static_cast<double>(worked.count()) / 1e9, 100.0, 1.0);
}

}  // namespace
}  // namespace sluice::relay
