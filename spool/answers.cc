#include "spool/answers.h"

#include <utility>

#include "core/shard.h"

namespace sluice::spool {

void Answers::add(std::unique_ptr<Request> request) {
  if (is_closed_) return;
  const std::size_t shard = request->shard().id().value();
  if (lines_.size() <= shard) lines_.resize(shard + 1);
  auto& line = lines_[shard];
  if (line == nullptr) line = std::make_unique<Line>(request->shard().mailbox());
  line->ready.push_back(std::move(request));
}

void Answers::send() {
  for (auto& line : lines_) {
    if (line == nullptr || line->ready.empty()) continue;
    line->outbox.send([requests = std::exchange(line->ready, {})] {
      for (const auto& request : requests) request->answer();
    });
  }
}

bool Answers::flush() {
  bool is_empty = true;
  for (auto& line : lines_) {
    if (line != nullptr && !line->outbox.flush()) is_empty = false;
  }
  return is_empty;
}

void Answers::close() {
  is_closed_ = true;
  lines_.clear();
}

}  // namespace sluice::spool
