#include "core/http_server.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <ctime>
#include <utility>
#include <vector>

#include "core/assert.h"
#include "core/log.h"
#include "core/shard.h"
#include "core/socket.h"

namespace sluice {

namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;

constexpr std::string_view kPlainText = "text/plain; charset=utf-8";
static_assert(kHttpHeaderBytesMax < kReceivedBytesMax, "a request fits into a stream");

HttpAnswer refusal(http::status status, std::string_view sentence) {
  return HttpAnswer{.status = static_cast<unsigned>(status),
                    .content_type = std::string(kPlainText),
                    .body = std::string(sentence) + "\n"};
}

HttpAnswer too_long() {
  return refusal(http::status::request_header_fields_too_large, "The request is too long.");
}

HttpAnswer refusal_of(error_code error) {
  if (error == http::error::header_limit) return too_long();
  // RFC 9110 9.3.1: a GET with content may be refused.
  if (error == http::error::unexpected_body || error == http::error::body_limit) {
    return refusal(http::status::payload_too_large, "A request with content is not taken here.");
  }
  if (error == http::error::bad_version) {
    return refusal(http::status::http_version_not_supported, "Only HTTP/1 is spoken here.");
  }
  return refusal(http::status::bad_request, "This is no HTTP request.");
}

// The path of a request's target, without the query (RFC 9112 3.2.1) and without the scheme and
// host with which a client may begin it (RFC 9112 3.2.2).
std::string_view path_of(boost::beast::string_view target) {
  constexpr std::string_view kBehindScheme = "://";
  std::string_view text(target.data(), target.size());
  const std::size_t scheme = text.find(kBehindScheme);
  if (!text.starts_with('/') && scheme != std::string_view::npos) {
    text.remove_prefix(scheme + kBehindScheme.size());
    text.remove_prefix(std::min(text.find_first_of("/?"), text.size()));
  }
  return text.substr(0, text.find('?'));
}

// RFC 9110 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT".
std::string http_date(WallTime time) {
  const auto seconds = static_cast<std::time_t>(time.milliseconds() / 1000);
  return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(seconds));
}

// What comes next of a message, as pieces that stay valid until they are consumed.
template <class Serializer>
std::vector<std::string_view> next_pieces(Serializer& serializer) {
  std::vector<std::string_view> pieces;
  error_code error;
  serializer.next(error, [&pieces](error_code&, const auto& buffers) {
    for (auto at = boost::asio::buffer_sequence_begin(buffers);
         at != boost::asio::buffer_sequence_end(buffers); ++at) {
      const boost::asio::const_buffer buffer = *at;
      pieces.emplace_back(static_cast<const char*>(buffer.data()), buffer.size());
    }
  });
  SLUICE_ASSERT(!error, "a message in memory can be written");
  return pieces;
}

}  // namespace

// One request on its way in.
class HttpServer::Request {
 public:
  Request() {
    parser_.header_limit(kHttpHeaderBytesMax);
    parser_.body_limit(0);
    parser_.eager(true);
  }

  // Takes what it can; the number of bytes it is done with.
  std::size_t put(std::string_view bytes) {
    if (bytes.empty()) return 0;
    error_code error;
    const std::size_t used = parser_.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
    if (error && error != http::error::need_more) fail(refusal_of(error));
    // The parser's limits are of the first line and of the fields, each for itself.
    header_bytes_ += used;
    if (!error && header_bytes_ > kHttpHeaderBytesMax) fail(too_long());
    has_begun_ = true;
    return used;
  }
  void fail(HttpAnswer answer) { failure_ = std::move(answer); }

  bool has_begun() const { return has_begun_; }
  bool is_over() const { return failure_.has_value() || parser_.is_done(); }
  const std::optional<HttpAnswer>& failure() const { return failure_; }

  std::string_view path() const { return path_of(parser_.get().target()); }
  // RFC 9112 3.2: HTTP/1.1 asks for a Host field, and no version for two.
  bool has_host() const {
    const std::size_t hosts = parser_.get().count(http::field::host);
    return hosts == 1 || (hosts == 0 && parser_.get().version() < 11);
  }
  bool is_head() const { return parser_.get().method() == http::verb::head; }
  bool is_get() const { return parser_.get().method() == http::verb::get; }
  // After a request that was not understood, what follows is not understood either.
  bool keeps_connection() const { return !failure_ && parser_.get().keep_alive(); }
  unsigned version() const { return failure_ ? 11 : parser_.get().version(); }

 private:
  http::request_parser<http::empty_body> parser_;
  std::optional<HttpAnswer> failure_;
  std::size_t header_bytes_ = 0;
  bool has_begun_ = false;
};

HttpServer::HttpServer(Shard& shard, Pages pages, HttpTimeouts timeouts)
    : shard_(shard),
      pages_(std::move(pages)),
      timeouts_(timeouts),
      accepting_(shard.run_queue()),
      conversations_(shard.run_queue()) {}

void HttpServer::start(ListenSocket& socket) {
  SLUICE_ASSERT(shard_.is_current(), "a server lives on one shard");
  accepting_.spawn(accept_connections(shard_, socket, [this](const Accepted& accepted) {
    conversations_.spawn(serve(accepted.descriptor));
  }));
}

Task<void> HttpServer::stop() {
  co_await accepting_.close();
  co_await conversations_.close();
}

Task<void> HttpServer::serve(int descriptor) {
  auto stream = adopt_socket(shard_, descriptor, Direction::incoming);
  if (conversations_.size() <= kHttpConnectionsMax) co_await converse(*stream);
  co_await stream->close();
}

Task<void> HttpServer::converse(Stream& stream) {
  for (;;) {
    auto goes_on = co_await exchange(stream);
    if (goes_on && *goes_on) continue;
    if (!goes_on && goes_on.error().code() != ErrorCode::end_of_stream) {
      SLUICE_LOG(debug, "http_connection_ended", {"error", goes_on.error().sentence()});
    }
    co_return;
  }
}

// One request and its answer; true when another may follow.
Task<Result<bool>> HttpServer::exchange(Stream& stream) {
  Request request;
  if (auto read_all = co_await read(stream, request); !read_all) {
    co_return std::unexpected(std::move(read_all).error());
  }
  if (auto written = co_await write(stream, request); !written) {
    co_return std::unexpected(std::move(written).error());
  }
  co_return request.keeps_connection();
}

// Until the request is understood or refused. An Error: there is nobody to answer.
Task<Result<void>> HttpServer::read(Stream& stream, Request& request) {
  Deadline deadline = Deadline::in(shard_.clock(), timeouts_.idle);
  for (;;) {
    const bool had_begun = request.has_begun();
    stream.consume(request.put(stream.received()));
    if (request.is_over()) co_return Result<void>{};
    if (request.has_begun() && !had_begun) {
      deadline = Deadline::in(shard_.clock(), timeouts_.request);
    }
    auto filled = co_await stream.fill(deadline);
    if (filled) continue;
    const bool is_slow = request.has_begun() && filled.error().code() == ErrorCode::timed_out;
    if (!is_slow) co_return std::unexpected(std::move(filled).error());
    request.fail(refusal(http::status::request_timeout, "The request took too long."));
    co_return Result<void>{};
  }
}

HttpAnswer HttpServer::answer(const Request& request) const {
  if (request.failure()) return *request.failure();
  if (!request.has_host()) {
    return refusal(http::status::bad_request, "A request has one Host field.");
  }
  const auto page = pages_.find(request.path());
  if (page == pages_.end()) return refusal(http::status::not_found, "There is no such page.");
  if (!request.is_get() && !request.is_head()) {
    return refusal(http::status::method_not_allowed, "Only GET and HEAD are answered.");
  }
  return page->second();
}

Task<Result<void>> HttpServer::write(Stream& stream, const Request& request) {
  HttpAnswer content = answer(request);
  http::response<http::string_body> response(http::int_to_status(content.status),
                                             request.version());
  response.set(http::field::server, "sluice");
  response.set(http::field::date, http_date(shard_.clock().wall()));  // RFC 9110 6.6.1
  response.set(http::field::content_type, content.content_type);
  response.set(http::field::cache_control, "no-store");
  // RFC 9110 15.5.6: a 405 names the methods that are answered.
  if (response.result() == http::status::method_not_allowed) {
    response.set(http::field::allow, "GET, HEAD");
  }
  response.keep_alive(request.keeps_connection());
  response.body() = std::move(content.body);
  response.prepare_payload();

  http::serializer<false, http::string_body> serializer(response);
  serializer.split(true);
  const bool has_body = request.failure() || !request.is_head();
  while (!serializer.is_done() && (has_body || !serializer.is_header_done())) {
    const std::vector<std::string_view> pieces = next_pieces(serializer);
    const Deadline deadline = Deadline::in(shard_.clock(), timeouts_.answer);
    auto sent = co_await stream.send(pieces, deadline);
    if (!sent) co_return sent;
    serializer.consume(total_bytes(pieces));
  }
  co_return Result<void>{};
}

}  // namespace sluice
