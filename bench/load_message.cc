#include "bench/load_message.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <charconv>

#include "core/random.h"

namespace sluice::bench {
namespace {

constexpr std::size_t kLineBytes = 78;  // 76 characters and CRLF

template <class Number>
Number number_in(std::string_view text, int base) {
  Number value{};
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

// The value of a field, when the line is that field; else nothing.
bool take_field(std::string_view line, std::string_view name, std::string_view& value) {
  if (!line.starts_with(name)) return false;
  value = line.substr(name.size());
  return true;
}

void read_field(std::string_view line, LoadHeader& header) {
  std::string_view value;
  if (take_field(line, "X-Load-Id: ", value)) header.id = value;
  if (take_field(line, "X-Load-Sender: ", value)) header.sender = value;
  if (take_field(line, "X-Load-Time: ", value)) header.sent_at = number_in<std::int64_t>(value, 10);
  if (take_field(line, "X-Load-Sum: ", value)) {
    header.checksum = number_in<std::uint64_t>(value, 16);
    header.has_checksum = true;
  }
}

}  // namespace

LoadHeader read_load_header(std::string_view header) {
  LoadHeader result;
  std::size_t begin = 0;
  while (begin < header.size()) {
    const std::size_t end = std::min(header.find("\r\n", begin), header.size());
    const std::string_view line = header.substr(begin, end - begin);
    if (line.starts_with('X')) read_field(line, result);
    begin = end + 2;
  }
  return result;
}

std::uint64_t body_checksum(std::string_view body) { return XXH3_64bits(body.data(), body.size()); }

LoadMessageMaker::LoadMessageMaker(std::string run, std::size_t bytes_max, std::uint64_t seed)
    : run_(std::move(run)) {
  Random random(seed);
  text_.reserve(bytes_max + kLineBytes);
  while (text_.size() < bytes_max) {
    const bool begins_with_dot = random.below(16) == 0;
    for (std::size_t i = 0; i < kLineBytes - 2; ++i) {
      text_ += static_cast<char>('0' + random.below(75));
    }
    if (begins_with_dot) text_[text_.size() - (kLineBytes - 2)] = '.';
    text_ += "\r\n";
  }
}

std::string LoadMessageMaker::id(std::uint64_t number) const {
  return fmt::format("{}-{}", run_, number);
}

LoadMessage LoadMessageMaker::make(std::uint64_t number, std::string_view sender,
                                   std::string_view recipient, std::size_t bytes,
                                   Instant now) const {
  constexpr std::size_t kHeaderBytes = 300;  // about: the size asked for counts the header too
  std::string_view body = text_;
  body = body.substr(0, bytes > kHeaderBytes ? bytes - kHeaderBytes : 0);
  body = body.substr(0, body.size() - body.size() % kLineBytes);
  return LoadMessage{
      .header = fmt::format(
          "From: <{0}>\r\nTo: <{1}>\r\nSubject: load {2}\r\nMessage-ID: <{3}@load.example>\r\n"
          "X-Load-Id: {3}\r\nX-Load-Sender: {0}\r\nX-Load-Time: {4}\r\n"
          "X-Load-Sum: {5:016x}\r\n\r\n",
          sender, recipient, number, id(number), now.nanoseconds(), body_checksum(body)),
      .body = body};
}

}  // namespace sluice::bench
