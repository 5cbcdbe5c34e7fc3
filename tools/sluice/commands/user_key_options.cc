#include "commands/user_key_options.h"

#include <CLI/CLI.hpp>
#include <utility>

#include "core/config_problems.h"
#include "core/config_reader.h"
#include "relay/user_keys.h"

namespace sluice::commands {

namespace {

ConfigNode node_of(const std::vector<std::string>& values, const ConfigPlace& place) {
  ConfigNode list = ConfigNode::of_list(place);
  for (const auto& value : values) list.items.push_back(ConfigNode::of_text(value, place));
  return list;
}

ConfigNode node_of(std::int64_t value, const ConfigPlace& place) {
  ConfigNode node = ConfigNode::of_text({}, place);
  node.kind = ConfigNode::Kind::integer;
  node.integer = value;
  return node;
}

ConfigNode node_of_flag(bool value) {
  ConfigNode node = ConfigNode::of_text({}, {});
  node.kind = ConfigNode::Kind::boolean;
  node.boolean = value;
  return node;
}

}  // namespace

void UserKeyOptions::add_to(CLI::App& command) {
  add_option(command, {"--sender", "senders", Form::list, {}},
             "Reverse-path that the user may send with, such as \"*@example.com\"; several may be "
             "given.");
  command.get_option("--sender")->required();
  add_option(command, {"--from", "from", Form::list, {}},
             "The same for From: addresses. Default: as --sender.");
  add_option(command, {"--network", "networks", Form::list, {}},
             "Network he may come from; several may be given. Default: anywhere.");
  add_option(command, {"--class", "classes", Form::list, {}},
             "Class that his messages may claim; several may be given.");
  add_option(command, {"--pool", "pools", Form::list, {}},
             "Pool that his messages may claim; several may be given.");
  add_option(command, {"--tenant", "tenant", Form::text, {}},
             "The tenant to whom his mail belongs.");
  add_option(command, {"--accept-rate", "accept_rate", Form::text, {}},
             "Recipients, such as \"1,000/min\".");
  add_option(command, {"--message-size", "message_size", Form::text, {}},
             "Largest message, such as \"10MB\".");
  command.add_option("--recipients", recipients_, "Recipients of one message.");
  command.add_flag("--null-sender", has_null_sender_, "He may send with the reverse-path <>.");
  command.add_flag("--disabled", is_disabled_, "He may not authenticate until `user enable`.");
}

Result<relay::UserSettings> UserKeyOptions::read(const std::string& name) const {
  ConfigProblems problems;
  relay::UserSettings user;
  user.name = name;
  read_config_table(document(), {}, relay::kUserKeys, user, problems);
  if (problems.empty()) return user;
  return fail(ErrorCode::invalid_argument, join_problems(problems.sorted()));
}

void UserKeyOptions::add_option(CLI::App& command, Text text, const char* help) {
  Text& kept = *texts_.emplace_back(std::make_unique<Text>(std::move(text)));
  command.add_option(kept.option, kept.values, help)->allow_extra_args(false);
}

ConfigNode UserKeyOptions::document() const {
  ConfigNode root = ConfigNode::of_table({});
  for (const auto& text : texts_) {
    if (text->values.empty()) continue;
    const ConfigPlace place{text->option};
    root.add(text->key, text->form == Form::list ? node_of(text->values, place)
                                                 : ConfigNode::of_text(text->values.back(), place));
  }
  if (recipients_) root.add("recipients_per_message", node_of(*recipients_, {"--recipients"}));
  root.add("null_sender", node_of_flag(has_null_sender_));
  root.add("enabled", node_of_flag(!is_disabled_));
  return root;
}

}  // namespace sluice::commands
