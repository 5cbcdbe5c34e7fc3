#include "core/frame_pool.h"

#include <array>
#include <new>

namespace sluice {

namespace {

// A use after the end is seen by a sanitizer only when the memory goes back at once.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kIsPooling = false;
#elif defined(__has_feature)
constexpr bool kIsPooling =
    !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer);  // clang
#else
constexpr bool kIsPooling = true;
#endif

constexpr std::size_t kPooledBytesMax = 4096;
constexpr std::size_t kStep = 128;  // sizes are rounded up to a multiple of it
constexpr std::size_t kSizes = kPooledBytesMax / kStep;
constexpr unsigned kKeptMax = 64;  // of each size and thread: at most 4.3 MB in all

constexpr bool is_pooled(std::size_t bytes) { return kIsPooling && bytes <= kPooledBytesMax; }

constexpr std::size_t index_of(std::size_t bytes) { return (bytes - 1) / kStep; }

class FramePool {
 public:
  FramePool() = default;
  FramePool(const FramePool&) = delete;
  FramePool& operator=(const FramePool&) = delete;
  ~FramePool() {
    for (List& list : lists_) {
      while (list.first != nullptr) ::operator delete(list.pop());
    }
  }

  void* take(std::size_t bytes) {
    List& list = lists_[index_of(bytes)];
    if (list.first != nullptr) return list.pop();
    return ::operator new((index_of(bytes) + 1) * kStep);
  }

  void give(void* frame, std::size_t bytes) noexcept {
    List& list = lists_[index_of(bytes)];
    if (list.count == kKeptMax) return ::operator delete(frame);
    list.push(frame);
  }

 private:
  struct Free {
    Free* next;
  };
  struct List {
    Free* first = nullptr;
    unsigned count = 0;

    void* pop() {
      --count;
      Free* const frame = first;
      first = frame->next;
      return frame;
    }
    void push(void* frame) {
      ++count;
      first = new (frame) Free{first};
    }
  };
  std::array<List, kSizes> lists_{};
};

thread_local FramePool pool;

}  // namespace

void* take_frame(std::size_t bytes) {
  if (!is_pooled(bytes)) return ::operator new(bytes);
  return pool.take(bytes);
}

void give_frame(void* frame, std::size_t bytes) noexcept {
  if (!is_pooled(bytes)) return ::operator delete(frame);
  pool.give(frame, bytes);
}

}  // namespace sluice
