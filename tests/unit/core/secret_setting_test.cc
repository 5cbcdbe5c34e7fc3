#include "core/secret_setting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>

#include "core/config_file.h"
#include "core/config_reader.h"
#include "core/config_writer.h"
#include "tests/unit/core/temporary_directory.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Source = SecretSetting::Source;

struct Settings {
  std::optional<SecretSetting> password;
  std::vector<SecretSetting> passwords;
};
constexpr auto kKeys = std::tuple{
    key("password", &Settings::password, "One."),
    key("passwords", &Settings::passwords, "Some."),
};

struct Read {
  Settings settings;
  std::vector<std::string> problems;
};

Read read(std::string_view text) {
  ConfigProblems problems;
  const ConfigNode document = parse_config_text(text, "f", problems);
  Read result;
  read_config_table(document, {}, kKeys, result.settings, problems);
  for (const auto& problem : problems.sorted()) result.problems.push_back(problem.to_string());
  return result;
}

TEST(SecretSetting, IsAReferenceToAVariableOrAFile) {
  const auto [settings, problems] =
      read("password = { env = \"NAME\" }\npasswords = [{ file = \"/a\" }, { env = \"B\" }]");
  EXPECT_THAT(problems, ElementsAre());
  EXPECT_EQ(settings.password->source, Source::environment);
  EXPECT_EQ(settings.password->name, "NAME");
  ASSERT_EQ(settings.passwords.size(), 2U);
  EXPECT_EQ(settings.passwords[0].source, Source::file);
  EXPECT_EQ(settings.passwords[0].name, "/a");
  EXPECT_TRUE(settings.passwords[0].value.empty());
}

struct RefusedCase {
  const char* name;
  const char* value;
};
class RefusedSecretSetting : public testing::TestWithParam<RefusedCase> {};

TEST_P(RefusedSecretSetting, NamesThePlaceAndRepeatsNothing) {
  const auto [settings, problems] = read(std::string("password = ") + GetParam().value);
  EXPECT_FALSE(settings.password.has_value());
  EXPECT_THAT(problems, ElementsAre("f:1:12: password: secrets are not written here: use { env = "
                                    "\"NAME\" } or { file = \"path\" }"));
}

INSTANTIATE_TEST_SUITE_P(
    Cases, RefusedSecretSetting,
    testing::Values(RefusedCase{"plain_text", "\"hunter2\""}, RefusedCase{"number", "1234"},
                    RefusedCase{"empty_table", "{}"},
                    RefusedCase{"two_sources", "{ env = \"A\", file = \"b\" }"},
                    RefusedCase{"other_source", "{ text = \"hunter2\" }"},
                    RefusedCase{"empty_name", "{ env = \"\" }"},
                    RefusedCase{"number_as_name", "{ file = 3 }"},
                    RefusedCase{"assignment", "{ env = \"A=B\" }"}),
    [](const auto& info) { return info.param.name; });

TEST(SecretSetting, IsShownAsTheReferenceThatReadsBack) {
  auto first = read("password = { file = \"/a \\\"b\\\"\" }\npasswords = { env = \"N\" }").settings;
  first.password->value = Secret("hunter2");
  const std::string shown = show_config(first, kKeys);
  EXPECT_EQ(shown, "password = { file = \"/a \\\"b\\\"\" }\npasswords = [{ env = \"N\" }]\n");
  EXPECT_THAT(read(shown).problems, ElementsAre());
}

class FetchSecret : public testing::Test {
 protected:
  Result<Secret> fetch_file(const std::string& content) {
    const std::string path = directory_.file("secret");
    std::ofstream(path) << content;
    return fetch_secret({.source = Source::file, .name = path, .value = {}});
  }

  TemporaryDirectory directory_;
};

TEST_F(FetchSecret, DropsOneLineBreakAtTheEndOfAFile) {
  EXPECT_EQ(fetch_file("hunter2\n")->reveal(), "hunter2");
  EXPECT_EQ(fetch_file("hunter2\r\n")->reveal(), "hunter2");
  EXPECT_EQ(fetch_file("hunter2")->reveal(), "hunter2");
  EXPECT_EQ(fetch_file(" hun\nter2 \n\n")->reveal(), " hun\nter2 \n");
}

TEST_F(FetchSecret, TakesAFileUpToItsBound) {
  EXPECT_EQ(fetch_file(std::string(kSecretBytesMax, 'x'))->size(), kSecretBytesMax);
  const auto longer = fetch_file(std::string(kSecretBytesMax + 1, 'x'));
  ASSERT_FALSE(longer.has_value());
  EXPECT_THAT(longer.error().sentence(), HasSubstr("is longer than 64KiB"));
}

TEST_F(FetchSecret, SaysWhichFileItCannotUse) {
  const auto missing =
      fetch_secret({.source = Source::file, .name = directory_.file("none"), .value = {}});
  EXPECT_THAT(missing.error().sentence(), HasSubstr("none cannot be opened: No such file"));
  EXPECT_THAT(fetch_file("\n").error().sentence(), HasSubstr("found nothing in "));
  const auto directory =
      fetch_secret({.source = Source::file, .name = directory_.path(), .value = {}});
  EXPECT_THAT(directory.error().sentence(), HasSubstr("is no regular file"));
}

TEST_F(FetchSecret, DoesNotWaitForAPipe) {
  const std::string path = directory_.file("pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const auto secret = fetch_secret({.source = Source::file, .name = path, .value = {}});
  EXPECT_THAT(secret.error().sentence(), HasSubstr("is no regular file"));
}

TEST_F(FetchSecret, ReadsTheEnvironment) {
  const SecretSetting setting{
      .source = Source::environment, .name = "SLUICE_TEST_SECRET", .value = {}};
  ASSERT_EQ(::setenv("SLUICE_TEST_SECRET", "hunter2", 1), 0);
  EXPECT_EQ(fetch_secret(setting)->reveal(), "hunter2");
  ASSERT_EQ(::setenv("SLUICE_TEST_SECRET", "", 1), 0);
  EXPECT_THAT(fetch_secret(setting).error().sentence(), HasSubstr("found nothing in "));
  ASSERT_EQ(::unsetenv("SLUICE_TEST_SECRET"), 0);
  EXPECT_EQ(fetch_secret(setting).error().sentence(),
            "the environment variable SLUICE_TEST_SECRET is not set");
}

}  // namespace
}  // namespace sluice
