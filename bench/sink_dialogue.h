// SinkDialogue: the server's side of one connection to sluice-sink, without the connection.
//
// It takes what arrived and gives the replies: fast, lenient where servers are, and strict in
// counting what a client does against the protocol. Messages are recognised (load_message.h),
// checked and written into the ledger; their bytes are dropped.
// Lives on one shard.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/ledger.h"
#include "core/clock.h"
#include "core/metrics.h"
#include "core/random.h"

namespace sluice::bench {

struct LoadHeader;

enum class SinkStage : std::uint8_t { connect, ehlo, mail, rcpt, data, final };

// "rcpt:451 4.7.1 try later:5%": at that stage, with that probability, this reply.
struct ReplyRule {
  SinkStage stage;
  std::string reply;  // code and text
  double probability;
  static Result<ReplyRule> parse(std::string_view text);
};

struct SinkSettings {
  bool offers_pipelining = true;
  bool offers_chunking = true;
  bool offers_eight_bit_mime = true;
  bool offers_enhanced_status_codes = true;
  bool offers_starttls = false;
  std::uint64_t size = 0;   // SIZE told and enforced; 0: not offered
  bool keeps_mail = false;  // --sticky-mail: a failed BDAT keeps the reverse-path, as Exim does
  std::uint32_t messages_per_connection = 0;  // then 421; 0: no limit
  std::uint32_t recipients_per_message = 0;   // then 452 4.5.3; 0: no limit
  std::uint64_t warm_up = 0;  // so many messages of each shard are checked, not counted or timed
  std::vector<ReplyRule> rules;
};

// What a client did against the protocol, or what happened to a message on the way.
enum class Violation : std::uint8_t {
  unknown_command,
  bad_sequence,
  nested_mail,
  bare_newline,
  unadvertised_pipelining,
  early_data,  // bytes behind DATA before its 354
  too_long_line,
  sender_mismatch,  // the message belongs to another reverse-path
  corrupt_body,     // the checksum of a load message differs
};
inline constexpr std::size_t kViolations = 9;
std::string_view name_of(Violation violation);

// Counted per shard, summed at the end.
struct SinkCounters {
  std::uint64_t connections = 0;
  std::uint64_t warm_up_messages = 0;
  std::uint64_t messages = 0;  // without those of the warm-up, as all that follows
  std::uint64_t recipients = 0;
  std::uint64_t bytes = 0;
  std::uint64_t refused = 0;  // 4xx and 5xx sent by rules and limits
  std::array<std::uint64_t, kViolations> violations{};
  Instant first = Instant::far_future();  // message
  Instant last{0};
  Histogram latency;  // from the load's sending to the end of the message here
};

// The bytes of one message as they arrive: finds its header, sums its body.
class MessageCheck {
 public:
  MessageCheck();
  ~MessageCheck();
  MessageCheck(const MessageCheck&) = delete;
  MessageCheck& operator=(const MessageCheck&) = delete;
  void reset();
  void add(std::string_view bytes);
  std::uint64_t size() const { return size_; }
  const std::string& header() const { return header_; }
  std::uint64_t checksum() const;

 private:
  struct Sum;
  std::unique_ptr<Sum> sum_;
  std::string header_;
  bool in_body_ = false;
  std::uint64_t size_ = 0;
};

class SinkDialogue {
 public:
  // All outlive the dialogue.
  SinkDialogue(const SinkSettings& settings, const Clock& clock, Random& random,
               SinkCounters& counters, Ledger& ledger);

  void greet(std::string& output);

  // Takes what it can of the input, appends the replies, returns how many bytes it took. What is
  // left is an incomplete line: call again with more behind it.
  std::size_t take(std::string_view input, std::string& output);

  bool is_over() const { return is_over_; }
  // The client has said STARTTLS: once the replies so far are sent, TLS begins, and secured() says
  // so. Nothing is taken meanwhile.
  bool wants_tls() const { return wants_tls_; }
  void secured();

 private:
  enum class Mode : std::uint8_t { commands, data, chunk };

  std::size_t take_command(std::string_view input, std::string& output);
  std::size_t take_data(std::string_view input, std::string& output);
  std::size_t take_chunk(std::string_view input, std::string& output);
  void command(std::string_view line, std::string& output);
  void hello(std::string_view verb, std::string& output);
  void start_tls(std::string& output);
  void mail(std::string_view argument, std::string& output);
  void recipient(std::string_view argument, std::string& output);
  void data(std::string& output);
  void chunk(std::string_view argument, std::string& output);
  void finish(std::string& output);
  void end_transaction();
  void deliver();
  void count_message(const LoadHeader& header);
  void count(Violation violation) { ++counters_.violations[static_cast<std::size_t>(violation)]; }
  // True when a rule refuses here; its reply was appended.
  bool is_refused(SinkStage stage, std::string& output);

  const SinkSettings& settings_;
  const Clock& clock_;
  Random& random_;
  SinkCounters& counters_;
  Ledger& ledger_;
  Mode mode_ = Mode::commands;
  bool is_over_ = false;
  bool wants_tls_ = false;
  bool is_secured_ = false;
  bool has_mail_ = false;
  bool chunk_is_last_ = false;
  bool chunk_counts_ = false;  // the chunk belongs to a transaction that may take it
  bool has_chunks_ = false;
  bool at_line_start_ = true;  // DATA: the bytes so far end with CRLF
  std::uint64_t chunk_left_ = 0;
  std::uint32_t messages_ = 0;
  std::string reverse_path_;
  std::vector<std::string> recipients_;
  MessageCheck check_;
};

}  // namespace sluice::bench
