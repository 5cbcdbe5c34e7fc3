#include "core/secret.h"

#include <string.h>

#include <algorithm>

namespace sluice {

void wipe(std::string& text) {
  text.resize(text.capacity());  // what an earlier, longer value left behind too
  ::explicit_bzero(text.data(), text.size());
  text.clear();
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned>(static_cast<unsigned char>(a[i] ^ b[i]));
    asm volatile("" : "+r"(difference));  // the loop may not end at the first one
  }
  return difference == 0;
}

Secret::Secret(std::string text) : size_(text.size()) {
  bytes_ = std::shared_ptr<char[]>(new char[size_], [size = size_](char* bytes) {
    ::explicit_bzero(bytes, size);
    delete[] bytes;
  });
  std::ranges::copy(text, bytes_.get());
  wipe(text);
}

}  // namespace sluice
