// LoadMessage: the messages that sluice-load sends and sluice-sink recognises.
//
// The header carries an id, the reverse-path, the instant of sending and a checksum of the body, so
// that the sink can tell a loss, a duplicate, a mixed-up sender and a changed byte by itself.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/clock.h"

namespace sluice::bench {

// What the header of a load message says. Views point into the header.
struct LoadHeader {
  std::string_view id;  // empty: not one of ours
  std::string_view sender;
  std::int64_t sent_at = 0;    // Instant, in nanoseconds
  std::uint64_t checksum = 0;  // XXH3 of everything behind the empty line
  bool has_checksum = false;
};

// Finds the fields in a header; `header` ends with the empty line.
LoadHeader read_load_header(std::string_view header);

std::uint64_t body_checksum(std::string_view body);

// One message, CRLF lines, not dot-stuffed. The body points into its maker.
struct LoadMessage {
  std::string header;  // with the empty line
  std::string_view body;

  std::size_t size() const { return header.size() + body.size(); }
  std::string text() const { return header + std::string(body); }
};

// Makes messages of a run. The text is printable, in lines of 76 characters; some lines begin
// with a dot.
class LoadMessageMaker {
 public:
  // `run` tells the ids of several runs apart; `bytes_max` is the largest body asked for.
  LoadMessageMaker(std::string run, std::size_t bytes_max, std::uint64_t seed);

  // A message of about `bytes`.
  LoadMessage make(std::uint64_t number, std::string_view sender, std::string_view recipient,
                   std::size_t bytes, Instant now) const;
  std::string id(std::uint64_t number) const;

 private:
  std::string run_;
  std::string text_;
};

}  // namespace sluice::bench
