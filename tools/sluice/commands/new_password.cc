#include "commands/new_password.h"

#include <fmt/format.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <cstdio>
#include <string_view>
#include <utility>

#include "relay/password_hash.h"
#include "tls/random_bytes.h"

namespace sluice::commands {
namespace {

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

// One more than may be used, so that a longer one is seen.
constexpr std::size_t kReadBytesMax = relay::kPasswordBytesMax + 3;

Result<Secret> checked(std::string password) {
  if (password.ends_with('\n')) password.pop_back();
  if (password.ends_with('\r')) password.pop_back();
  const std::size_t size = password.size();
  // RFC 4616 2: NUL ends the parts of an AUTH PLAIN message.
  const bool has_nul = password.contains('\0');
  Secret secret(std::move(password));
  if (has_nul) return fail(ErrorCode::invalid_argument, "a password cannot hold a NUL byte");
  if (size >= kNewPasswordBytesMin && size <= relay::kPasswordBytesMax) return secret;
  return fail(ErrorCode::invalid_argument,
              fmt::format("found a password of {} bytes, expected {} to {}", size,
                          kNewPasswordBytesMin, relay::kPasswordBytesMax));
}

Result<Secret> read_from(std::FILE* file, const std::string& name) {
  std::string text(kReadBytesMax, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  if (std::ferror(file) != 0) return std::unexpected(system_error(name + " cannot be read", errno));
  return checked(std::move(text));
}

Result<Secret> read_file(const std::string& path) {
  if (path == "-") return read_from(stdin, "standard input");
  const File file(std::fopen(path.c_str(), "re"), &std::fclose);
  if (file == nullptr) return std::unexpected(system_error(path + " cannot be opened", errno));
  return read_from(file.get(), path);
}

// 192 random bits in letters that need no quotes anywhere.
Secret generated_password() {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  static_assert(kLetters.size() == 64);
  std::array<std::uint8_t, 32> bytes{};
  tls::fill_randomly(bytes);
  std::string text;
  text.reserve(bytes.size());
  for (const std::uint8_t byte : bytes) text += kLetters[byte & 63];
  return Secret(std::move(text));
}

// The terminal without echo, until the end of the scope.
class QuietTerminal {
 public:
  explicit QuietTerminal(int descriptor) : descriptor_(descriptor) {
    is_changed_ = ::tcgetattr(descriptor_, &before_) == 0;
    ::termios quiet = before_;
    quiet.c_lflag &= ~static_cast<::tcflag_t>(ECHO);
    if (is_changed_) is_changed_ = ::tcsetattr(descriptor_, TCSAFLUSH, &quiet) == 0;
  }
  QuietTerminal(const QuietTerminal&) = delete;
  QuietTerminal& operator=(const QuietTerminal&) = delete;
  ~QuietTerminal() {
    if (is_changed_) ::tcsetattr(descriptor_, TCSAFLUSH, &before_);
  }
  bool is_quiet() const { return is_changed_; }

 private:
  int descriptor_;
  ::termios before_{};
  bool is_changed_ = false;
};

Result<Secret> ask(std::FILE* terminal, std::string_view question) {
  fmt::print(terminal, "{}", question);
  std::fflush(terminal);
  std::array<char, kReadBytesMax> line{};
  const char* const got = std::fgets(line.data(), line.size(), terminal);
  fmt::print(terminal, "\n");
  if (got == nullptr) return fail(ErrorCode::cancelled, "no password was given");
  Secret secret{std::string(got)};
  ::explicit_bzero(line.data(), line.size());
  return secret;
}

Result<Secret> ask_twice() {
  const File terminal(std::fopen("/dev/tty", "r+e"), &std::fclose);
  if (terminal == nullptr) {
    return fail(ErrorCode::unsupported,
                "there is no terminal to ask at: use --password-file FILE, or --generate where a "
                "user gets a new password");
  }
  const QuietTerminal quiet(::fileno(terminal.get()));
  if (!quiet.is_quiet()) {
    return fail(ErrorCode::unsupported, "the terminal cannot be kept from showing the password");
  }
  SLUICE_TRY(first, ask(terminal.get(), "Password: "));
  SLUICE_TRY(password, checked(std::string(first.reveal())));
  SLUICE_TRY(second, ask(terminal.get(), "The same again: "));
  if (first == second) return password;
  return fail(ErrorCode::invalid_argument, "the two passwords differ");
}

}  // namespace

std::shared_ptr<PasswordOptions> add_password_options(CLI::App& command) {
  auto options = std::make_shared<PasswordOptions>();
  command
      .add_option("--password-file", options->file,
                  "Take the password from a file, \"-\" from standard input; a line break at its "
                  "end is not part of it. Default: ask at the terminal.")
      ->type_name("FILE");
  return options;
}

std::shared_ptr<PasswordOptions> add_new_password_options(CLI::App& command) {
  auto options = add_password_options(command);
  command.add_flag("--generate", options->is_generated, "Make a password, and print it once.")
      ->excludes("--password-file");
  return options;
}

Result<Secret> obtain_password(const PasswordOptions& options) {
  if (options.is_generated) return generated_password();
  return options.file.empty() ? ask_twice() : read_file(options.file);
}

}  // namespace sluice::commands
