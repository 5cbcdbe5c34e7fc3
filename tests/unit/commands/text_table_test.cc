#include "commands/text_table.h"

#include <gtest/gtest.h>

namespace sluice::commands {
namespace {

TEST(TextTable, AlignsItsColumns) {
  TextTable table({{"QUEUE"}, {"READY", TextTable::Align::right}, {"WAITS FOR"}});
  table.add({"example.com", "7", "retry"});
  table.add({"a.example", "12345678", ""});
  EXPECT_EQ(table.to_string(),
            "QUEUE           READY  WAITS FOR\n"
            "example.com         7  retry\n"
            "a.example    12345678\n");
}

}  // namespace
}  // namespace sluice::commands
