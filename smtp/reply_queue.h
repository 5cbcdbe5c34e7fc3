// ReplyQueue: the replies of a server in the order of their commands (RFC 2920 §3.2), of which some
// are not known yet: those of messages that await their commit.
//
// Pure: no I/O. Belongs to one session.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "core/ids.h"
#include "smtp/reply.h"

namespace sluice::smtp {

class ReplyQueue {
 public:
  // The place of a reply that is not known yet.
  using Ticket = StrongId<struct ReplyTicketTag, std::uint64_t>;

  void push(const Reply& reply);
  Ticket reserve();
  void resolve(Ticket ticket, const Reply& reply);

  // Everything in front of the first reply that is not known yet, as it goes on the wire.
  std::string take_ready();

  // From now on replies go nowhere: the connection is dead.
  void abandon();

  bool has_ready() const { return !segments_.empty() && segments_.front().is_known; }
  bool empty() const { return segments_.empty(); }
  std::size_t reserved() const { return reserved_; }
  std::size_t bytes() const { return bytes_; }

 private:
  // Known replies that follow each other share one.
  struct Segment {
    std::string wire;
    bool is_known;
  };
  void append(const Reply& reply, Segment& segment);

  std::deque<Segment> segments_;
  std::uint64_t first_ = 0;  // the ticket of the front
  std::size_t reserved_ = 0;
  std::size_t bytes_ = 0;
  bool is_abandoned_ = false;
};

}  // namespace sluice::smtp
