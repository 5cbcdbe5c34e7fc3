// NewlineScanner: runs over the bytes of a message once and stops at what needs a decision: a bare
// CR or LF, a NUL, a dot at the start of a line.
//
// What is plain is passed 64 bytes at a time by a loop without branches, which the compiler turns
// into vector instructions. Any split of the input gives the same events.
// Pure: no I/O, no allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::smtp {

// What to do with a CR or LF that is no part of a CRLF (RFC 5321 §2.3.8 forbids both).
enum class BareNewlines : std::uint8_t { reject, normalise };

enum class BodyFault : std::uint8_t { none, bare_cr, bare_lf, nul };

// What came of the front of the input.
struct BodyPiece {
  std::size_t consumed = 0;
  std::string_view content;  // into the input, or into static memory
  bool is_end = false;       // the message is complete
};

class NewlineScanner {
 public:
  enum class Special : std::uint8_t { none, bare_cr, bare_lf, nul, dot };
  struct Found {
    std::size_t bytes;  // plain bytes before it; they count as seen
    Special special;
  };

  explicit NewlineScanner(BareNewlines policy) : policy_(policy) {}

  // Passes what is plain. `bare_cr` stands behind the CR, on the byte that is no LF.
  Found pass(std::string_view input);

  // Handles a bare newline or a NUL at the front of the input: notes the fault, or normalises.
  BodyPiece resolve(Special special, std::string_view input);

  // Goes on as in the middle of a line; the caller handled a byte itself.
  void continue_line() { before_ = kText; }
  void note_bare_cr() { note(BodyFault::bare_cr); }

  bool is_behind_cr() const { return before_ == '\r'; }
  bool normalises() const { return policy_ == BareNewlines::normalise; }
  // The first fault that makes the message unacceptable.
  BodyFault fault() const { return fault_; }

 private:
  static constexpr char kText = 'x';  // any byte that is neither CR nor LF

  void note(BodyFault fault);

  BareNewlines policy_;
  BodyFault fault_ = BodyFault::none;
  char before_ = '\n';  // the byte before the input; LF only as the end of a CRLF
};

// Checks a message that comes in counted chunks (BDAT, RFC 3030), where a dot means nothing.
class ChunkScanner {
 public:
  explicit ChunkScanner(BareNewlines policy) : scanner_(policy) {}

  // Takes from the front of the input; call it again until all of it is consumed. A piece may be
  // empty.
  BodyPiece next(std::string_view input);

  // The last chunk has ended: what is to be appended to the message.
  std::string_view finish();

  BodyFault fault() const { return scanner_.fault(); }

 private:
  NewlineScanner scanner_;
};

}  // namespace sluice::smtp
