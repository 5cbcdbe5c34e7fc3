// The keys of [[user]], declared once for the configuration and for user_file. The order is that of
// the reference.
#pragma once

#include <tuple>

#include "core/config_schema.h"
#include "relay/user.h"

namespace sluice::relay {

constexpr auto kUserKeys = std::tuple{
    key("name", &UserSettings::name, "The name with which a client authenticates.")
        .unset("none: each user needs one"),
    key("password", &UserSettings::password,
        "The password, named and not written: { env = \"NAME\" } or { file = \"path\" }, or a list "
        "of two while it is changed. Either this or hash.")
        .unset("none"),
    key("hash", &UserSettings::hash,
        "The password's hash, as `sluice user hash` prints it, or a list of two while it is "
        "changed. Either this or password.")
        .unset("none"),
    key("tenant", &UserSettings::tenant, "The tenant to whom the user's mail belongs.")
        .unset("none"),
    key("enabled", &UserSettings::enabled, "Whether the user may authenticate."),
    key("senders", &UserSettings::senders,
        "Reverse-paths with which the user may send: \"*@example.com\", \"*@*.example.com\" for "
        "the domains below it, \"news@example.com\", or \"*\" for any.")
        .unset("none: each user needs one"),
    key("from", &UserSettings::from, "From: addresses with which the user may send.")
        .unset("as senders"),
    key("null_sender", &UserSettings::null_sender,
        "Whether the user may send with the reverse-path <>: for a mail server that forwards its "
        "bounces."),
    key("networks", &UserSettings::networks, "Networks from which the user may authenticate.")
        .unset("anywhere"),
    key("classes", &UserSettings::classes,
        "Classes that the user's messages may claim: \"bulk\", \"transactional\"."),
    key("pools", &UserSettings::pools, "Pools of sources that the user's messages may claim."),
    key("accept_rate", &UserSettings::accept_rate,
        "Recipients that are accepted; beyond it the answer is 450 4.7.1. A tenth of the amount "
        "may come at once, unless max_burst says otherwise.")
        .unset("no limit"),
    key("message_size", &UserSettings::message_size, range(ByteCount(1000), gibibytes(2)),
        "The largest message of the user that is accepted.")
        .unset("limits.message_size"),
    key("recipients_per_message", &UserSettings::recipients_per_message, range(1, 50'000),
        "Recipients of one message of the user.")
        .unset("limits.recipients_per_message"),
};

}  // namespace sluice::relay
