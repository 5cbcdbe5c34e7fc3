// ShardParts: the parts of the relay on all shards, and the way for one shard to ask them all.
//
// A part is touched on its own shard only: a question travels as a letter, its answer as another.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/assert.h"
#include "core/event.h"
#include "core/shard.h"
#include "core/shard_group.h"
#include "relay/shard_part.h"

namespace sluice::relay {

class ShardParts {
 public:
  explicit ShardParts(ShardGroup& shards) : shards_(shards), parts_(shards.size()) {}

  std::size_t size() const { return parts_.size(); }

  // On the thread of that shard.
  void put(ShardId id, std::unique_ptr<ShardPart> part) { parts_[id.value()] = std::move(part); }
  ShardPart& at(ShardId id) {
    SLUICE_ASSERT(parts_[id.value()] != nullptr, "letters go out once every part is open");
    return *parts_[id.value()];
  }

  // On the thread of `from`.
  void send(Shard& from, ShardId to, Letter letter) {
    from.outbox_to(shards_.at(to).mailbox()).send(std::move(letter));
  }

  // Runs the work on every shard, soon.
  void tell_all(Shard& from, const std::function<void(ShardPart&)>& work) {
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      const ShardId id(static_cast<std::uint16_t>(i));
      send(from, id, [this, id, work] { work(at(id)); });
    }
  }

  // The answers of every shard, in the order of shards. cancelled when the asking task is.
  template <class Answer>
  Task<Result<std::vector<Answer>>> ask_all(Shard& from,
                                            std::function<Answer(ShardPart&)> question);

 private:
  ShardGroup& shards_;
  std::vector<std::unique_ptr<ShardPart>> parts_;  // each written by its own shard
};

namespace internal {

// The answers that came so far. Touched on the asking shard only.
template <class Answer>
struct Gathering {
  Gathering(Shard& shard, std::size_t count) : has_all(shard), answers(count), missing(count) {}

  void put(std::size_t index, Answer answer) {
    SLUICE_ASSERT(!answers[index].has_value(), "a shard answers once");
    answers[index] = std::move(answer);
    if (--missing == 0) has_all.notify_all();
  }

  Event has_all;
  std::vector<std::optional<Answer>> answers;
  std::size_t missing;
};

}  // namespace internal

template <class Answer>
Task<Result<std::vector<Answer>>> ShardParts::ask_all(Shard& from,
                                                      std::function<Answer(ShardPart&)> question) {
  const ShardId asker = from.id();
  auto gathering = std::make_shared<internal::Gathering<Answer>>(from, size());
  tell_all(from, [this, gathering, question, asker](ShardPart& part) {
    const std::size_t index = part.shard().id().value();
    Letter reply = [gathering, index, answer = question(part)]() mutable {
      gathering->put(index, std::move(answer));
    };
    send(part.shard(), asker, std::move(reply));
  });
  while (gathering->missing > 0) {
    auto told = co_await gathering->has_all.wait(Deadline::never());
    if (!told) co_return std::unexpected(std::move(told).error());
  }
  std::vector<Answer> answers;
  for (auto& answer : gathering->answers) answers.push_back(std::move(*answer));
  co_return answers;
}

}  // namespace sluice::relay
