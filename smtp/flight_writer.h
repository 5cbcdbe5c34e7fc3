// FlightWriter: the writing half of a client's connection. Sends the messages it is given in their
// order, as deeply pipelined as the peer allows, in as few writes as possible.
//
// - CHUNKING and PIPELINING: MAIL RCPT... BDAT LAST of several messages in one flight, each after
//   the first begun by RSET.
// - PIPELINING: MAIL RCPT... DATA in one write; after 354 the body, and in the same write the
//   commands of the next message, since DATA is the last of its group (RFC 2920 §3.1).
// - Neither: one command at a time, with BDAT where the peer has CHUNKING.
// It knows the order of commands and not what replies mean: that is the ledger's. Lives on the
// shard of its stream; its run() is one task of the session.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/event.h"
#include "core/stream.h"
#include "smtp/client_session.h"
#include "smtp/gather.h"
#include "smtp/pending_message.h"
#include "smtp/reply_watchdog.h"
#include "smtp/transaction_ledger.h"

namespace sluice::smtp {

class FlightWriter {
 public:
  // All outlive the writer.
  struct Parts {
    Shard& shard;
    Stream& stream;
    TransactionLedger& ledger;
    ReplyWatchdog& watchdog;
    const ClientSettings& settings;
    const PeerExtensions& extensions;
  };
  explicit FlightWriter(const Parts& parts);
  FlightWriter(const FlightWriter&) = delete;
  FlightWriter& operator=(const FlightWriter&) = delete;
  ~FlightWriter() { SLUICE_ASSERT(queue_.empty(), "every message has its result"); }

  // Writes until an Error, or its task is cancelled. Returns after QUIT was written.
  Task<Result<void>> run();

  void enqueue(PendingMessage& message);
  // Says QUIT; nothing is queued, and nothing is queued later.
  void request_quit(Deadline deadline);
  void limit_depth(unsigned depth);
  // Begins nothing more: the connection is given up.
  void stop() { is_stopped_ = true; }

  // After the ledger took replies.
  void on_replies();
  // Ends what was never begun, once run() has returned.
  void reject_queued(const std::string& error);

  // Messages that the peer and its history allow in flight.
  unsigned depth() const;
  std::size_t queued() const { return queue_.size(); }

 private:
  bool may_begin() const;

  Task<Result<void>> write_next();
  Task<Result<void>> write_chunked_flight();
  Task<Result<void>> write_data_flight();
  Task<Result<PendingMessage*>> write_behind_data(PendingMessage& message);
  Task<Result<void>> write_dialogue();
  Task<Result<void>> converse(PendingMessage& message);
  Task<Result<void>> write_quit();

  Task<Result<void>> ask(PendingMessage& message, CommandKind kind, std::size_t recipient);
  Task<Result<void>> write_chunk(PendingMessage& message);
  Task<Result<void>> gather_stuffed(PendingMessage& message);
  Task<Result<std::span<const std::string_view>>> next_part(PendingMessage& message,
                                                            std::uint64_t bytes_before);
  Task<Result<void>> flush();
  Task<Result<void>> wait_for_replies();

  PendingMessage& begin_next();
  PendingMessage& begin_pipelined();
  void append_command(PendingMessage& message, CommandKind kind, std::size_t recipient);
  void append_mail(const PendingMessage& message);
  void append_recipient_dsn(const PendingMessage& message, std::size_t recipient);
  void append_bdat(PendingMessage& message);
  void complete(PendingMessage& message);
  void complete_started();

  Stream& stream_;
  TransactionLedger& ledger_;
  ReplyWatchdog& watchdog_;
  const Clock& clock_;
  const ClientSettings& settings_;
  const PeerExtensions& extensions_;

  std::deque<PendingMessage*> queue_;  // not begun, at most kPipelineDepthMax
  Event changed_;                      // work or replies came
  bool awaits_replies_ = false;
  bool is_stopped_ = false;
  std::optional<Deadline> quit_deadline_;
  unsigned depth_max_;
  Gather gather_;
  std::vector<PendingMessage*> started_;  // whole messages in the gather, to be completed behind it
};

}  // namespace sluice::smtp
