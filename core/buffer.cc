#include "core/buffer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "core/assert.h"

namespace sluice {

namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kKeepsSlabs = false;  // a slab that is used after its end must be found
#else
constexpr bool kKeepsSlabs = true;
#endif
#else
constexpr bool kKeepsSlabs = true;
#endif

// The one thing here that belongs to a thread and not to an object: bodies are freed wherever their
// last holder is, and a general allocator hands out its coldest block first.
class SlabPool {
 public:
  SlabPool() = default;
  SlabPool(const SlabPool&) = delete;
  SlabPool& operator=(const SlabPool&) = delete;
  ~SlabPool() {
    while (count_ > 0) delete[] slabs_[--count_];
    is_open_ = false;
  }

  char* take() { return count_ > 0 ? slabs_[--count_] : new char[kSlabBytes]; }
  void give(char* slab) {
    if (kKeepsSlabs && is_open_ && count_ < kSlabsKeptMax) {
      slabs_[count_++] = slab;
    } else {
      delete[] slab;
    }
  }

 private:
  std::array<char*, kSlabsKeptMax> slabs_{};
  std::size_t count_ = 0;
  bool is_open_ = true;
};

SlabPool& slabs_of_thread() {
  thread_local SlabPool pool;
  return pool;
}

}  // namespace

void SlabDeleter::operator()(char* slab) const { slabs_of_thread().give(slab); }

Slab make_slab() { return Slab(slabs_of_thread().take()); }

ByteChain::ByteChain(ByteChain&& other) noexcept
    : budget_(other.budget_),
      slabs_(std::exchange(other.slabs_, {})),
      size_(std::exchange(other.size_, 0)) {}

ByteChain& ByteChain::operator=(ByteChain&& other) noexcept {
  if (this == &other) return *this;
  clear();
  budget_ = other.budget_;
  slabs_ = std::exchange(other.slabs_, {});
  size_ = std::exchange(other.size_, 0);
  return *this;
}

ByteChain::~ByteChain() { clear(); }

Result<void> ByteChain::append(std::string_view bytes) {
  const std::size_t slabs_needed = (size_ + bytes.size() + kSlabBytes - 1) / kSlabBytes;
  const std::size_t slabs_new = slabs_needed - slabs_.size();
  if (slabs_new > 0) {
    if (!budget_->try_reserve(ByteCount(slabs_new * kSlabBytes)))
      return fail(ErrorCode::out_of_budget, "the memory budget is used up");
    while (slabs_.size() < slabs_needed) slabs_.push_back(make_slab());
  }
  while (!bytes.empty()) {
    const std::size_t offset = size_ % kSlabBytes;
    const std::size_t part = std::min(bytes.size(), kSlabBytes - offset);
    std::memcpy(slabs_[size_ / kSlabBytes].get() + offset, bytes.data(), part);
    size_ += part;
    bytes.remove_prefix(part);
  }
  return {};
}

void ByteChain::clear() {
  if (slabs_.empty()) return;
  budget_->release(ByteCount(slabs_.size() * kSlabBytes));
  slabs_.clear();
  size_ = 0;
}

std::string_view ByteChain::piece(std::size_t index) const {
  SLUICE_ASSERT(index < slabs_.size(), "the piece exists");
  const std::size_t begin = index * kSlabBytes;
  return {slabs_[index].get(), std::min(kSlabBytes, size_ - begin)};
}

std::string ByteChain::to_string() const {
  std::string text;
  text.reserve(size_);
  for (std::size_t index = 0; index < piece_count(); ++index) text += piece(index);
  return text;
}

}  // namespace sluice
