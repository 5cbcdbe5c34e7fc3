// FramePool: memory for the frames of coroutines. Each thread keeps freed frames, the last freed
// first: that one is still in the cache, which a general allocator's turns through its pages are
// not (docs/performance.md, "What was tried").
#pragma once

#include <cstddef>

namespace sluice {

// Like operator new and operator delete; `bytes` is the same in both. A frame may be freed on
// another thread than it was taken on.
void* take_frame(std::size_t bytes);
void give_frame(void* frame, std::size_t bytes) noexcept;

}  // namespace sluice
