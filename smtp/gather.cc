#include "smtp/gather.h"

namespace sluice::smtp {

void Gather::append(std::string_view text) {
  if (text.empty()) return;
  text_ += text;
  if (!parts_.empty() && parts_.back().borrowed == nullptr) {
    parts_.back().size += text.size();
    return;
  }
  parts_.push_back(Part{.borrowed = nullptr, .size = text.size()});
}

void Gather::borrow(std::string_view bytes) {
  if (bytes.size() <= kGatherCopyBytesMax) return append(bytes);
  parts_.push_back(Part{.borrowed = bytes.data(), .size = bytes.size()});
}

void Gather::clear() {
  text_.clear();
  parts_.clear();
  pieces_.clear();
}

std::span<const std::string_view> Gather::pieces() {
  pieces_.clear();
  std::size_t text_taken = 0;
  for (const Part& part : parts_) {
    if (part.borrowed != nullptr) {
      pieces_.emplace_back(part.borrowed, part.size);
      continue;
    }
    pieces_.push_back(std::string_view(text_).substr(text_taken, part.size));
    text_taken += part.size;
  }
  return pieces_;
}

}  // namespace sluice::smtp
