// One question to the running relay, and its one line of answer.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "commands/control_options.h"
#include "core/error.h"
#include "relay/control_protocol.h"

namespace sluice::commands {

// The relay's answer as it came, a line of JSON. An Error says where no relay could be asked.
Result<std::string> ask_relay(const ControlOptions& options, const relay::ControlRequest& request);

// The same as an object. A relay that refuses gives an Error with its own words.
Result<nlohmann::ordered_json> parse_answer(const std::string& line);

}  // namespace sluice::commands
