#include "core/secret_setting.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "core/descriptor.h"

namespace sluice {

namespace {

Result<Secret> secret_of(std::string text, std::string_view where) {
  if (text.empty()) {
    return fail(ErrorCode::not_found, fmt::format("found nothing in {}, expected a secret", where));
  }
  return Secret(std::move(text));
}

Result<Secret> fetch_from_environment(const std::string& name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment
  const char* const value = std::getenv(name.c_str());
  const std::string where = fmt::format("the environment variable {}", name);
  if (value == nullptr) return fail(ErrorCode::not_found, where + " is not set");
  const std::string_view text = value;
  if (text.size() > kSecretBytesMax) {
    return fail(ErrorCode::limit_exceeded, where + " is longer than 64KiB");
  }
  return secret_of(std::string(text), where);
}

// A pipe or device could keep the reader waiting, or never end.
Result<void> require_regular_file(int descriptor) {
  struct ::stat status{};
  if (::fstat(descriptor, &status) != 0) {
    return std::unexpected(system_error("cannot be examined", errno));
  }
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::invalid_argument, "is no regular file");
  return {};
}

Result<std::string> read_secret(int descriptor) {
  if (auto regular = require_regular_file(descriptor); !regular) {
    return std::unexpected(std::move(regular).error());
  }
  std::string text(kSecretBytesMax + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(descriptor, text.data() + size, text.size() - size);
    if (got < 0) return std::unexpected(system_error("cannot be read", errno));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > kSecretBytesMax) return fail(ErrorCode::limit_exceeded, "is longer than 64KiB");
  std::string secret = text.substr(0, size);
  wipe(text);
  if (secret.ends_with('\n')) secret.pop_back();
  if (secret.ends_with('\r')) secret.pop_back();
  return secret;
}

Result<Secret> fetch_from_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return std::unexpected(system_error(path + " cannot be opened", errno));
  auto text = read_secret(descriptor);
  close_descriptor(descriptor);
  if (!text) return fail(text.error().code(), path + ' ' + text.error().sentence());
  return secret_of(*std::move(text), path);
}

}  // namespace

Result<Secret> fetch_secret(const SecretSetting& setting) {
  const bool is_file = setting.source == SecretSetting::Source::file;
  return is_file ? fetch_from_file(setting.name) : fetch_from_environment(setting.name);
}

void keep_secret(SecretSetting& setting, ConfigPlace place, std::string key,
                 ConfigProblems& problems) {
  auto secret = fetch_secret(setting);
  if (secret) {
    setting.value = *std::move(secret);
  } else {
    problems.add(std::move(place), std::move(key), secret.error().sentence());
  }
}

std::optional<SecretSetting> ConfigType<SecretSetting>::from(const ConfigNode& node) {
  if (node.kind != ConfigNode::Kind::table || node.entries.size() != 1) return std::nullopt;
  const ConfigEntry& entry = node.entries.front();
  const auto name = ConfigType<std::string>::from(entry.value);
  if (!name || name->empty()) return std::nullopt;

  using enum SecretSetting::Source;
  if (entry.name == "env" && name->find('=') == std::string::npos) {
    return SecretSetting{.source = environment, .name = *name, .value = {}};
  }
  if (entry.name == "file") return SecretSetting{.source = file, .name = *name, .value = {}};
  return std::nullopt;
}

std::string ConfigType<SecretSetting>::show(const SecretSetting& setting) {
  const bool is_file = setting.source == SecretSetting::Source::file;
  return fmt::format("{{ {} = {} }}", is_file ? "file" : "env", quote_config_text(setting.name));
}

}  // namespace sluice
