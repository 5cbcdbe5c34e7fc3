// X-Sluice fields: what a message asks for is bounded, or refused by a reply. Each line is a field,
// its name behind "x-sluice-" before the first colon.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/assert.h"
#include "smtp/sluice_headers.h"

namespace {

using namespace sluice::smtp;

std::vector<HeaderField> fields_of(std::string_view text) {
  std::vector<HeaderField> fields;
  while (!text.empty() && fields.size() < kFieldsKeptMax) {
    const std::string_view line = text.substr(0, text.find('\n'));
    const std::string_view name = line.substr(0, line.find(':'));
    const std::string_view value = line.substr(std::min(name.size() + 1, line.size()));
    fields.push_back({.name = "x-sluice-" + std::string(name), .value = std::string(value)});
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return fields;
}

void check_word(std::string_view word) {
  SLUICE_ASSERT(word.size() <= kSluiceWordBytesMax, "words are bounded");
  const bool is_plain = word.find_first_of(std::string_view(" \t\r\n:@,\0", 8)) == word.npos;
  SLUICE_ASSERT(is_plain, "words can stand in the name of a queue");
}

void check(const SluiceHeaders& headers) {
  check_word(headers.campaign);
  check_word(headers.klass);
  check_word(headers.pool);
  SLUICE_ASSERT(headers.tags.size() <= kTagsMax, "tags are bounded");
  for (const std::string& tag : headers.tags) {
    SLUICE_ASSERT(!tag.empty(), "a tag says something");
    check_word(tag);
  }
  SLUICE_ASSERT(headers.metadata.size() <= kMessageDataBytesMax, "metadata are bounded");
  for (const char c : headers.metadata) {
    SLUICE_ASSERT(c >= ' ', "no control character passes");
    SLUICE_ASSERT(c <= '~', "nothing beyond ASCII passes");
  }
  if (!headers.expiry) return;
  SLUICE_ASSERT(*headers.expiry > sluice::Duration(0), "time is left");
  SLUICE_ASSERT(*headers.expiry <= kExpiryMax, "times are bounded");
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto fields = fields_of(std::string_view(reinterpret_cast<const char*>(data), size));
  const auto headers = read_sluice_headers(fields);
  if (headers) check(*headers);
  return 0;
}
