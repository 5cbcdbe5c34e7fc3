#include "smtp/mailbox_list.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::smtp {
namespace {

struct ListCase {
  std::string_view name;
  std::string_view value;
  std::string_view addresses;  // with spaces between them; "refused"
};

class MailboxList : public testing::TestWithParam<ListCase> {};

TEST_P(MailboxList, NamesItsAddresses) {
  const auto list = parse_mailbox_list(GetParam().value);
  std::string addresses;
  if (list) {
    for (const Address& one : *list) addresses += (addresses.empty() ? "" : " ") + one.to_string();
  }
  EXPECT_EQ(list ? addresses : "refused", GetParam().addresses);
}

INSTANTIATE_TEST_SUITE_P(
    Table, MailboxList,
    testing::Values(ListCase{"plain", "a@b.example", "a@b.example"},
                    ListCase{"named", "Alice Ab <a@b.example>", "a@b.example"},
                    ListCase{"quoted_name", "\"Ab, Alice <x@y>\" <a@b.example>", "a@b.example"},
                    ListCase{"two", "Alice <a@b.example>, c@d.example", "a@b.example c@d.example"},
                    ListCase{"comment", "a@b.example (Alice (at home), <x@y>)", "a@b.example"},
                    ListCase{"comment_with_escape", "(a\\)b) a@b.example", "a@b.example"},
                    ListCase{"encoded_name", "=?utf-8?q?Al=C3=ADce?= <a@b.example>", "a@b.example"},
                    ListCase{"quoted_local_part", "\"a,b\"@c.example", "\"a,b\"@c.example"},
                    ListCase{"route", "<@x.example:a@b.example>", "a@b.example"},
                    ListCase{"blanks_in_brackets", "< a@b.example >", "a@b.example"},
                    ListCase{"text_behind", "<a@b.example> Alice", "a@b.example"},
                    ListCase{"empty", "", "refused"}, ListCase{"blank", " ", "refused"},
                    ListCase{"no_address", "Alice", "refused"}, ListCase{"null", "<>", "refused"},
                    ListCase{"open_bracket", "<a@b.example", "refused"},
                    ListCase{"closed_twice", "<a@b.example>>", "refused"},
                    ListCase{"two_brackets", "<a@b.example> <c@d.example>", "refused"},
                    ListCase{"open_quote", "\"Alice <a@b.example>", "refused"},
                    ListCase{"open_comment", "a@b.example (Alice", "refused"},
                    ListCase{"group", "Team: a@b.example;", "refused"},
                    ListCase{"empty_member", "a@b.example,,c@d.example", "refused"},
                    ListCase{"hidden_second", "a@b.example c@d.example", "refused"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(MailboxListBound, IsKept) {
  std::string value = "a@b.example";
  for (std::size_t i = 1; i < kMailboxesMax; ++i) value += ",a@b.example";
  EXPECT_TRUE(parse_mailbox_list(value).has_value());
  EXPECT_FALSE(parse_mailbox_list(value + ",a@b.example").has_value());
}

}  // namespace
}  // namespace sluice::smtp
