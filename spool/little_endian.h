// FieldWriter and FieldReader: fields of fixed width, little-endian, in what the spool keeps on
// disk.
//
// The writer trusts its caller about room; the reader trusts nothing: past the end it yields zeros
// and says so once in is_good(). Pure, for any thread.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sluice::spool {

class FieldWriter {
 public:
  explicit FieldWriter(char* at) : at_(at) {}

  template <std::unsigned_integral Number>
  void put(Number value) {
    put_low_bytes(value, sizeof(Number));
  }
  // The low 48 bits: times in milliseconds.
  void put_48(std::uint64_t value) { put_low_bytes(value, 6); }
  void put_bytes(std::string_view bytes) {
    if (!bytes.empty()) std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }
  char* at() const { return at_; }

 private:
  void put_low_bytes(std::uint64_t value, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) *at_++ = static_cast<char>((value >> (8 * i)) & 0xff);
  }
  char* at_;
};

class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes) : rest_(bytes) {}

  template <std::unsigned_integral Number>
  Number take() {
    return static_cast<Number>(take_low_bytes(sizeof(Number)));
  }
  std::uint64_t take_48() { return take_low_bytes(6); }
  std::string_view take_bytes(std::size_t count) {
    if (count > rest_.size()) {
      is_good_ = false;
      rest_ = {};
      return {};
    }
    const auto taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  std::string_view rest() const { return rest_; }
  bool is_good() const { return is_good_; }
  // Everything was there and nothing is left.
  bool is_finished() const { return is_good_ && rest_.empty(); }

 private:
  std::uint64_t take_low_bytes(std::size_t count) {
    const auto bytes = take_bytes(count);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      value |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    }
    return value;
  }
  std::string_view rest_;
  bool is_good_ = true;
};

}  // namespace sluice::spool
