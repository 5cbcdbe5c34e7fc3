#include "smtp/line_reader.h"

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/unit/smtp/fake_stream.h"

namespace sluice::smtp {
namespace {

using testing::ElementsAre;

constexpr std::size_t kBytesMax = 10;

class LineReaderTest : public testing::Test {
 protected:
  LineReaderTest() : shard(Shard::open(ShardId(0), 1).value()), stream(*shard) {}

  // The lines until the stream ends; a faulty one by the name of its fault.
  std::vector<std::string> lines() {
    std::vector<std::string> found;
    LineReader reader(stream, kBytesMax);
    shard->run(read_all(reader, stream, found));
    return found;
  }

  static Task<void> read_all(LineReader& reader, FakeStream& source,
                             std::vector<std::string>& found) {
    while (true) {
      const auto line = reader.try_read();
      if (line) found.push_back(describe(*line));
      if (line && line->fault == Line::Fault::endless) co_return;
      if (line) continue;
      const auto filled = co_await source.fill(Deadline::never());
      if (!filled) co_return;
    }
  }

  static std::string describe(const Line& line) {
    switch (line.fault) {
      case Line::Fault::none:
        return std::string(line.text);
      case Line::Fault::too_long:
        return "<too long>";
      case Line::Fault::bare_newline:
        return "<bare newline>";
      case Line::Fault::endless:
        return "<endless>";
    }
    return "";
  }

  std::unique_ptr<Shard> shard;
  FakeStream stream;
};

TEST_F(LineReaderTest, FindsLinesAtAnySplit) {
  for (std::size_t bytes = 1; bytes < 12; ++bytes) {
    stream.feed_split("one\r\n\r\nthree\r\n", bytes);
    EXPECT_THAT(lines(), ElementsAre("one", "", "three"));
  }
}

TEST_F(LineReaderTest, TakesALineOfTheLimitAndNotOneByteMore) {
  for (std::size_t bytes = 1; bytes < 30; ++bytes) {
    stream.feed_split("0123456789\r\n0123456789x\r\nnext\r\n", bytes);
    EXPECT_THAT(lines(), ElementsAre("0123456789", "<too long>", "next"));
  }
}

TEST_F(LineReaderTest, BareNewlinesSpoilTheLineUpToItsCrlf) {
  for (std::size_t bytes = 1; bytes < 12; ++bytes) {
    stream.feed_split("a\nb\nc\r\nd\re\r\nf\r\r\ng\r\n", bytes);
    EXPECT_THAT(lines(), ElementsAre("<bare newline>", "<bare newline>", "<bare newline>", "g"));
  }
}

TEST_F(LineReaderTest, TellsABareNewlineBeforeTheLineEnds) {
  stream.feed("HELO\n");
  EXPECT_THAT(lines(), ElementsAre("<bare newline>"));
}

TEST_F(LineReaderTest, GivesUpALineThatNeverEnds) {
  stream.feed_split(std::string(kDiscardedLineBytesMax, 'x'), 5000);
  EXPECT_THAT(lines(), ElementsAre("<too long>"));
  stream.feed_split(std::string(kDiscardedLineBytesMax + 1, 'x'), 5000);
  EXPECT_THAT(lines(), ElementsAre("<too long>", "<endless>"));
}

TEST_F(LineReaderTest, LeavesWhatFollowsALine) {
  stream.feed("BDAT 3\r\nabc");
  LineReader reader(stream, kBytesMax);
  shard->run([](LineReader& lines, FakeStream& source) -> Task<void> {
    const auto filled = co_await source.fill(Deadline::never());
    EXPECT_TRUE(filled);
    EXPECT_EQ(lines.try_read()->text, "BDAT 3");
    lines.release();
    EXPECT_EQ(source.received(), "abc");
  }(reader, stream));
}

}  // namespace
}  // namespace sluice::smtp
