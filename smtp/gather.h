// Gather: what the next write carries, in order: command text that it owns, body bytes that it
// borrows. One gathered send for everything that is ready.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::smtp {

// A gather beyond these is sent before it grows on; the kernel takes 1,024 pieces (IOV_MAX).
inline constexpr std::size_t kGatherPiecesMax = 512;
inline constexpr std::size_t kGatherTextBytesMax = 64 * 1024;

// Borrowed bytes up to this are copied: cheaper than a piece of their own.
inline constexpr std::size_t kGatherCopyBytesMax = 64;

class Gather {
 public:
  // Copies text behind what is there.
  void append(std::string_view text);
  // Puts bytes behind what is there, without copying many. They live until the next clear().
  void borrow(std::string_view bytes);
  void clear();

  bool empty() const { return parts_.empty(); }
  bool is_full() const {
    return parts_.size() >= kGatherPiecesMax || text_.size() >= kGatherTextBytesMax;
  }

  // The pieces in order, valid until the Gather changes.
  std::span<const std::string_view> pieces();

 private:
  // Text is found by its length alone, since text_ moves while it grows.
  struct Part {
    const char* borrowed;  // null: the next `size` bytes of text_
    std::size_t size;
  };

  std::string text_;
  std::vector<Part> parts_;
  std::vector<std::string_view> pieces_;
};

}  // namespace sluice::smtp
