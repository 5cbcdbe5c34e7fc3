#include "relay/control.h"

#include <span>
#include <utility>

#include "core/assert.h"
#include "core/log.h"
#include "core/shard.h"
#include "core/socket.h"

namespace sluice::relay {
namespace {

constexpr Duration kRequestTimeMax = std::chrono::seconds(5);
constexpr Duration kAnswerTimeMax = std::chrono::seconds(10);
constexpr Duration kFinishTimeMax = std::chrono::seconds(2);
constexpr Duration kProgressEvery = std::chrono::milliseconds(500);
static_assert(kControlRequestBytesMax <= kReceivedBytesMax, "a request fits into a stream");

}  // namespace

ControlServer::ControlServer(Parts parts)
    : shard_(parts.shard),
      report_(parts.report),
      tenants_(std::move(parts.tenants)),
      lifecycle_(parts.lifecycle),
      reloader_(parts.reloader),
      facts_(std::move(parts.facts)),
      accepting_(shard_.run_queue()),
      conversations_(shard_.run_queue()),
      conversation_ended_(shard_) {}

void ControlServer::start(ListenSocket& socket) {
  SLUICE_ASSERT(shard_.is_current(), "the control socket is served by shard 0");
  accepting_.spawn(accept_connections(shard_, socket, [this](const Accepted& accepted) {
    conversations_.spawn(converse(accepted.descriptor));
  }));
}

Task<void> ControlServer::finish() {
  co_await accepting_.close();
  const Deadline deadline = Deadline::in(shard_.clock(), kFinishTimeMax);
  while (open_conversations_ > 0) {
    auto ended = co_await conversation_ended_.wait(deadline);
    if (!ended) break;  // the deadline: whoever is left does not read
  }
  co_await conversations_.close();
}

Task<void> ControlServer::converse(int descriptor) {
  auto stream = adopt_socket(shard_, descriptor, Direction::incoming);
  ++open_conversations_;
  if (open_conversations_ <= kControlConnectionsMax) {
    auto line = co_await read_line(*stream);
    if (line) co_await answer_line(*stream, *std::move(line));
  }
  co_await stream->close();
  --open_conversations_;
  conversation_ended_.notify_all();
}

// The line without its end. A client that sends none in time, or too long a one, gets no answer
// worth having: the connection is closed.
Task<Result<std::string>> ControlServer::read_line(Stream& stream) {
  const Deadline deadline = Deadline::in(shard_.clock(), kRequestTimeMax);
  for (;;) {
    const auto end = stream.received().find('\n');
    if (end != std::string_view::npos) {
      std::string line(stream.received().substr(0, end));
      stream.consume(end + 1);
      co_return line;
    }
    if (auto filled = co_await stream.fill(deadline); !filled) {
      co_return std::unexpected(std::move(filled).error());
    }
  }
}

Task<void> ControlServer::answer_line(Stream& stream, std::string line) {
  auto request = parse_control_request(line);
  const bool is_drain = request && request->command == ControlCommand::drain;
  if (is_drain && !lifecycle_.is_delivery_held()) {
    co_await answer_drain(stream, *std::move(request));
    co_return;
  }
  std::string text;
  if (is_drain) {
    text = answer_error("delivery is held, so that a drain would not end: `sluice release` first");
  } else if (request) {
    text = co_await answer(*std::move(request));
  } else {
    text = answer_error(request.error().sentence());
  }
  auto written = co_await write(stream, std::move(text));
  if (!written) {
    SLUICE_LOG(debug, "control_answer_lost", {"error", written.error().sentence()});
  }
}

Task<std::string> ControlServer::answer(ControlRequest request) {
  switch (request.command) {
    case ControlCommand::queue_show:
      co_return co_await answer_show(std::move(request.id));
    case ControlCommand::release:
      lifecycle_.release_delivery();
      co_return answer_done();
    case ControlCommand::queue_list:
      co_return co_await answer_list(std::move(request));
    case ControlCommand::reload:
      co_return co_await answer_reload(std::move(request));
    case ControlCommand::tenant_list:
    case ControlCommand::tenant_show:
    case ControlCommand::tenant_suspend:
    case ControlCommand::tenant_resume:
      co_return co_await answer_tenant(std::move(request));
    case ControlCommand::queue_summary:
    case ControlCommand::drain:
      break;
  }
  SLUICE_ASSERT(request.command != ControlCommand::drain, "a drain answers in several lines");
  auto overview = co_await report_.overview(request.limit);
  if (!overview) co_return answer_error(overview.error().sentence());
  co_return answer_overview(*overview, facts_(), shard_.clock().wall());
}

Task<std::string> ControlServer::answer_list(ControlRequest request) {
  auto listing = co_await report_.list(request.limit, std::move(request.domain));
  if (!listing) co_return answer_error(listing.error().sentence());
  co_return answer_listing(*listing, shard_.clock().wall());
}

Task<std::string> ControlServer::answer_reload(ControlRequest request) {
  const ReloadMode mode = request.is_dry_run ? ReloadMode::dry_run : ReloadMode::apply;
  auto report = co_await reloader_.reload(mode);
  if (!report) co_return answer_error(report.error().sentence());
  co_return answer_reload_report(*report);
}

// What was changed is shown as it is now.
Task<std::string> ControlServer::answer_tenant(ControlRequest request) {
  if (request.command == ControlCommand::tenant_list) co_return answer_tenants(tenants_.list());
  Result<void> changed;
  if (request.command == ControlCommand::tenant_suspend) {
    changed = co_await tenants_.suspend(request.tenant, request.part);
  }
  if (request.command == ControlCommand::tenant_resume) {
    changed = co_await tenants_.resume(request.tenant, request.part);
  }
  if (!changed) co_return answer_error(changed.error().sentence());
  auto row = tenants_.show(request.tenant);
  if (!row) co_return answer_error(row.error().sentence());
  const std::vector<TenantRow> rows(1, *row);
  co_return answer_tenants(rows);
}

Task<std::string> ControlServer::answer_show(std::string id) {
  auto parsed = spool::MessageId::parse(id);
  if (!parsed) co_return answer_error("\"" + id + "\" is no message id: 26 letters and digits");
  auto envelopes = co_await report_.show(*parsed);
  if (envelopes) co_return answer_message(*parsed, *envelopes, shard_.clock().wall());
  if (envelopes.error().code() != ErrorCode::not_found) {
    co_return answer_error(envelopes.error().sentence());
  }
  co_return answer_error("nothing of " + parsed->to_string() +
                         " is queued: it was delivered, it ended otherwise (see the log), or it "
                         "was never accepted here");
}

// A client that leaves does not end the drain.
Task<void> ControlServer::answer_drain(Stream& stream, ControlRequest request) {
  const Deadline deadline =
      request.timeout ? Deadline::in(shard_.clock(), *request.timeout) : Deadline::never();
  lifecycle_.request_drain(deadline);
  SLUICE_LOG(info, "drain_requested");
  for (;;) {
    const DrainProgress progress = lifecycle_.progress();
    auto written = co_await write(stream, answer_progress(progress));
    if (!written || progress.is_over) co_return;
    const Deadline next = Deadline::in(shard_.clock(), kProgressEvery);
    auto changed = co_await lifecycle_.wait_for_change(next);
    if (!changed && changed.error().code() == ErrorCode::cancelled) co_return;
  }
}

Task<Result<void>> ControlServer::write(Stream& stream, std::string text) {
  const std::string_view piece = text;
  const Deadline deadline = Deadline::in(shard_.clock(), kAnswerTimeMax);
  co_return co_await stream.send(std::span(&piece, 1), deadline);
}

}  // namespace sluice::relay
