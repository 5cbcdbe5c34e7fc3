#include "core/receive_buffer.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "core/assert.h"

namespace sluice {

namespace {

constexpr std::size_t kCapacityMin = 4096;

}  // namespace

void ReceiveBuffer::consume(std::size_t bytes) {
  SLUICE_ASSERT(bytes <= seen_ - begin_, "only what is visible is consumed");
  outgrown_.clear();
  begin_ += bytes;
  if (begin_ == end_) begin_ = seen_ = end_ = 0;
}

void ReceiveBuffer::append(std::string_view bytes) {
  if (bytes.size() > capacity_ - end_) {
    const std::size_t kept = size();
    const std::size_t capacity = std::max(kCapacityMin, std::bit_ceil(kept + bytes.size()));
    auto memory = std::make_unique_for_overwrite<char[]>(capacity);
    if (kept > 0) std::memcpy(memory.get(), memory_.get() + begin_, kept);
    if (seen_ > begin_) outgrown_.push_back(std::move(memory_));
    memory_ = std::move(memory);
    capacity_ = capacity;
    seen_ -= begin_;
    end_ = kept;
    begin_ = 0;
  }
  std::memcpy(memory_.get() + end_, bytes.data(), bytes.size());
  end_ += bytes.size();
}

bool ReceiveBuffer::reveal() {
  outgrown_.clear();
  const std::size_t seen = std::min(end_, begin_ + visible_max_);
  if (seen == seen_) return false;
  seen_ = seen;
  return true;
}

void ReceiveBuffer::release() {
  if (!empty()) return;
  memory_.reset();
  outgrown_.clear();
  capacity_ = 0;
}

}  // namespace sluice
