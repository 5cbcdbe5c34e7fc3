#include "core/mailbox.h"

#include <array>
#include <cstdint>
#include <utility>

#include "core/assert.h"

namespace sluice {

// A ring of cells after Dmitry Vyukov's bounded queue: a cell's sequence number says whose turn it
// is. Senders race for the tail with one compare-and-swap; the owner alone moves the head.
struct Mailbox::Queue {
  static constexpr std::uint64_t kMask = kMailboxLettersMax - 1;
  static_assert((kMailboxLettersMax & kMask) == 0, "positions wrap by a mask");

  struct Cell {
    std::atomic<std::uint64_t> sequence;
    Letter letter;
  };

  Queue() {
    for (std::uint64_t index = 0; index < kMailboxLettersMax; ++index)
      cells[index].sequence.store(index, std::memory_order_relaxed);
  }

  bool push(Letter& letter);
  Letter pop();  // empty when there is none
  bool has_letter() const {
    return cells[head & kMask].sequence.load(std::memory_order_acquire) == head + 1;
  }

  alignas(64) std::atomic<std::uint64_t> tail{0};
  alignas(64) std::atomic<bool> is_sleeping{false};
  alignas(64) std::uint64_t head = 0;
  std::array<Cell, kMailboxLettersMax> cells;
};

bool Mailbox::Queue::push(Letter& letter) {
  std::uint64_t position = tail.load(std::memory_order_relaxed);
  while (true) {
    Cell& cell = cells[position & kMask];
    const std::uint64_t sequence = cell.sequence.load(std::memory_order_acquire);
    if (sequence < position) return false;  // a round behind: the queue is full
    if (sequence > position) {              // another sender was first
      position = tail.load(std::memory_order_relaxed);
      continue;
    }
    if (!tail.compare_exchange_weak(position, position + 1, std::memory_order_relaxed)) continue;
    cell.letter = std::move(letter);
    cell.sequence.store(position + 1, std::memory_order_release);
    return true;
  }
}

Letter Mailbox::Queue::pop() {
  if (!has_letter()) return {};
  Cell& cell = cells[head & kMask];
  Letter letter = std::exchange(cell.letter, Letter());
  cell.sequence.store(head + kMailboxLettersMax, std::memory_order_release);
  ++head;
  return letter;
}

Mailbox::Mailbox(std::function<void()> wake)
    : queue_(std::make_unique<Queue>()), wake_(std::move(wake)) {}

Mailbox::~Mailbox() = default;

bool Mailbox::try_send(Letter& letter) {
  SLUICE_ASSERT(letter != nullptr, "a letter can be run");
  if (!queue_->push(letter)) return false;
  // Either the owner sees the letter before it sleeps, or this thread sees that it sleeps.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (queue_->is_sleeping.load(std::memory_order_relaxed) && queue_->is_sleeping.exchange(false))
    wake_();
  return true;
}

std::size_t Mailbox::drain() {
  queue_->is_sleeping.store(false, std::memory_order_relaxed);
  std::size_t count = 0;
  while (count < kMailboxLettersMax) {
    Letter letter = queue_->pop();
    if (letter == nullptr) break;
    letter();
    ++count;
  }
  return count;
}

bool Mailbox::prepare_sleep() {
  queue_->is_sleeping.store(true, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!queue_->has_letter()) return true;
  queue_->is_sleeping.store(false, std::memory_order_relaxed);
  return false;
}

void Outbox::send(Letter letter) {
  if (waiting_.empty() && mailbox_.try_send(letter)) return;
  waiting_.push_back(std::move(letter));
}

bool Outbox::flush() {
  while (!waiting_.empty()) {
    if (!mailbox_.try_send(waiting_.front())) return false;
    waiting_.pop_front();
  }
  return true;
}

}  // namespace sluice
