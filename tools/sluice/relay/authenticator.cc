#include "relay/authenticator.h"

#include <algorithm>
#include <utility>

#include "core/log.h"
#include "core/shard.h"

namespace sluice::relay {

namespace {

// Of who waits for another's check of his password.
constexpr Duration kPatience = std::chrono::seconds(30);

// RFC 4954 6: 235 2.7.0, 535 5.7.8 and 454 4.7.0.
smtp::Reply success() { return smtp::reply(235, {2, 7, 0}, "Authentication succeeded"); }

smtp::Reply refusal(LoginFailure failure) {
  switch (failure) {
    case LoginFailure::address_limit:
      return smtp::reply(421, {4, 7, 0},
                         "Too many failed logins from your address; try again later");
    case LoginFailure::user_limit:
      return smtp::reply(454, {4, 7, 0}, "Too many failed logins of this user; try again later");
    case LoginFailure::overloaded:
    case LoginFailure::no_memory:
      return smtp::reply(454, {4, 7, 0}, "Temporary authentication failure; try again later");
    default:
      return smtp::reply(535, {5, 7, 8},
                         "Authentication failed: wrong user name or password, or a user who may "
                         "not log in from your address");
  }
}

bool may_come_from(const UserSettings& user, const IpAddress& client) {
  const auto contains = [&](const IpNetwork& network) { return network.contains(client); };
  return user.networks.empty() || std::ranges::any_of(user.networks, contains);
}

}  // namespace

// One login while it is looked at.
struct Authenticator::Attempt {
  std::string name;
  Secret password;
  IpAddress client;
  Instant arrival;
  std::shared_ptr<const User> user;  // who may log in; null: nobody, or a disabled one
  bool is_disabled = false;
};

Task<AuthenticationResult> Authenticator::authenticate(std::string name, Secret password,
                                                       IpAddress client) {
  const Instant now = parts_.shard.clock().now();
  Attempt attempt{.name = std::move(name),
                  .password = std::move(password),
                  .client = client,
                  .arrival = now,
                  .user = nullptr,
                  .is_disabled = false};
  co_return co_await wait_or_check(attempt);
}

Task<AuthenticationResult> Authenticator::wait_or_check(Attempt& attempt) {
  const Deadline patience = Deadline::in(parts_.shard.clock(), kPatience);
  while (true) {
    const Instant now = parts_.shard.clock().now();
    if (!parts_.limits.begin_of_address(attempt.client, now)) {
      co_return refuse(attempt, LoginFailure::address_limit);
    }
    attempt.user = parts_.users.find(attempt.name);
    attempt.is_disabled = attempt.user != nullptr && !attempt.user->settings.enabled;
    if (attempt.is_disabled) attempt.user = nullptr;
    if (is_remembered(attempt, now)) {
      parts_.limits.take_back_address(attempt.client, now);
      parts_.metrics.remembered.add();
      co_return succeed(attempt);
    }
    if (!is_being_checked(attempt)) break;
    parts_.limits.take_back_address(attempt.client, now);
    auto told = co_await checked_.wait(patience);
    if (!told) co_return refuse(attempt, LoginFailure::overloaded);
  }
  const auto place = checking_.insert(checking_.end(), &attempt);
  auto result = co_await check(attempt);
  checking_.erase(place);
  checked_.notify_all();
  co_return co_await hold_back(attempt, std::move(result));
}

bool Authenticator::is_remembered(const Attempt& attempt, Instant now) const {
  return attempt.user != nullptr && parts_.remembered.knows(*attempt.user, attempt.password, now) &&
         may_come_from(attempt.user->settings, attempt.client);
}

// By the same user with the same password.
bool Authenticator::is_being_checked(const Attempt& attempt) const {
  if (attempt.user == nullptr) return false;
  return std::ranges::any_of(checking_, [&attempt](const Attempt* other) {
    return other->user == attempt.user && other->password == attempt.password;
  });
}

Task<AuthenticationResult> Authenticator::check(Attempt& attempt) {
  if (!parts_.limits.begin_of_user(attempt.name, attempt.arrival)) {
    parts_.limits.take_back_address(attempt.client, attempt.arrival);
    co_return refuse(attempt, LoginFailure::user_limit);
  }
  PasswordCheck asked{.user = attempt.user,
                      .password = attempt.password,
                      .rank = parts_.limits.rank_of(attempt.client, attempt.arrival)};
  const CheckOutcome outcome = co_await parts_.hashing.check(parts_.shard, std::move(asked));
  parts_.metrics.check_seconds.observe(parts_.shard.clock().now() - attempt.arrival);
  co_return judge(attempt, outcome);
}

Task<AuthenticationResult> Authenticator::hold_back(const Attempt& attempt,
                                                    AuthenticationResult result) {
  if (result.reply.code != 535) co_return result;
  // From the arrival on, so that the time of the check does not show.
  const auto delay =
      parts_.limits.delay_of(attempt.client, attempt.name, parts_.shard.clock().now());
  const auto until = Deadline::at(attempt.arrival + delay);
  // The answer is the same when the wait is cancelled, and then nobody gets it.
  [[maybe_unused]] const auto waited = co_await sleep_until(parts_.shard, until);
  co_return result;
}

AuthenticationResult Authenticator::judge(Attempt& attempt, CheckOutcome outcome) {
  const Instant now = parts_.shard.clock().now();
  if (outcome == CheckOutcome::wrong) {
    if (attempt.is_disabled) return refuse(attempt, LoginFailure::disabled);
    return refuse(attempt, attempt.user == nullptr ? LoginFailure::unknown_user
                                                   : LoginFailure::wrong_password);
  }
  if (outcome != CheckOutcome::right) {
    parts_.limits.take_back_user(attempt.name, now);
    parts_.limits.take_back_address(attempt.client, now);
    parts_.limits.note_refusal(attempt.client, now);
    return refuse(attempt, outcome == CheckOutcome::failed ? LoginFailure::no_memory
                                                           : LoginFailure::overloaded);
  }
  // While he waited, he may have been changed.
  auto current = parts_.users.find(attempt.name);
  if (current == nullptr || current->generation != attempt.user->generation) {
    return refuse(attempt, LoginFailure::wrong_password);
  }
  attempt.user = std::move(current);
  if (!may_come_from(attempt.user->settings, attempt.client)) {
    return refuse(attempt, LoginFailure::network);
  }
  parts_.limits.take_back_user(attempt.name, now);
  parts_.limits.take_back_address(attempt.client, now);
  parts_.remembered.remember(*attempt.user, attempt.password, now);
  parts_.metrics.hashed.add();
  return succeed(attempt);
}

AuthenticationResult Authenticator::succeed(const Attempt& attempt) {
  return {.reply = success(), .user = attempt.user};
}

AuthenticationResult Authenticator::refuse(const Attempt& attempt, LoginFailure failure) {
  parts_.metrics.failures[static_cast<std::size_t>(failure)]->add();
  SLUICE_LOG(info, "login_failed", {"client", attempt.client.to_string()},
             {"user", std::string_view(attempt.name).substr(0, kUserNameBytesMax)},
             {"reason", name_of(failure)});
  return {.reply = refusal(failure), .user = nullptr};
}

}  // namespace sluice::relay
