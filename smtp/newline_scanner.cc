#include "smtp/newline_scanner.h"

#include "core/assert.h"

namespace sluice::smtp {
namespace {

constexpr std::size_t kBlockBytes = 64;

// One byte of evidence per position, without a branch, so that it becomes vector code. Reads the
// byte before the block too.
bool block_is_plain(const char* block) {
  unsigned char evidence = 0;
  for (std::size_t i = 0; i < kBlockBytes; ++i) {
    const char here = block[i];
    const char before = *(block + i - 1);
    const auto is_lf = static_cast<unsigned char>(here == '\n');
    const auto is_behind_cr = static_cast<unsigned char>(before == '\r');
    const auto is_nul = static_cast<unsigned char>(here == '\0');
    const auto is_dot = static_cast<unsigned char>(here == '.');
    const auto is_behind_lf = static_cast<unsigned char>(before == '\n');
    evidence = static_cast<unsigned char>(evidence | (is_lf ^ is_behind_cr) | is_nul |
                                          (is_dot & is_behind_lf));
  }
  return evidence == 0;
}

NewlineScanner::Special classify(char before, char here) {
  using enum NewlineScanner::Special;
  if (before == '\r' && here != '\n') return bare_cr;
  if (before != '\r' && here == '\n') return bare_lf;
  if (here == '\0') return nul;
  if (before == '\n' && here == '.') return dot;
  return none;
}

// The plain blocks from `at` on; the last, partial one is covered by a block that ends with the
// input and overlaps what was seen.
std::size_t pass_blocks(std::string_view input, std::size_t at) {
  while (at + kBlockBytes <= input.size()) {
    if (!block_is_plain(input.data() + at)) return at;
    at += kBlockBytes;
  }
  const bool has_block = input.size() > kBlockBytes;
  if (has_block && block_is_plain(input.data() + input.size() - kBlockBytes)) return input.size();
  return at;
}

}  // namespace

NewlineScanner::Found NewlineScanner::pass(std::string_view input) {
  if (input.empty()) return {.bytes = 0, .special = Special::none};
  if (const Special first = classify(before_, input[0]); first != Special::none) {
    return {.bytes = 0, .special = first};
  }
  // From here on an LF that was passed ends a CRLF: a bare one would have ended this call.
  for (std::size_t at = pass_blocks(input, 1); at < input.size(); ++at) {
    const Special special = classify(input[at - 1], input[at]);
    if (special == Special::none) continue;
    before_ = input[at - 1];
    return {.bytes = at, .special = special};
  }
  before_ = input.back();
  return {.bytes = input.size(), .special = Special::none};
}

BodyPiece NewlineScanner::resolve(Special special, std::string_view input) {
  continue_line();
  switch (special) {
    case Special::bare_cr:  // the CR itself was passed already
      note(BodyFault::bare_cr);
      return {.consumed = 0, .content = normalises() ? "\n" : ""};
    case Special::bare_lf:
      note(BodyFault::bare_lf);
      return {.consumed = 1, .content = normalises() ? "\r\n" : input.substr(0, 1)};
    case Special::nul:
      note(BodyFault::nul);
      return {.consumed = 1, .content = input.substr(0, 1)};
    case Special::none:
    case Special::dot:
      break;
  }
  SLUICE_ASSERT(false, "dots are for the one who asked");
  return {};
}

void NewlineScanner::note(BodyFault fault) {
  if (fault != BodyFault::nul && normalises()) return;
  if (fault_ == BodyFault::none) fault_ = fault;
}

BodyPiece ChunkScanner::next(std::string_view input) {
  std::size_t plain = 0;
  while (true) {
    const auto found = scanner_.pass(input.substr(plain));
    plain += found.bytes;
    if (found.special == NewlineScanner::Special::dot) {
      scanner_.continue_line();
      ++plain;
      continue;
    }
    if (plain > 0 || found.special == NewlineScanner::Special::none) {
      return {.consumed = plain, .content = input.substr(0, plain)};
    }
    return scanner_.resolve(found.special, input);
  }
}

std::string_view ChunkScanner::finish() {
  if (!scanner_.is_behind_cr()) return {};
  return scanner_.resolve(NewlineScanner::Special::bare_cr, {}).content;
}

}  // namespace sluice::smtp
