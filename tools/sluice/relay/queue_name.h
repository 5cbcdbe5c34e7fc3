// queue_name: the name of a scheduled queue, "campaign:tenant@domain", and its parts.
//
// Mail without a campaign has "tenant@domain", mail without a tenant the plain domain. Pure.
#pragma once

#include <string>
#include <string_view>

namespace sluice::relay {

// Points into the name it was read from.
struct QueueName {
  std::string_view campaign;  // empty: none
  std::string_view tenant;    // empty: none; then there is no campaign either
  std::string_view domain;
};

// Every text has a reading: names come from the spool, and what they say is not checked again.
QueueName parse_queue_name(std::string_view name);

std::string to_string(const QueueName& name);

}  // namespace sluice::relay
