// The configuration: any text is read or refused with places, and what is accepted can be written
// and read back to the same. After a NUL byte comes an assignment, as `--set` takes it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/assert.h"
#include "core/config_file.h"
#include "core/config_override.h"
#include "relay/config.h"

using sluice::ConfigNode;
using sluice::ConfigProblems;

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  const auto end = text.find('\0');
  ConfigProblems problems;
  ConfigNode document = sluice::parse_config_text(text.substr(0, end), "input", problems);
  if (end != std::string::npos) {
    sluice::set_config_value(document, std::string_view(text).substr(end + 1), problems);
  }
  const auto config = sluice::relay::read_config(document, problems);
  for (const auto& problem : problems.sorted()) {
    SLUICE_ASSERT(!problem.to_string().empty(), "a problem says something");
  }
  if (!problems.empty()) return 0;

  const std::string shown = sluice::relay::effective_config(config);
  ConfigProblems second_problems;
  const auto again = sluice::relay::read_config(
      sluice::parse_config_text(shown, "shown", second_problems), second_problems);
  SLUICE_ASSERT(second_problems.empty(), "what is written is right");
  SLUICE_ASSERT(sluice::relay::effective_config(again) == shown, "and reads back to the same");
  return 0;
}
