// Mailbox: what other threads ask a shard to do. One bounded multi-producer queue per shard.
//
// A Letter runs on the receiving shard, in the order its sender sent it. The bound is on the queue:
// a sender that finds it full keeps its letters in an Outbox of its own and never waits.
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

namespace sluice {

using Letter = std::move_only_function<void()>;

inline constexpr std::size_t kMailboxLettersMax = 4096;

class Mailbox {
 public:
  // `wake` is called, from any thread, when a letter arrives in a mailbox whose shard may sleep.
  explicit Mailbox(std::function<void()> wake);
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  ~Mailbox();

  // From any thread. False when full: the letter is untouched.
  [[nodiscard]] bool try_send(Letter& letter);

  // On the owner's thread: runs the letters that are there, at most kMailboxLettersMax.
  std::size_t drain();

  // On the owner's thread: true when it may sleep now, after which every letter wakes it.
  bool prepare_sleep();

 private:
  struct Queue;
  std::unique_ptr<Queue> queue_;
  std::function<void()> wake_;
};

// One sender's way to one mailbox; used by one thread. Letters it could not place wait here, in
// order, until flush() finds room. A shard flushes its outboxes every turn of its loop.
class Outbox {
 public:
  explicit Outbox(Mailbox& mailbox) : mailbox_(mailbox) {}
  void send(Letter letter);
  bool flush();  // true when nothing is left
  std::size_t waiting() const { return waiting_.size(); }

 private:
  Mailbox& mailbox_;
  std::deque<Letter> waiting_;
};

// Outboxes: what one thread that is no shard sends, to whichever shards. Used on that thread.
class Outboxes {
 public:
  void send(Mailbox& to, Letter letter) {
    outboxes_.try_emplace(&to, to).first->second.send(std::move(letter));
  }
  // False: a mailbox is full, and something waits for another flush().
  bool flush() {
    bool is_empty = true;
    for (auto& [mailbox, outbox] : outboxes_) {
      if (!outbox.flush()) is_empty = false;
    }
    return is_empty;
  }

 private:
  std::unordered_map<Mailbox*, Outbox> outboxes_;
};

}  // namespace sluice
