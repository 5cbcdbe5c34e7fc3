// ControlServer: answers the commands of the operator on a Unix socket.
//
// One request per connection, bounded in size and time; who may ask is decided by the mode of the
// socket's file. What is asked and answered is relay/control_protocol.h. Lives on shard 0.
#pragma once

#include <functional>
#include <string>

#include "core/event.h"
#include "core/listener.h"
#include "core/task_scope.h"
#include "relay/control_protocol.h"
#include "relay/lifecycle.h"
#include "relay/queue_report.h"
#include "relay/reloader.h"
#include "relay/tenant_control.h"

namespace sluice::relay {

inline constexpr std::size_t kControlConnectionsMax = 64;  // more are closed unanswered

class ControlServer {
 public:
  struct Parts {
    Shard& shard;
    QueueReport report;
    TenantControl tenants;
    Lifecycle& lifecycle;
    Reloader& reloader;
    std::function<RelayFacts()> facts;  // what the relay is, now
  };
  explicit ControlServer(Parts parts);

  void start(ListenSocket& socket);

  // Takes no more requests, lets answers be finished for a moment, then cuts them.
  Task<void> finish();

 private:
  Task<void> converse(int descriptor);
  Task<Result<std::string>> read_line(Stream& stream);
  Task<void> answer_line(Stream& stream, std::string line);
  Task<std::string> answer(ControlRequest request);
  Task<std::string> answer_list(ControlRequest request);
  Task<std::string> answer_show(std::string id);
  Task<std::string> answer_tenant(ControlRequest request);
  Task<std::string> answer_reload(ControlRequest request);
  Task<void> answer_drain(Stream& stream, ControlRequest request);
  Task<Result<void>> write(Stream& stream, std::string text);

  Shard& shard_;
  QueueReport report_;
  TenantControl tenants_;
  Lifecycle& lifecycle_;
  Reloader& reloader_;
  std::function<RelayFacts()> facts_;
  TaskScope accepting_;
  TaskScope conversations_;
  Event conversation_ended_;
  std::size_t open_conversations_ = 0;
};

}  // namespace sluice::relay
