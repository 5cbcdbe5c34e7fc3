#include "smtp/sluice_headers.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "core/config_value.h"
#include "smtp/ascii.h"

namespace sluice::smtp {
namespace {

std::unexpected<Reply> refuse(std::string_view header, std::string_view expected) {
  return std::unexpected(
      reply(554, {5, 6, 0}, fmt::format("The header {} must be {}", header, expected)));
}

// Words are parts of queue names and labels.
bool is_word(std::string_view text) {
  const auto is_word_char = [](char c) {
    return is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '.';
  };
  return !text.empty() && text.size() <= kSluiceWordBytesMax &&
         std::ranges::all_of(text, is_word_char);
}

constexpr std::string_view kWordForm = "1 to 64 letters, digits, hyphens, underscores and dots";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::expected<std::vector<std::string>, Reply> read_tags(std::string_view value) {
  std::vector<std::string> tags;
  while (true) {
    const std::size_t comma = value.find(',');
    const std::string_view tag = trimmed(value.substr(0, comma));
    if (!is_word(tag) || tags.size() == kTagsMax) {
      return refuse("X-Sluice-Tags",
                    "at most 10 words with commas, each of letters, digits, "
                    "hyphens, underscores and dots");
    }
    tags.emplace_back(tag);
    if (comma == std::string_view::npos) return tags;
    value.remove_prefix(comma + 1);
  }
}

// Reads fields one after the other into the headers; each may stand once.
class Reader {
 public:
  std::expected<void, Reply> read(const HeaderField& field) {
    const std::string_view name = std::string_view(field.name).substr(9);  // behind "x-sluice-"
    if (name == "campaign") return read_word("X-Sluice-Campaign", field.value, headers_.campaign);
    if (name == "class") return read_word("X-Sluice-Class", field.value, headers_.klass);
    if (name == "pool") return read_word("X-Sluice-Pool", field.value, headers_.pool);
    if (name == "tags") return read_tag_list(field.value);
    if (name == "metadata") return read_metadata(field.value);
    if (name == "expiry") return read_expiry(field.value);
    if (name == "engaged") return read_engaged(field.value);
    return {};
  }
  SluiceHeaders take() { return std::move(headers_); }

 private:
  static std::expected<void, Reply> read_word(std::string_view header, const std::string& value,
                                              std::string& word) {
    if (!is_word(value)) return refuse(header, kWordForm);
    if (!word.empty()) return refuse(header, "given once");
    word = value;
    return {};
  }
  std::expected<void, Reply> read_tag_list(std::string_view value) {
    if (!headers_.tags.empty()) return refuse("X-Sluice-Tags", "given once");
    auto tags = read_tags(value);
    if (!tags) return std::unexpected(std::move(tags).error());
    headers_.tags = *std::move(tags);
    return {};
  }
  std::expected<void, Reply> read_metadata(const std::string& value) {
    const bool is_printable =
        std::ranges::all_of(value, [](char c) { return is_visible(c) || c == ' '; });
    if (value.empty() || value.size() > kMessageDataBytesMax || !is_printable) {
      return refuse("X-Sluice-Metadata", "1 to 4096 printable ASCII characters");
    }
    if (!headers_.metadata.empty()) return refuse("X-Sluice-Metadata", "given once");
    headers_.metadata = value;
    return {};
  }
  std::expected<void, Reply> read_expiry(std::string_view value) {
    const auto expiry = parse_duration(value);
    if (!expiry || *expiry <= Duration(0) || *expiry > kExpiryMax) {
      return refuse("X-Sluice-Expiry", "a time such as 30m, 4h or 2d, of at most 30d");
    }
    if (headers_.expiry) return refuse("X-Sluice-Expiry", "given once");
    headers_.expiry = *expiry;
    return {};
  }
  std::expected<void, Reply> read_engaged(std::string_view value) {
    const bool is_yes = equal_ignoring_case(value, "yes");
    if (!is_yes && !equal_ignoring_case(value, "no")) {
      return refuse("X-Sluice-Engaged", "yes or no");
    }
    headers_.is_engaged = is_yes;
    return {};
  }

  SluiceHeaders headers_;
};

}  // namespace

std::expected<SluiceHeaders, Reply> read_sluice_headers(std::span<const HeaderField> fields) {
  Reader reader;
  for (const HeaderField& field : fields) {
    if (auto read = reader.read(field); !read) return std::unexpected(std::move(read).error());
  }
  return reader.take();
}

}  // namespace sluice::smtp
