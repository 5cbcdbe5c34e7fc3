// Answers: requests on their way back to their shards, one letter per shard and round however many
// there are. One worker's, on its thread.
#pragma once

#include <memory>
#include <vector>

#include "core/mailbox.h"
#include "spool/request.h"

namespace sluice::spool {

class Answers {
 public:
  void add(std::unique_ptr<Request> request);
  // Sends what was added; what a full mailbox does not take stays here, in order.
  void send();
  // Tries again. True when nothing is left.
  bool flush();
  // The shards have ended: whatever is here or comes is dropped.
  void close();

 private:
  struct Line {
    explicit Line(Mailbox& mailbox) : outbox(mailbox) {}
    Outbox outbox;
    std::vector<std::unique_ptr<Request>> ready;
  };
  std::vector<std::unique_ptr<Line>> lines_;  // by shard; null where nothing was asked yet
  bool is_closed_ = false;
};

}  // namespace sluice::spool
