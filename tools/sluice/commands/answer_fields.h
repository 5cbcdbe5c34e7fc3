// What a relay's answer says at a key, as text. The relay may be of another version: what is
// missing is empty, never an error.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace sluice::commands {

// "-" where there is nothing, or null.
std::string text_at(const nlohmann::ordered_json& object, const char* key);
// Empty where there is none.
const nlohmann::ordered_json& list_at(const nlohmann::ordered_json& object, const char* key);
const nlohmann::ordered_json& object_at(const nlohmann::ordered_json& object, const char* key);

}  // namespace sluice::commands
