#include "commands/relay_question.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "relay/control_client.h"

namespace sluice::commands {

Result<std::string> ask_relay(const ControlOptions& options, const relay::ControlRequest& request) {
  SLUICE_TRY(path, control_socket(options));
  SLUICE_TRY(client, relay::ControlClient::connect(path));
  if (auto sent = client.send(request); !sent) return std::unexpected(std::move(sent).error());
  SLUICE_TRY(line, client.read_line());
  if (line) return *std::move(line);
  return fail(ErrorCode::end_of_stream, "the relay closed the connection without an answer");
}

Result<nlohmann::ordered_json> parse_answer(const std::string& line) {
  auto answer = nlohmann::ordered_json::parse(line, nullptr, false);
  if (!answer.is_object()) return fail(ErrorCode::syntax, "the relay's answer is no JSON object");
  const auto ok = answer.find("ok");
  if (ok != answer.end() && *ok == true) return answer;
  const auto error = answer.find("error");
  const bool is_told = error != answer.end() && error->is_string();
  return fail(ErrorCode::refused, is_told ? error->get<std::string>() : "the relay refused");
}

}  // namespace sluice::commands
