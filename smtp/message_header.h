// MessageHeader: the header of an arriving message: what a submission server reads out of it and
// corrects in it before the message goes on (RFC 6409 §8).
//
// The header is held back until its end has come; then it goes on as a whole, and what follows it
// passes untouched. Bcc is removed, and so is every X-Sluice field, which speaks to us alone; From
// and X-Sluice are kept for whoever decides about them; Date and Message-ID are added where they
// are missing. Where there is nothing to correct, nothing is copied. What is no field ends the
// header, as if an empty line stood before it. Pure: no I/O. One per session, begun anew for each
// message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/reply.h"

namespace sluice::smtp {

inline constexpr std::size_t kHeaderBytesMax = 128 * 1024;  // of a whole header
inline constexpr std::size_t kFieldsKeptMax = 100;          // of From and X-Sluice together

// Whether the header of a submitted message is corrected, or only read and freed of X-Sluice.
enum class HeaderFixes : std::uint8_t { none, submission };

struct HeaderField {
  std::string name;   // in lower case
  std::string value;  // unfolded, without blanks around it
};

class MessageHeader {
 public:
  // `date` and `message_id` are what is added: "Thu, 26 Nov 2026 18:00:00 +0000", "<id@host>".
  struct Additions {
    std::string date;
    std::string message_id;
  };
  void start(HeaderFixes fixes);

  // What goes on, in this order; both valid until the next call. The reply refuses the message.
  struct Passed {
    std::string_view header;  // once, when its end has come
    std::string_view rest;
  };
  std::expected<Passed, Reply> consume(std::string_view bytes, const Additions& additions);
  // The message has ended: what was held back of a header without an end.
  std::expected<Passed, Reply> finish(const Additions& additions);

  bool is_complete() const { return is_complete_; }
  const std::vector<std::string>& from() const { return from_; }      // values of From fields
  const std::vector<HeaderField>& sluice() const { return sluice_; }  // X-Sluice fields

 private:
  struct Section;
  std::expected<Passed, Reply> pass(std::string_view text, const Section& section,
                                    const Additions& additions);
  bool has_end();
  bool see_field(std::string_view field);
  std::string added_fields(const Additions& additions) const;

  HeaderFixes fixes_ = HeaderFixes::none;
  bool is_complete_ = false;
  bool has_date_ = false;
  bool has_message_id_ = false;
  bool has_too_many_ = false;
  std::string held_back_;
  std::size_t judged_ = 0;  // of held_back_: lines that do not end the header
  std::string corrected_;
  std::vector<std::string> from_;
  std::vector<HeaderField> sluice_;
};

}  // namespace sluice::smtp
