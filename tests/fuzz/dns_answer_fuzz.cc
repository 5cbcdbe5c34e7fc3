// A reply of a DNS server: whatever comes is refused or read within its bounds. The first two bytes
// say what was asked; the reply is given that question, or the bytes as they are.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/assert.h"
#include "core/dns_answer.h"

namespace {

using namespace sluice;

constexpr DnsType kTypes[] = {DnsType::a,   DnsType::aaaa, DnsType::mx,  DnsType::txt,
                              DnsType::ptr, DnsType::tlsa, DnsType::soa, DnsType::cname};
constexpr std::size_t kHeaderBytes = 12;

void check(std::span<const std::uint8_t> reply, const DnsQuestion& question) {
  const auto answer = parse_dns_answer(reply, question);
  if (!answer) return;
  const std::size_t records = answer->addresses.size() + answer->exchanges.size() +
                              answer->texts.size() + answer->associations.size();
  SLUICE_ASSERT(records <= kDnsRecordsMax, "records are bounded");
  SLUICE_ASSERT(records == 0 || answer->status == DnsStatus::found, "what is there was found");
  for (const std::string& text : answer->texts) {
    SLUICE_ASSERT(text.size() <= kDnsTextBytesMax, "texts are bounded");
  }
  SLUICE_ASSERT(answer->ttl >= Duration(0), "nothing holds for less than no time");
}

// The bytes behind a header and a question that fit, so that the fuzzer need not find them.
std::vector<std::uint8_t> with_question(std::span<const std::uint8_t> data,
                                        const DnsQuestion& question) {
  std::vector<std::uint8_t> reply = encode_dns_query(question, 7);
  reply.resize(reply.size() - 11);  // without EDNS
  reply[2] |= 0x80;
  reply[11] = 0;
  // Its code, and how many records each section claims: of the answer, of the authority.
  reply[3] = data[0];
  reply[7] = data[1] & 0x0F;
  reply[9] = data[2] & 0x0F;
  reply.insert(reply.end(), data.begin() + 3, data.end());
  return reply;
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const DnsQuestion question{.name = "a.test", .type = kTypes[data[0] % std::size(kTypes)]};
  const std::span<const std::uint8_t> rest(data + 2, size - 2);
  if (data[1] % 2 == 0 || rest.size() < kHeaderBytes) {
    check(rest, question);
  } else {
    check(with_question(rest, question), question);
  }
  return 0;
}
