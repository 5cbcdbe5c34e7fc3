#include "core/wait.h"

#include "core/shard.h"

namespace sluice {

bool Wait::suspend(std::coroutine_handle<> task, TaskContext& context) {
  SLUICE_ASSERT(!is_pending(), "a wait is awaited once at a time");
  if (context.is_cancelled()) {
    end_ = WaitEnd::cancelled;
    return false;
  }
  task_ = task;
  context_ = &context;
  context.enter(*this);
  if (!deadline_.is_never()) shard_.timers().arm(*this, deadline_.instant());
  start();
  return true;
}

void Wait::finish(WaitEnd end) {
  SLUICE_ASSERT(is_pending(), "a wait ends once");
  end_ = end;
  shard_.timers().disarm(*this);
  std::exchange(context_, nullptr)->leave(*this);
  shard_.run_queue().push(task_);
}

std::unexpected<Error> wait_error(WaitEnd end, std::string_view what) {
  SLUICE_ASSERT(end != WaitEnd::done, "a wait that is done is no error");
  std::string sentence(what);
  if (end == WaitEnd::cancelled) {
    sentence += ": our side stopped it";
    return fail(ErrorCode::cancelled, std::move(sentence));
  }
  sentence += ": nothing happened before the deadline";
  return fail(ErrorCode::timed_out, std::move(sentence));
}

}  // namespace sluice
