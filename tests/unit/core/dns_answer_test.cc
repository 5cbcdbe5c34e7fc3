#include "core/dns_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/core/dns_reply.h"

namespace sluice {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr unsigned kA = 1;
constexpr unsigned kCname = 5;
constexpr unsigned kSoa = 6;
constexpr unsigned kMx = 15;
constexpr unsigned kTxt = 16;
constexpr unsigned kAaaa = 28;
constexpr unsigned kTlsa = 52;

const DnsQuestion kAskMx{.name = "a.test", .type = DnsType::mx};
const DnsQuestion kAskA{.name = "a.test", .type = DnsType::a};

DnsAnswer parsed(const DnsReply& reply, const DnsQuestion& question) {
  auto answer = parse_dns_answer(reply.bytes(), question);
  EXPECT_TRUE(answer.has_value()) << answer.error().sentence();
  return answer ? *answer : DnsAnswer();
}

TEST(DnsAnswer, HasTheMxRecordsWithTheirPreferences) {
  const auto answer = parsed(DnsReply(kAskMx)
                                 .answer("a.test", kMx, 300, mx_data(20, "MX2.test"))
                                 .answer("A.Test", kMx, 60, mx_data(10, "mx1.test"))
                                 .answer("b.test", kMx, 1, mx_data(5, "other.test")),
                             kAskMx);
  EXPECT_EQ(answer.status, DnsStatus::found);
  EXPECT_THAT(answer.exchanges, ElementsAre(MxRecord{20, "mx2.test"}, MxRecord{10, "mx1.test"}));
  EXPECT_EQ(answer.ttl, seconds(60));
  EXPECT_FALSE(answer.is_authentic);
}

TEST(DnsAnswer, HasTheNullMxAsAnEmptyName) {
  const auto answer = parsed(DnsReply(kAskMx).answer("a.test", kMx, 1, mx_data(0, "")), kAskMx);
  EXPECT_THAT(answer.exchanges, ElementsAre(MxRecord{0, ""}));
}

TEST(DnsAnswer, HasAddressesOfBothKinds) {
  const auto v4 = parsed(DnsReply(kAskA).answer("a.test", kA, 1, {192, 0, 2, 1}), kAskA);
  EXPECT_THAT(v4.addresses, ElementsAre(*IpAddress::parse("192.0.2.1")));
  const DnsQuestion ask{.name = "a.test", .type = DnsType::aaaa};
  const DnsBytes bytes{0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  const auto v6 = parsed(DnsReply(ask).answer("a.test", kAaaa, 1, bytes), ask);
  EXPECT_THAT(v6.addresses, ElementsAre(*IpAddress::parse("2001:db8::1")));
}

TEST(DnsAnswer, JoinsTheStringsOfATextRecord) {
  const DnsQuestion ask{.name = "a.test", .type = DnsType::txt};
  const auto answer =
      parsed(DnsReply(ask).answer("a.test", kTxt, 1, {2, 'v', '=', 0, 1, '1'}), ask);
  EXPECT_THAT(answer.texts, ElementsAre("v=1"));
}

TEST(DnsAnswer, HasTlsaRecords) {
  const DnsQuestion ask{.name = "_25._tcp.a.test", .type = DnsType::tlsa};
  const auto answer =
      parsed(DnsReply(ask).flag(0x20).answer(ask.name, kTlsa, 1, {3, 1, 1, 0xAB, 0xCD}), ask);
  EXPECT_THAT(answer.associations, ElementsAre(TlsaRecord{3, 1, 1, {0xAB, 0xCD}}));
  EXPECT_TRUE(answer.is_authentic);
}

TEST(DnsAnswer, FollowsAliasesInWhateverOrderTheyStand) {
  const auto answer = parsed(DnsReply(kAskMx)
                                 .answer("c.test", kMx, 300, mx_data(10, "mx.test"))
                                 .answer("b.test", kCname, 20, dns_name("c.test"))
                                 .answer("a.test", kCname, 30, dns_name("b.test")),
                             kAskMx);
  EXPECT_EQ(answer.name, "c.test");
  EXPECT_THAT(answer.exchanges, ElementsAre(MxRecord{10, "mx.test"}));
  EXPECT_EQ(answer.ttl, seconds(20));
}

TEST(DnsAnswer, TellsOfAnAliasWhoseTargetIsNotInTheReply) {
  const auto open =
      parsed(DnsReply(kAskMx).answer("a.test", kCname, 30, dns_name("b.other")), kAskMx);
  EXPECT_TRUE(open.is_unfinished);
  EXPECT_EQ(open.name, "b.other");
  const auto closed = parsed(DnsReply(kAskMx)
                                 .answer("a.test", kCname, 30, dns_name("b.other"))
                                 .authority("other", kSoa, 60, soa_data(60)),
                             kAskMx);
  EXPECT_FALSE(closed.is_unfinished);
  EXPECT_EQ(closed.status, DnsStatus::no_data);
}

TEST(DnsAnswer, HoldsForAsLongAsTheZoneSaysWhenThereIsNothing) {
  const auto none = parsed(DnsReply(kAskMx).authority("test", kSoa, 900, soa_data(600)), kAskMx);
  EXPECT_EQ(none.status, DnsStatus::no_data);
  EXPECT_EQ(none.ttl, seconds(600));
  const auto missing =
      parsed(DnsReply(kAskMx, 3).authority("test", kSoa, 100, soa_data(600)), kAskMx);
  EXPECT_EQ(missing.status, DnsStatus::no_such_name);
  EXPECT_EQ(missing.ttl, seconds(100));
  EXPECT_EQ(parsed(DnsReply(kAskMx, 3), kAskMx).ttl, seconds(0));
}

TEST(DnsAnswer, TakesNoMoreRecordsThanItsBound) {
  DnsReply full(kAskA);
  for (std::size_t i = 0; i < kDnsRecordsMax; ++i) full.answer("a.test", kA, 1, {192, 0, 2, 1});
  EXPECT_EQ(parsed(full, kAskA).addresses.size(), kDnsRecordsMax);
  full.answer("a.test", kA, 1, {192, 0, 2, 1});
  EXPECT_EQ(parsed(full, kAskA).addresses.size(), kDnsRecordsMax);
}

TEST(DnsAnswer, FollowsAsManyAliasesAsItsBoundAndNoMore) {
  const auto chain = [](unsigned count) {
    DnsReply reply(kAskA);
    std::string name = "a.test";
    for (unsigned i = 0; i < count; ++i) {
      const std::string next = "n" + std::to_string(i) + ".test";
      reply.answer(name, kCname, 1, dns_name(next));
      name = next;
    }
    reply.answer(name, kA, 1, {192, 0, 2, 1});
    return parse_dns_answer(reply.bytes(), kAskA);
  };
  EXPECT_TRUE(chain(kDnsAliasesMax).has_value());
  EXPECT_FALSE(chain(kDnsAliasesMax + 1).has_value());
}

struct WrongReply {
  const char* name;
  DnsBytes bytes;
  ErrorCode code;
  const char* sentence;
};

DnsBytes cut(DnsBytes bytes, std::size_t by) {
  bytes.resize(bytes.size() - by);
  return bytes;
}

// A name in the answer that is a pointer to itself, right behind the question.
DnsBytes pointing_to_itself() {
  DnsBytes bytes = DnsReply(kAskA).bytes();
  bytes[7] = 1;  // one answer
  const auto here = static_cast<std::uint8_t>(bytes.size());
  bytes.insert(bytes.end(), {0xC0, here, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 192, 0, 2, 1});
  return bytes;
}

std::string name_of_row(const testing::TestParamInfo<WrongReply>& row) { return row.param.name; }

class DnsReplyTable : public testing::TestWithParam<WrongReply> {};
TEST_P(DnsReplyTable, IsRefused) {
  const auto answer = parse_dns_answer(GetParam().bytes, kAskA);
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code(), GetParam().code);
  EXPECT_THAT(answer.error().sentence(), HasSubstr(GetParam().sentence));
}

const DnsReply kRight = DnsReply(kAskA).answer("a.test", kA, 1, {192, 0, 2, 1});

INSTANTIATE_TEST_SUITE_P(
    Replies, DnsReplyTable,
    testing::Values(
        WrongReply{"empty", {}, ErrorCode::syntax, "header"},
        WrongReply{"short_header", cut(DnsReply(kAskA).bytes(), 13), ErrorCode::syntax, "header"},
        WrongReply{"servfail", DnsReply(kAskA, 2).bytes(), ErrorCode::refused, "SERVFAIL"},
        WrongReply{"refused", DnsReply(kAskA, 5).bytes(), ErrorCode::refused, "REFUSED"},
        WrongReply{"unknown_code", DnsReply(kAskA, 11).bytes(), ErrorCode::refused, "code 11"},
        WrongReply{"other_question", DnsReply(kAskMx).bytes(), ErrorCode::syntax, "another"},
        WrongReply{"other_name", DnsReply({.name = "b.test", .type = DnsType::a}).bytes(),
                   ErrorCode::syntax, "another"},
        WrongReply{"a_query", encode_dns_query(kAskA, 7), ErrorCode::syntax, "query"},
        WrongReply{"cut_record", cut(kRight.bytes(), 1), ErrorCode::syntax, "longer"},
        WrongReply{"cut_header_of_record", cut(kRight.bytes(), 7), ErrorCode::syntax, "ends"},
        WrongReply{"five_bytes_of_address",
                   DnsReply(kAskA).answer("a.test", kA, 1, {1, 2, 3, 4, 5}).bytes(),
                   ErrorCode::syntax, "four"},
        WrongReply{"aliases_in_a_circle",
                   DnsReply(kAskA)
                       .answer("a.test", kCname, 1, dns_name("b.test"))
                       .answer("b.test", kCname, 1, dns_name("a.test"))
                       .bytes(),
                   ErrorCode::syntax, "circle"},
        WrongReply{"pointer_to_itself", pointing_to_itself(), ErrorCode::syntax, "itself"}),
    name_of_row);

TEST(DnsAnswer, WritesDotsWithinALabelSoThatTheySeparateNothing) {
  const DnsBytes odd{0, 10, 3, 'a', '.', 'b', 4, 't', 'e', 's', 't', 0};
  const auto answer = parsed(DnsReply(kAskMx).answer("a.test", kMx, 1, odd), kAskMx);
  EXPECT_EQ(answer.exchanges.at(0).exchange, "a\\046b.test");
}

}  // namespace
}  // namespace sluice
