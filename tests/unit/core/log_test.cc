#include "core/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/core/temporary_directory.h"

namespace sluice {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;

class LogTest : public testing::Test {
 protected:
  ~LogTest() override {
    close_log();
    EXPECT_TRUE(open_log({}).has_value());  // the level that other tests expect
    close_log();
  }

  std::string path() const { return directory_.file("log"); }

  LogSettings settings(LogFormat format = LogFormat::text) const {
    return {.level = LogLevel::info, .format = format, .file = path()};
  }

  static std::vector<std::string> lines_of(const std::string& file) {
    std::ifstream input(file);
    std::vector<std::string> lines;
    for (std::string line; std::getline(input, line);) lines.push_back(line);
    return lines;
  }

  // The lines that `log` writes.
  std::vector<std::string> lines(LogFormat format, auto log) const {
    EXPECT_TRUE(open_log(settings(format)).has_value());
    log();
    close_log();
    return lines_of(path());
  }

  TemporaryDirectory directory_;
};

TEST_F(LogTest, WritesTimeLevelEventAndFields) {
  const auto written = lines(LogFormat::text, [] {
    SLUICE_LOG(info, "delivery_deferred", {"site", "example.net"}, {"attempts", 3});
  });
  ASSERT_EQ(written.size(), 1U);
  EXPECT_THAT(written[0], MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z info    "
                                       "delivery_deferred site=example.net attempts=3"));
}

TEST_F(LogTest, LeavesOutWhatIsBelowItsLevel) {
  const auto written = lines(LogFormat::text, [] {
    SLUICE_LOG(debug, "unheard");
    SLUICE_LOG(error, "heard");
  });
  ASSERT_EQ(written.size(), 1U);
  EXPECT_THAT(written[0], EndsWith("error   heard"));
}

TEST_F(LogTest, ReopensAfterARotation) {
  ASSERT_TRUE(open_log(settings()).has_value());
  SLUICE_LOG(info, "before");
  const std::string rotated = path() + ".1";
  std::filesystem::rename(path(), rotated);
  reopen_log();
  SLUICE_LOG(info, "after");
  close_log();

  // The first line was still queued or already written: no line is lost either way.
  auto all = lines_of(rotated);
  for (auto& line : lines_of(path())) all.push_back(std::move(line));
  ASSERT_EQ(all.size(), 2U);
  EXPECT_THAT(lines_of(path()).back(), EndsWith("after"));
}

TEST_F(LogTest, AnotherLogTakesThePlaceOfTheOneThatIsOpen) {
  ASSERT_TRUE(open_log(settings()).has_value());
  const std::string other = directory_.file("other");
  const auto prepared =
      prepare_log({.level = LogLevel::warning, .format = LogFormat::json, .file = other});
  ASSERT_TRUE(prepared.has_value());
  SLUICE_LOG(info, "before");
  adopt_log(*prepared);
  SLUICE_LOG(info, "unwanted");
  SLUICE_LOG(warning, "after");
  close_log();

  ASSERT_EQ(lines_of(path()).size(), 1U);
  EXPECT_THAT(lines_of(path()).front(), EndsWith("before"));
  ASSERT_EQ(lines_of(other).size(), 1U);
  EXPECT_THAT(lines_of(other).front(), HasSubstr(R"("event":"after")"));
}

TEST_F(LogTest, SaysWhichFileCannotBeOpened) {
  const auto opened = open_log({.file = directory_.file("missing/log")});
  ASSERT_FALSE(opened.has_value());
  EXPECT_THAT(opened.error().sentence(),
              AllOf(HasSubstr("missing/log"), HasSubstr("No such file")));
}

TEST_F(LogTest, TakesLinesFromManyThreads) {
  const auto written = lines(LogFormat::text, [] {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([thread] {
        for (int i = 0; i < 500; ++i) SLUICE_LOG(info, "e", {"thread", thread}, {"i", i});
      });
    }
  });
  ASSERT_EQ(written.size(), 2000U);
  std::array<int, 4> next{};  // each thread's lines are whole, and in its order
  for (const std::string& line : written) {
    const auto thread = static_cast<std::size_t>(line.at(line.find("thread=") + 7) - '0');
    EXPECT_THAT(line, EndsWith(" e thread=" + std::to_string(thread) +
                               " i=" + std::to_string(next.at(thread)++)));
  }
  EXPECT_THAT(next, testing::Each(500));
}

TEST_F(LogTest, CountsAndReportsTheLinesThatAFullQueueDropped) {
  // Nobody reads the pipe at first, so that the writer waits and the queue fills.
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  const int reader = ::open(path().c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  ASSERT_TRUE(open_log(settings()).has_value());
  const std::uint64_t dropped_before = log_lines_dropped();
  constexpr std::uint64_t kLines = 20'000;
  for (std::uint64_t i = 0; i < kLines; ++i) SLUICE_LOG(info, "e", {"i", i});
  const std::uint64_t dropped = log_lines_dropped() - dropped_before;
  EXPECT_GT(dropped, 0U);

  std::string written;
  std::jthread drain([&] {
    std::array<char, 65536> chunk{};
    while (written.find("event=last") == std::string::npos) {
      const auto count = ::read(reader, chunk.data(), chunk.size());
      if (count <= 0) return;
      written.append(chunk.data(), static_cast<std::size_t>(count));
    }
  });
  close_log();
  ASSERT_TRUE(open_log(settings()).has_value());
  SLUICE_LOG(info, "end", {"event", "last"});
  close_log();
  drain.join();
  ::close(reader);

  std::uint64_t reported = 0;
  for (auto at = written.find("log_lines_dropped count="); at != std::string::npos;
       at = written.find("log_lines_dropped count=", at + 1)) {
    reported += std::stoull(written.substr(at + 24));
  }
  EXPECT_EQ(reported, dropped);
  const auto lines_written = static_cast<std::uint64_t>(std::ranges::count(written, '\n'));
  EXPECT_GE(lines_written, kLines - dropped);
}

TEST_F(LogTest, WritesToStandardErrorBeforeItIsOpened) {
  testing::internal::CaptureStderr();
  SLUICE_LOG(warning, "early", {"reason", "no log yet"});
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              EndsWith("warning early reason=\"no log yet\"\n"));
}

}  // namespace
}  // namespace sluice
