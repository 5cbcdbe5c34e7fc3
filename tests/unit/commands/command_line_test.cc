#include "commands/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "commands/check.h"
#include "commands/config.h"
#include "commands/drain.h"
#include "commands/queue.h"
#include "commands/release.h"
#include "commands/serve.h"
#include "commands/spool.h"
#include "commands/user.h"
#include "commands/version.h"
#include "relay/config.h"
#include "tests/unit/core/temporary_directory.h"

namespace sluice::commands {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::StartsWith;

struct Output {
  int status;
  std::string out;
  std::string err;
};

// What `sluice ARGUMENTS...` prints and returns.
Output run(std::vector<std::string> arguments) {
  CLI::App app("sluice: a bulk mail transfer agent", "sluice");
  ExitStatus status;
  add_serve_command(app, status);
  add_check_command(app, status);
  add_config_command(app, status);
  add_queue_command(app, status);
  add_release_command(app, status);
  add_drain_command(app, status);
  add_spool_command(app, status);
  add_user_command(app, status);
  add_version_command(app);

  std::vector<const char*> pointers = {"sluice"};
  for (const std::string& argument : arguments) pointers.push_back(argument.c_str());
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Output output{};
  output.status = run_command_line(app, status, static_cast<int>(pointers.size()), pointers.data());
  output.out = testing::internal::GetCapturedStdout();
  output.err = testing::internal::GetCapturedStderr();
  return output;
}

class CheckCommand : public testing::Test {
 protected:
  std::string write(const std::string& text) {
    const std::string file = directory_.file("sluice.toml");
    std::ofstream(file) << "hostname = \"relay.example\"\n" << text;
    return file;
  }

  TemporaryDirectory directory_;
};

constexpr const char* kRight =
    "[[listener]]\naddress = \"127.0.0.1:2525\"\n[[route]]\nsmart_hosts = \"192.0.2.1:25\"\n";

TEST(CommandLine, AloneItHelps) {
  const auto output = run({});
  EXPECT_EQ(output.status, kExitDone);
  EXPECT_THAT(output.out,
              AllOf(HasSubstr("Usage: sluice"), HasSubstr("check"), HasSubstr("config")));
}

TEST(CommandLine, ACommandWithSubcommandsHelpsWithItself) {
  const auto output = run({"config"});
  EXPECT_EQ(output.status, kExitDone);
  EXPECT_THAT(output.out, AllOf(HasSubstr("Usage: sluice config"), HasSubstr("reference")));
}

TEST(CommandLine, AnUnknownCommandIsAnsweredWithTheKnownOnes) {
  const auto output = run({"chekc"});
  EXPECT_EQ(output.status, kExitUsage);
  EXPECT_THAT(output.err,
              HasSubstr("there is no command \"chekc\"; the commands are serve, check, config"));
  EXPECT_THAT(run({"config", "x"}).err, HasSubstr("the commands are reference, show"));
}

TEST(CommandLine, AWrongOptionIsAUsageError) {
  const auto output = run({"version", "--loud"});
  EXPECT_EQ(output.status, kExitUsage);
  EXPECT_THAT(output.err, AllOf(StartsWith("sluice version: "), HasSubstr("--loud"),
                                HasSubstr("`sluice version --help`")));
  EXPECT_EQ(run({"check"}).status, kExitUsage);
}

TEST(CommandLine, TellsItsVersion) {
  EXPECT_EQ(run({"--version"}).out, "sluice " SLUICE_VERSION "\n");
  EXPECT_EQ(run({"version"}).out, "sluice " SLUICE_VERSION "\n");
}

TEST(CommandLine, EveryCommandShowsAnExample) {
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"serve", "--help"},
                                             {"check", "--help"},
                                             {"config", "reference", "--help"},
                                             {"config", "show", "--help"},
                                             {"queue", "list", "--help"},
                                             {"queue", "show", "--help"},
                                             {"queue", "summary", "--help"},
                                             {"release", "--help"},
                                             {"drain", "--help"},
                                             {"spool", "verify", "--help"},
                                             {"user", "--help"},
                                             {"user", "add", "--help"},
                                             {"user", "remove", "--help"},
                                             {"user", "list", "--help"},
                                             {"user", "hash", "--help"},
                                             {"user", "rotate", "--help"},
                                             {"user", "enable", "--help"},
                                             {"user", "disable", "--help"},
                                             {"version", "--help"}}) {
    EXPECT_THAT(run(arguments).out, ContainsRegex("Examples?:\n  sluice " + arguments[0]));
  }
}

TEST(CommandLine, BoundsTheTimeOfADrain) {
  EXPECT_EQ(run({"drain", "--socket", "/none", "--timeout", "366d"}).status, kExitUsage);
  EXPECT_EQ(run({"drain", "--socket", "/none", "--timeout", "soon"}).status, kExitUsage);
  EXPECT_THAT(run({"drain", "--socket", "/none", "--timeout", "365d"}).err, HasSubstr("/none"));
}

TEST_F(CheckCommand, SummarisesARightFile) {
  const auto file = write(kRight);
  const auto output = run({"check", file});
  EXPECT_EQ(output.status, kExitDone);
  EXPECT_EQ(output.out, file +
                            ": ok\n"
                            "  listener 127.0.0.1:2525, relays for loopback, if every address is\n"
                            "  route * to 192.0.2.1:25\n");
}

TEST_F(CheckCommand, PrintsEveryProblem) {
  const auto file = write("spool = 1\n[limits]\nmemory = \"x\"\n");
  const auto output = run({"check", file});
  EXPECT_EQ(output.status, kExitFailed);
  EXPECT_THAT(output.out, AllOf(HasSubstr(file + ":2:9: spool: found 1"),
                                HasSubstr(file + ":4:10: limits.memory: found \"x\""),
                                HasSubstr("listener: found none")));
}

TEST_F(CheckCommand, TakesSetAsOftenAsItIsGiven) {
  const auto file = write(kRight);
  EXPECT_EQ(run({"check", "--set", "shards=2", "--set", "limits.memory=1GiB", file}).status,
            kExitDone);
  EXPECT_THAT(run({"check", file, "--set", "shards=x"}).out,
              HasSubstr("--set shards: found \"x\""));
}

TEST_F(CheckCommand, PrintsJsonForPrograms) {
  const auto file = write("spool = 1\n");
  const auto wrong = nlohmann::json::parse(run({"check", "--json", file}).out);
  EXPECT_EQ(wrong["ok"], false);
  EXPECT_EQ(wrong["problems"].size(), 2U);
  EXPECT_EQ(wrong["problems"][1]["key"], "spool");
  EXPECT_EQ(wrong["problems"][1]["line"], 2);
  EXPECT_EQ(wrong["problems"][1]["column"], 9);

  const auto right = nlohmann::json::parse(run({"check", "--json", write(kRight)}).out);
  EXPECT_EQ(right["ok"], true);
  EXPECT_TRUE(right["problems"].empty());
  EXPECT_EQ(right["routes"][0]["smart_hosts"][0], "192.0.2.1:25");
}

TEST_F(CheckCommand, ShowPrintsTheEffectiveValues) {
  const auto output = run({"config", "show", write(kRight), "--set", "shards=2"});
  EXPECT_EQ(output.status, kExitDone);
  EXPECT_THAT(output.out, AllOf(HasSubstr("shards = 2\n"), HasSubstr("pipeline_depth = 8\n")));
  const auto wrong = run({"config", "show", write("shards = -1\n")});
  EXPECT_EQ(wrong.status, kExitFailed);
  EXPECT_THAT(wrong.err, HasSubstr("shards: found -1"));
}

TEST(ConfigCommand, PrintsTheReference) {
  EXPECT_EQ(run({"config", "reference"}).out, relay::config_reference());
  EXPECT_EQ(run({"config", "reference", "--markdown"}).out, relay::config_reference_markdown());
}

}  // namespace
}  // namespace sluice::commands
