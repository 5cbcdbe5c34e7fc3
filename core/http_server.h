// HttpServer: a few pages over HTTP/1.1, for programs that watch this one: metrics, health.
//
// It answers GET and HEAD of the pages it was given, and nothing else: no bodies, no TLS, no
// authentication; who may ask is decided by the address it listens on. Requests are bounded in size
// and time, connections in number, and stay open between requests. Boost.Beast parses and writes
// the messages; http_server.cc alone knows it. Lives on one shard.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "core/listener.h"
#include "core/stream.h"
#include "core/task_scope.h"
#include "core/units.h"

namespace sluice {

inline constexpr std::size_t kHttpHeaderBytesMax = 8 * 1024;  // of a request; longer: 431
inline constexpr std::size_t kHttpConnectionsMax = 64;        // more are closed unanswered

struct HttpAnswer {
  unsigned status = 200;
  std::string content_type;
  std::string body;
};

struct HttpTimeouts {
  Duration request = std::chrono::seconds(10);  // from its first byte to its last; beyond it: 408
  Duration answer = std::chrono::seconds(30);   // between two progresses of an answer
  Duration idle = std::chrono::seconds(60);     // an open connection without a request
};

class HttpServer {
 public:
  using Page = std::function<HttpAnswer()>;  // made anew for every request; does not wait
  using Pages = std::map<std::string, Page, std::less<>>;

  HttpServer(Shard& shard, Pages pages, HttpTimeouts timeouts = {});

  // Accepts from now on; the socket outlives stop().
  void start(ListenSocket& socket);

  // Closes the connections, also those in the middle of an answer.
  Task<void> stop();

  // The conversation on one connection, until it is over. The caller closes the stream.
  Task<void> converse(Stream& stream);

 private:
  class Request;
  Task<void> serve(int descriptor);
  Task<Result<bool>> exchange(Stream& stream);
  Task<Result<void>> read(Stream& stream, Request& request);
  Task<Result<void>> write(Stream& stream, const Request& request);
  HttpAnswer answer(const Request& request) const;

  Shard& shard_;
  Pages pages_;
  HttpTimeouts timeouts_;
  TaskScope accepting_;
  TaskScope conversations_;
};

}  // namespace sluice
