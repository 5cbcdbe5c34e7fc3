// ReceiveBuffer: what a stream received and its reader has not consumed, as one piece.
//
// Bytes may arrive while the reader still holds a view of earlier ones: they stay hidden, and the
// view stays valid, until reveal(). An empty buffer can give its memory back. Pure; used by the
// streams of one shard.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace sluice {

class ReceiveBuffer {
 public:
  // At most `visible_max` bytes are visible at a time.
  explicit ReceiveBuffer(std::size_t visible_max) : visible_max_(visible_max) {}

  // What was revealed and not consumed. Valid until the next reveal or consume.
  std::string_view visible() const { return {memory_.get() + begin_, seen_ - begin_}; }
  void consume(std::size_t bytes);

  // Copies the bytes in, behind what is visible.
  void append(std::string_view bytes);

  // Shows what has arrived, up to the bound; true when visible() grew.
  bool reveal();

  bool is_full() const { return seen_ - begin_ >= visible_max_; }
  std::size_t size() const { return end_ - begin_; }  // with the hidden bytes
  bool empty() const { return begin_ == end_; }
  std::size_t capacity() const { return capacity_; }

  // Gives the memory back if nothing is in it.
  void release();

 private:
  std::unique_ptr<char[]> memory_;
  std::vector<std::unique_ptr<char[]>> outgrown_;  // what a view may still point into
  std::size_t visible_max_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t seen_ = 0;  // the end of what is visible
  std::size_t end_ = 0;
};

}  // namespace sluice
