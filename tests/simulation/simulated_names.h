// SimulatedNames: what the domain name system knows in a simulation, and how well it answers.
//
// It never lies: whether mail ended as it should is judged by what the hosts saw. Used by whichever
// thread has the baton.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/dns_answer.h"
#include "core/units.h"

namespace sluice::simulation {

struct NamesSettings {
  std::map<std::string, std::vector<MxRecord>> exchanges = {};
  std::map<std::string, IpAddress> addresses = {};
  Duration answer_max = std::chrono::milliseconds(5);
  Duration ttl_max = std::chrono::minutes(5);
  double failure = 0;  // of a question: it gets no answer
};

// Of this process; see scheduler().
NamesSettings& names();

}  // namespace sluice::simulation
