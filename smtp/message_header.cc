#include "smtp/message_header.h"

#include <optional>
#include <utility>

#include "smtp/ascii.h"

namespace sluice::smtp {
namespace {

constexpr std::string_view kOurPrefix = "x-sluice-";

Reply header_too_large() {
  return reply(552, {5, 3, 4}, "The header of the message is too large: at most 128 KiB");
}

// RFC 5322 §2.2: a name of visible characters without a colon, and the colon; §4.5.1 lets blanks
// stand between them. 0: this line begins no field.
std::size_t name_bytes(std::string_view line) {
  std::size_t end = 0;
  while (end < line.size() && is_visible(line[end]) && line[end] != ':') ++end;
  std::size_t colon = end;
  while (colon < line.size() && (line[colon] == ' ' || line[colon] == '\t')) ++colon;
  const bool has_colon = colon < line.size() && line[colon] == ':';
  return has_colon ? end : 0;
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

// RFC 5322 §2.2.3: the line ends go, the blanks stay.
std::string unfolded_value(std::string_view field) {
  std::string value;
  for (const char c : field.substr(field.find(':') + 1)) {
    if (c != '\r' && c != '\n') value += c == '\t' ? ' ' : c;
  }
  const std::size_t first = value.find_first_not_of(' ');
  if (first == std::string::npos) return {};
  return value.substr(first, value.find_last_not_of(' ') - first + 1);
}

}  // namespace

// Where the header of a text ends.
struct MessageHeader::Section {
  std::vector<std::string_view> fields;  // whole, with their line ends
  std::size_t body = 0;                  // where the body begins, behind the empty line
  bool has_empty_line = false;
};

namespace {

// Nothing while the end of the header has not come. `is_all`: nothing more will come.
template <class Section>
std::optional<Section> find_section(std::string_view text, bool is_all) {
  Section section;
  std::size_t field_start = 0;
  std::size_t at = 0;
  const auto end_field = [&] {
    if (at > field_start) section.fields.push_back(text.substr(field_start, at - field_start));
    field_start = at;
  };
  while (at < text.size()) {
    const std::size_t newline = text.find('\n', at);
    if (newline == std::string_view::npos && !is_all) return std::nullopt;
    const std::size_t next = newline == std::string_view::npos ? text.size() : newline + 1;
    const std::string_view line = text.substr(at, next - at);
    if (line == "\r\n") {
      end_field();
      section.has_empty_line = true;
      section.body = next;
      return section;
    }
    const bool is_continuation = is_blank(line[0]) && at > field_start;
    if (!is_continuation) {
      end_field();
      if (name_bytes(line) == 0) {
        section.body = at;
        return section;
      }
    }
    at = next;
  }
  if (!is_all) return std::nullopt;
  end_field();
  section.body = text.size();
  return section;
}

}  // namespace

void MessageHeader::start(HeaderFixes fixes) {
  *this = MessageHeader();
  fixes_ = fixes;
}

std::expected<MessageHeader::Passed, Reply> MessageHeader::consume(std::string_view bytes,
                                                                   const Additions& additions) {
  if (is_complete_) return Passed{.header = {}, .rest = bytes};
  // Mostly the whole header comes at once, and is read where it lies.
  if (held_back_.empty()) {
    if (const auto section = find_section<Section>(bytes, false)) {
      return pass(bytes, *section, additions);
    }
  }
  if (held_back_.size() + bytes.size() > kHeaderBytesMax) {
    return std::unexpected(header_too_large());
  }
  held_back_ += bytes;
  if (!has_end()) return Passed{.header = {}, .rest = {}};
  return pass(held_back_, *find_section<Section>(held_back_, false), additions);
}

// Looks at each line once, however small the pieces are in which they come.
bool MessageHeader::has_end() {
  const std::string_view text = held_back_;
  while (true) {
    const std::size_t newline = text.find('\n', judged_);
    if (newline == std::string_view::npos) return false;
    const std::string_view line = text.substr(judged_, newline + 1 - judged_);
    const bool is_continuation = is_blank(line[0]) && judged_ > 0;
    if (!is_continuation && name_bytes(line) == 0) return true;  // the empty line, too
    judged_ = newline + 1;
  }
}

std::expected<MessageHeader::Passed, Reply> MessageHeader::finish(const Additions& additions) {
  if (is_complete_) return Passed{.header = {}, .rest = {}};
  return pass(held_back_, *find_section<Section>(held_back_, true), additions);
}

std::expected<MessageHeader::Passed, Reply> MessageHeader::pass(std::string_view text,
                                                                const Section& section,
                                                                const Additions& additions) {
  is_complete_ = true;
  if (section.body > kHeaderBytesMax) return std::unexpected(header_too_large());
  std::vector<std::string_view> kept;
  for (const std::string_view field : section.fields) {
    if (see_field(field)) kept.push_back(field);
  }
  if (has_too_many_) {
    return std::unexpected(reply(554, {5, 6, 0}, "Too many From and X-Sluice fields"));
  }
  const std::string added = added_fields(additions);
  const bool gets_empty_line = section.has_empty_line || fixes_ == HeaderFixes::submission;
  const bool is_as_it_was = added.empty() && kept.size() == section.fields.size() &&
                            section.has_empty_line == gets_empty_line;
  const std::string_view rest = text.substr(section.body);
  if (is_as_it_was) return Passed{.header = text.substr(0, section.body), .rest = rest};
  corrected_.clear();
  for (const std::string_view field : kept) {
    corrected_ += field;
    if (!field.ends_with('\n') && gets_empty_line) corrected_ += "\r\n";
  }
  corrected_ += added;
  if (gets_empty_line) corrected_ += "\r\n";
  return Passed{.header = corrected_, .rest = rest};
}

// Whether the field goes on.
bool MessageHeader::see_field(std::string_view field) {
  const std::string_view name = field.substr(0, name_bytes(field));
  const bool is_ours = starts_ignoring_case(name, kOurPrefix);
  const bool is_from = equal_ignoring_case(name, "From");
  const bool is_full = from_.size() + sluice_.size() >= kFieldsKeptMax;
  has_too_many_ = has_too_many_ || (is_full && (is_ours || is_from));
  if (has_too_many_) return true;
  if (is_ours) {
    std::string lower(name);
    for (char& c : lower) c = to_lower(c);
    sluice_.push_back({.name = std::move(lower), .value = unfolded_value(field)});
    return false;
  }
  if (is_from) from_.push_back(unfolded_value(field));
  if (fixes_ == HeaderFixes::none) return true;
  if (equal_ignoring_case(name, "Date")) has_date_ = true;
  if (equal_ignoring_case(name, "Message-ID")) has_message_id_ = true;
  return !equal_ignoring_case(name, "Bcc");
}

std::string MessageHeader::added_fields(const Additions& additions) const {
  std::string added;
  if (fixes_ == HeaderFixes::none) return added;
  if (!has_date_) added += "Date: " + additions.date + "\r\n";
  if (!has_message_id_) added += "Message-ID: " + additions.message_id + "\r\n";
  return added;
}

}  // namespace sluice::smtp
