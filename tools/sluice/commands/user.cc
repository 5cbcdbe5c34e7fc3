// Every edit is one reading and one atomic rewriting of the file (relay/user_file). The running
// relay looks at the file each second, so that nobody need tell it.
#include "commands/user.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "commands/new_password.h"
#include "commands/text_table.h"
#include "commands/user_key_options.h"
#include "core/config_file.h"
#include "relay/config.h"
#include "relay/user_file.h"

namespace sluice::commands {
namespace {

using relay::PasswordHash;
using relay::UserFileEdit;
using relay::UserSettings;

// Which file, and which user of it.
struct UserOptions {
  std::string file;
  std::string config_file;
  std::string name;
};

// What --config says: the file of users, and the users that it names itself.
Result<relay::RelayConfig> read_configuration(const std::string& path) {
  ConfigProblems problems;
  const ConfigNode document = read_config_file(path, problems);
  auto config = relay::read_config(document, problems);
  if (problems.empty()) return config;
  return fail(ErrorCode::invalid_argument, join_problems(problems.sorted()));
}

Result<std::string> user_file_of(const UserOptions& options) {
  if (!options.file.empty()) return options.file;
  if (options.config_file.empty()) return relay::default_user_file(relay::RelayConfig().spool);
  SLUICE_TRY(config, read_configuration(options.config_file));
  return config.user_file;
}

Result<void> refuse_user_of_configuration(const UserOptions& options) {
  if (options.config_file.empty()) return {};
  SLUICE_TRY(config, read_configuration(options.config_file));
  if (std::ranges::find(config.users, options.name, &UserSettings::name) == config.users.end()) {
    return {};
  }
  return fail(ErrorCode::already_exists,
              fmt::format("{} names the user \"{}\" itself", options.config_file, options.name));
}

Result<UserSettings*> user_to_change(UserFileEdit& edit, const UserOptions& options) {
  UserSettings* const user = edit.find(options.name);
  if (user != nullptr) return user;
  return fail(ErrorCode::not_found,
              fmt::format("the file of users does not name \"{}\"; users of the configuration are "
                          "changed there",
                          options.name));
}

void tell(const std::string& what, const std::string& file) {
  fmt::print("{} in {}. A running relay takes it over within a second.\n", what, file);
}

// Changes one user of the file.
using Change = std::function<Result<void>(UserSettings&)>;
Result<void> change_user(const UserOptions& options, const Change& change, const char* done) {
  SLUICE_TRY(file, user_file_of(options));
  SLUICE_TRY(edit, UserFileEdit::begin(file));
  SLUICE_TRY(user, user_to_change(edit, options));
  if (auto changed = change(*user); !changed) return changed;
  if (auto committed = edit.commit(); !committed) return committed;
  tell(fmt::format("User \"{}\" {}", options.name, done), file);
  return {};
}

void print_generated(const PasswordOptions& options, const Secret& password) {
  if (options.is_generated) fmt::print("Password: {}\n", password.reveal());
}

std::shared_ptr<UserOptions> add_file_options(CLI::App& command) {
  auto options = std::make_shared<UserOptions>();
  command.add_option("--user-file", options->file, "The file of users.")
      ->type_name("FILE")
      ->default_str(relay::default_user_file(relay::RelayConfig().spool));
  command
      .add_option("--config", options->config_file,
                  "The configuration, which says where the file of users is.")
      ->type_name("FILE")
      ->excludes("--user-file");
  return options;
}

std::shared_ptr<UserOptions> add_user_options(CLI::App& command) {
  auto options = add_file_options(command);
  command.add_option("NAME", options->name, "The user's name.")->required();
  return options;
}

using Action = std::function<Result<void>()>;
void run_as(CLI::App& command, ExitStatus& status, Action action) {
  command.callback([action = std::move(action), &status] {
    const auto done = action();
    if (done) return;
    fmt::print(stderr, "sluice user: {}\n", done.error().sentence());
    status.value = kExitFailed;
  });
}

// A user as the file would hold him, with everything that is wrong with him.
Result<void> check_user(const UserSettings& user) {
  ConfigProblems problems;
  relay::UserNames names;
  relay::check_user_rules({user}, ConfigNode::of_table({"user"}), names, problems);
  if (problems.empty()) return {};
  return fail(ErrorCode::invalid_argument, join_problems(problems.sorted()));
}

Result<void> add_user(const UserOptions& options, const UserKeyOptions& keys,
                      const PasswordOptions& password_options) {
  SLUICE_TRY(file, user_file_of(options));
  if (auto free = refuse_user_of_configuration(options); !free) return free;
  SLUICE_TRY(user, keys.read(options.name));
  user.hash.push_back(PasswordHash::of_nobody());  // until the password is known
  if (auto right = check_user(user); !right) return right;
  SLUICE_TRY(password, obtain_password(password_options));
  SLUICE_TRY(hash, PasswordHash::make(password));
  user.hash.front() = std::move(hash);

  SLUICE_TRY(edit, UserFileEdit::begin(file));
  if (edit.find(options.name) != nullptr) {
    return fail(ErrorCode::already_exists,
                fmt::format("{} names the user \"{}\" already", file, options.name));
  }
  edit.users().push_back(std::move(user));
  if (auto committed = edit.commit(); !committed) return committed;
  print_generated(password_options, password);
  tell(fmt::format("User \"{}\" is", options.name), file);
  return {};
}

Result<void> remove_user(const UserOptions& options) {
  SLUICE_TRY(file, user_file_of(options));
  SLUICE_TRY(edit, UserFileEdit::begin(file));
  SLUICE_TRY(user, user_to_change(edit, options));
  edit.users().erase(edit.users().begin() + (user - edit.users().data()));
  if (auto committed = edit.commit(); !committed) return committed;
  tell(fmt::format("User \"{}\" is no longer", options.name), file);
  return {};
}

// The new password beside the one that he has.
Result<void> start_rotation(const UserOptions& options, const PasswordOptions& password_options) {
  SLUICE_TRY(password, obtain_password(password_options));
  SLUICE_TRY(hash, PasswordHash::make(password));
  const auto change = [&](UserSettings& user) -> Result<void> {
    if (!user.password.empty()) {
      return fail(ErrorCode::invalid_argument,
                  "the file says where his password is, which is changed there");
    }
    if (user.hash.size() >= relay::kUserPasswordsMax) {
      return fail(ErrorCode::already_exists,
                  "he has two passwords already: drop the old one with --finish");
    }
    user.hash.push_back(hash);
    return {};
  };
  auto changed = change_user(options, change,
                             "has a new password beside the old one, until `rotate --finish`,");
  if (changed) print_generated(password_options, password);
  return changed;
}

Result<void> finish_rotation(const UserOptions& options) {
  const auto change = [](UserSettings& user) -> Result<void> {
    if (user.hash.size() < 2) {
      return fail(ErrorCode::not_found, "he has one password: there is no old one to drop");
    }
    user.hash.erase(user.hash.begin());
    return {};
  };
  return change_user(options, change, "has the new password alone");
}

std::vector<std::string> shown(const std::vector<relay::SenderPattern>& patterns) {
  std::vector<std::string> texts;
  texts.reserve(patterns.size());
  for (const auto& pattern : patterns) texts.push_back(pattern.to_string());
  return texts;
}

std::vector<std::string> shown(const std::vector<IpNetwork>& networks) {
  std::vector<std::string> texts;
  texts.reserve(networks.size());
  for (const auto& network : networks) texts.push_back(network.to_string());
  return texts;
}

std::size_t passwords_of(const UserSettings& user) {
  return user.password.size() + user.hash.size();
}

void print_table(const std::vector<UserSettings>& users) {
  TextTable table({{"USER"},
                   {"TENANT"},
                   {"ENABLED"},
                   {"PASSWORDS", TextTable::Align::right},
                   {"SENDERS"},
                   {"NETWORKS"},
                   {"ACCEPT RATE"}});
  for (const UserSettings& user : users) {
    const std::string networks = fmt::format("{}", fmt::join(shown(user.networks), " "));
    table.add({user.name, user.tenant.empty() ? "-" : user.tenant, user.enabled ? "yes" : "no",
               std::to_string(passwords_of(user)),
               fmt::format("{}", fmt::join(shown(user.senders), " ")),
               networks.empty() ? "anywhere" : networks,
               user.accept_rate ? show_rate(*user.accept_rate) : "-"});
  }
  fmt::print("{}", table.to_string());
}

void print_json(const std::vector<UserSettings>& users) {
  auto list = nlohmann::ordered_json::array();
  for (const UserSettings& user : users) {
    nlohmann::ordered_json row = {{"name", user.name},
                                  {"tenant", user.tenant},
                                  {"enabled", user.enabled},
                                  {"passwords", passwords_of(user)},
                                  {"senders", shown(user.senders)},
                                  {"from", shown(user.from)},
                                  {"null_sender", user.null_sender},
                                  {"networks", shown(user.networks)},
                                  {"classes", user.classes},
                                  {"pools", user.pools}};
    if (user.accept_rate) row["accept_rate"] = show_rate(*user.accept_rate);
    if (user.message_size) row["message_size"] = user.message_size->value();
    if (user.recipients_per_message) row["recipients_per_message"] = *user.recipients_per_message;
    list.push_back(std::move(row));
  }
  fmt::print("{}\n", list.dump());
}

enum class ListForm : unsigned char { table, json };

Result<void> list_users(const UserOptions& options, ListForm form) {
  SLUICE_TRY(file, user_file_of(options));
  relay::UserNames names;
  ConfigProblems problems;
  const auto users = relay::read_user_file(file, names, problems).users;
  if (!problems.empty()) {
    return fail(ErrorCode::invalid_argument, join_problems(problems.sorted()));
  }
  const auto print = form == ListForm::json ? &print_json : &print_table;
  print(users);
  return {};
}

Result<void> print_hash(const PasswordOptions& options) {
  SLUICE_TRY(password, obtain_password(options));
  SLUICE_TRY(hash, PasswordHash::make(password));
  fmt::print("{}\n", hash.encoded());
  return {};
}

void add_add_command(CLI::App& user, ExitStatus& status) {
  auto* const command = user.add_subcommand("add", "Add a user to the file.");
  const auto options = add_user_options(*command);
  const auto keys = std::make_shared<UserKeyOptions>();
  keys->add_to(*command);
  const auto password = add_new_password_options(*command);
  command->footer(
      "Example:\n  sluice user add apikey --tenant acme --sender '*@acme.example' "
      "--generate");
  run_as(*command, status, [=] { return add_user(*options, *keys, *password); });
}

void add_remove_command(CLI::App& user, ExitStatus& status) {
  auto* const command = user.add_subcommand("remove", "Take a user out of the file.");
  const auto options = add_user_options(*command);
  command->footer("Example:\n  sluice user remove apikey");
  run_as(*command, status, [=] { return remove_user(*options); });
}

void add_list_command(CLI::App& user, ExitStatus& status) {
  auto* const command = user.add_subcommand("list", "List the users of the file.");
  const auto options = add_file_options(*command);
  const auto as_json = std::make_shared<bool>(false);
  command->add_flag("--json", *as_json, "Print as JSON, on one line.");
  command->footer("Example:\n  sluice user list --json");
  run_as(*command, status,
         [=] { return list_users(*options, *as_json ? ListForm::json : ListForm::table); });
}

void add_hash_command(CLI::App& user, ExitStatus& status) {
  auto* const command =
      user.add_subcommand("hash", "Print the hash of a password, for `hash` of [[user]].");
  const auto password = add_password_options(*command);
  command->footer("Example:\n  sluice user hash --password-file /run/secrets/apikey");
  run_as(*command, status, [=] { return print_hash(*password); });
}

void add_rotate_command(CLI::App& user, ExitStatus& status) {
  auto* const command = user.add_subcommand(
      "rotate", "Give a user a new password; the old one is valid until --finish.");
  const auto options = add_user_options(*command);
  const auto password = add_new_password_options(*command);
  const auto finishes = std::make_shared<bool>(false);
  command->add_flag("--finish", *finishes, "Drop the old password.")
      ->excludes("--generate")
      ->excludes("--password-file");
  command->footer(
      "Example:\n  sluice user rotate apikey --generate\n"
      "  sluice user rotate apikey --finish");
  run_as(*command, status, [=] {
    return *finishes ? finish_rotation(*options) : start_rotation(*options, *password);
  });
}

enum class MayLogIn : unsigned char { no, yes };

void add_enabling_command(CLI::App& user, MayLogIn may, ExitStatus& status) {
  const bool is_enabled = may == MayLogIn::yes;
  const std::string name = is_enabled ? "enable" : "disable";
  auto* const command = user.add_subcommand(
      name, is_enabled ? "Let a user authenticate again." : "Keep a user from authenticating.");
  const auto options = add_user_options(*command);
  command->footer("Example:\n  sluice user " + name + " apikey");
  run_as(*command, status, [=] {
    const auto change = [=](UserSettings& settings) -> Result<void> {
      settings.enabled = is_enabled;
      return {};
    };
    return change_user(*options, change, is_enabled ? "is enabled" : "is disabled");
  });
}

}  // namespace

void add_user_command(CLI::App& app, ExitStatus& status) {
  auto* const command = app.add_subcommand("user", "Edit the users who may submit mail.");
  add_add_command(*command, status);
  add_remove_command(*command, status);
  add_list_command(*command, status);
  add_hash_command(*command, status);
  add_rotate_command(*command, status);
  add_enabling_command(*command, MayLogIn::yes, status);
  add_enabling_command(*command, MayLogIn::no, status);
  command->footer("Example:\n  sluice user list");
}

}  // namespace sluice::commands
