// Command lines: whatever comes, it is taken apart or refused with a reply that can be sent.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/assert.h"
#include "smtp/command.h"

namespace {

using namespace sluice::smtp;

template <class T>
void check(const Parsed<T>& parsed) {
  if (parsed) return;
  SLUICE_ASSERT(parsed.error().is_permanent(), "a bad argument stays bad");
  std::string wire;
  append_wire(parsed.error(), wire);
  SLUICE_ASSERT(wire.find('\n') == wire.size() - 1, "a refusal is one line");
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string line(data, data + size);
  const Command command = parse_command(line);
  check(parse_hello(command.argument));
  const auto recipient = parse_recipient(command.argument);
  check(recipient);
  if (recipient) {
    const auto& orcpt = recipient->dsn.original_recipient;
    SLUICE_ASSERT(orcpt.empty() || parse_original_recipient(orcpt).has_value(),
                  "what was taken is taken again");
  }
  check(parse_auth(command.argument));
  check(parse_bdat(command.argument));
  const auto mail = parse_mail(command.argument);
  check(mail);
  if (mail && !mail->reverse_path.is_null()) {
    const auto again = parse_mailbox(mail->reverse_path.to_string());
    SLUICE_ASSERT(again.has_value(), "an address that was taken is one");
    SLUICE_ASSERT(*again == mail->reverse_path, "an address reads as it was written");
  }
  return 0;
}
