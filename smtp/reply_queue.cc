#include "smtp/reply_queue.h"

#include <utility>

#include "core/assert.h"

namespace sluice::smtp {

void ReplyQueue::push(const Reply& reply) {
  if (is_abandoned_) return;
  const bool needs_segment = segments_.empty() || !segments_.back().is_known;
  if (needs_segment) segments_.push_back({.wire = {}, .is_known = true});
  append(reply, segments_.back());
}

ReplyQueue::Ticket ReplyQueue::reserve() {
  ++reserved_;
  segments_.push_back({.wire = {}, .is_known = false});
  return Ticket(first_ + segments_.size() - 1);
}

void ReplyQueue::resolve(Ticket ticket, const Reply& reply) {
  SLUICE_ASSERT(ticket.value() >= first_, "a reply is resolved once");
  SLUICE_ASSERT(ticket.value() < first_ + segments_.size(), "the ticket is one of this queue");
  Segment& segment = segments_[ticket.value() - first_];
  SLUICE_ASSERT(!segment.is_known, "a reply is resolved once");
  --reserved_;
  segment.is_known = true;
  if (!is_abandoned_) append(reply, segment);
}

std::string ReplyQueue::take_ready() {
  std::string wire;
  while (has_ready()) {
    if (wire.empty()) {
      wire = std::move(segments_.front().wire);
    } else {
      wire += segments_.front().wire;
    }
    segments_.pop_front();
    ++first_;
  }
  bytes_ -= wire.size();
  return wire;
}

void ReplyQueue::abandon() {
  is_abandoned_ = true;
  for (Segment& segment : segments_) segment.wire.clear();
  bytes_ = 0;
}

void ReplyQueue::append(const Reply& reply, Segment& segment) {
  const std::size_t before = segment.wire.size();
  append_wire(reply, segment.wire);
  bytes_ += segment.wire.size() - before;
}

}  // namespace sluice::smtp
