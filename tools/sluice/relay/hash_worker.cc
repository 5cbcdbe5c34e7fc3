#include "relay/hash_worker.h"

#include <algorithm>
#include <utility>

#include "core/completion.h"
#include "core/shard.h"

namespace sluice::relay {

namespace {

constexpr std::size_t kWorkersMax = 8;
constexpr Duration kRetry = std::chrono::milliseconds(1);  // of a full mailbox
constexpr Duration kLateLook = std::chrono::milliseconds(500);

std::size_t workers_for(const HashWorkerSettings& settings) {
  const std::size_t cores = (settings.share * settings.cores + 99) / 100;
  return std::clamp<std::size_t>(cores, 1, kWorkersMax);
}

CheckOutcome check_hash(const PasswordHash& hash, const Secret& password) {
  const auto matches = hash.matches(password);
  if (!matches) return CheckOutcome::failed;
  return *matches ? CheckOutcome::right : CheckOutcome::wrong;
}

// A password that is known needs no hash, but would tell by its speed that its user exists.
CheckOutcome check_known(const std::vector<SecretSetting>& known, const Secret& password) {
  const CheckOutcome same_work = check_hash(PasswordHash::of_nobody(), password);
  if (same_work == CheckOutcome::failed) return same_work;
  bool is_right = false;
  for (const SecretSetting& setting : known) is_right |= setting.value == password;
  return is_right ? CheckOutcome::right : CheckOutcome::wrong;
}

CheckOutcome check_password(const User* user, const Secret& password) {
  if (user == nullptr) return check_known({}, password);
  if (user->settings.hash.empty()) return check_known(user->settings.password, password);
  CheckOutcome outcome = CheckOutcome::wrong;
  for (const PasswordHash& hash : user->settings.hash) {
    outcome = check_hash(hash, password);
    if (outcome != CheckOutcome::wrong) break;
  }
  return outcome;
}

}  // namespace

// Lies in the frame of the task that waits, which cannot be cancelled meanwhile.
struct HashWorker::Request {
  Request(Shard& asking, PasswordCheck asked)
      : shard(asking), check(std::move(asked)), done(asking) {}
  Shard& shard;
  PasswordCheck check;
  Completion<CheckOutcome> done;
  std::uint64_t arrival = 0;
  Instant since{0};
};

bool HashWorker::Before::operator()(const Request* a, const Request* b) const {
  if (a->check.rank != b->check.rank) return a->check.rank < b->check.rank;
  return a->arrival > b->arrival;
}

HashWorker::HashWorker(const HashWorkerSettings& settings)
    : queue_max_(settings.queue_max),
      wait_max_(settings.wait_max),
      allowance_(settings.share, settings.cores, clock_.now()) {
  const std::size_t workers = workers_for(settings);
  for (std::size_t i = 0; i < workers; ++i) {
    Bench& bench = *benches_.emplace_back(std::make_unique<Bench>());
    bench.worker = executor_.start("hashing", [this, &bench] { return step(bench); });
  }
}

HashWorker::~HashWorker() {
  stop();
  SLUICE_ASSERT(waiting_.empty(), "the shards that ask end before their worker");
  SLUICE_ASSERT(given_up_.empty(), "the shards that ask end before their worker");
}

void HashWorker::stop() {
  for (const auto& bench : benches_) bench->worker->stop();
}

Task<CheckOutcome> HashWorker::check(Shard& shard, PasswordCheck check) {
  Request request(shard, std::move(check));
  if (!enqueue(request)) co_return CheckOutcome::overloaded;
  for (const auto& bench : benches_) bench->worker->wake();
  co_return co_await request.done.wait();
}

bool HashWorker::enqueue(Request& request) {
  const std::lock_guard lock(mutex_);
  if (is_closed_) return false;
  request.arrival = ++arrivals_;
  request.since = clock_.now();
  if (waiting_.size() < queue_max_) {
    waiting_.insert(&request);
    return true;
  }
  const auto last = std::prev(waiting_.end());
  if (!Before()(&request, *last)) return false;
  given_up_.push_back(*last);
  waiting_.erase(last);
  waiting_.insert(&request);
  return true;
}

void HashWorker::close() {
  {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    given_up_.insert(given_up_.end(), waiting_.begin(), waiting_.end());
    waiting_.clear();
  }
  for (const auto& bench : benches_) bench->worker->wake();
}

// One check at a time.
Instant HashWorker::step(Bench& bench) {
  std::vector<Request*> given_up;
  Request* request = nullptr;
  Instant next = Instant::far_future();
  {
    const std::lock_guard lock(mutex_);
    const Instant now = clock_.now();
    give_up_late(now);
    given_up.swap(given_up_);
    request = next_request(now);
    const bool must_wait = request == nullptr && !waiting_.empty();
    if (must_wait) next = std::min(allowance_.next_start(), now + kLateLook);
  }
  for (Request* const late : given_up) answer(bench, *late, CheckOutcome::overloaded);
  if (request != nullptr) work(bench, *request);
  if (!bench.outboxes.flush()) return clock_.now() + kRetry;
  return request != nullptr ? clock_.now() : next;
}

void HashWorker::give_up_late(Instant now) {
  std::erase_if(waiting_, [&](Request* request) {
    const bool is_late = now - request->since >= wait_max_;
    if (is_late) given_up_.push_back(request);
    return is_late;
  });
}

// Null when nobody waits, or all must.
HashWorker::Request* HashWorker::next_request(Instant now) {
  if (waiting_.empty() || now < allowance_.next_start()) return nullptr;
  return waiting_.extract(waiting_.begin()).value();
}

void HashWorker::work(Bench& bench, Request& request) {
  const Instant start = clock_.now();
  const CheckOutcome outcome = check_password(request.check.user.get(), request.check.password);
  const Instant end = clock_.now();
  {
    const std::lock_guard lock(mutex_);
    allowance_.charge(end, end - start);
  }
  answer(bench, request, outcome);
}

void HashWorker::answer(Bench& bench, Request& request, CheckOutcome outcome) {
  bench.outboxes.send(request.shard.mailbox(),
                      [&request, outcome] { request.done.complete(outcome); });
}

}  // namespace sluice::relay
