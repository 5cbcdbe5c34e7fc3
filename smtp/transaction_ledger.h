// TransactionLedger: which command each reply answers, and what the replies to a message mean for
// its recipients. The state of a client's connection without its I/O.
//
// The writer notes each command here before it is sent; the reader hands over each reply, which
// answers the oldest command without one. Rules that keep mail apart on a connection:
// - A message counts as accepted only if its own MAIL, at least one of its RCPTs and its own end
//   were each accepted. An end accepted without them contradicts itself: the connection cannot be
//   trusted any more, and the message ends as ambiguous.
// - After a refused RSET no message is begun. Those already sent are judged by their own replies,
//   by the rule above: where the old transaction is still open, their MAIL is refused as nested
//   (RFC 5321 §4.1.4); where it is accepted, RFC 5321 §3.3 cleared what was before.
// - 421 ends the connection wherever it comes (RFC 5321 §3.8). It is the verdict of the message
//   whose command it answered; what was sent behind it counts as not attempted.
// Pure: no I/O, no time. Lives on the shard of its connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "smtp/reply.h"
#include "smtp/transaction_result.h"

namespace sluice::smtp {

// What awaits a reply. `end` is the end of a message, by dot or by BDAT LAST; `lone_dot` ends a
// DATA that the peer granted although it had refused every recipient (RFC 2920 §3.1).
enum class CommandKind : std::uint8_t { reset, mail, recipient, data, end, lone_dot, quit };
std::string_view name_of(CommandKind kind);

// One message on the connection, as far as it is written and answered. Only the ledger changes it.
class Transaction {
 public:
  // `flight_bytes`: what it adds to the flight.
  Transaction(std::size_t recipients, std::uint64_t flight_bytes);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  virtual ~Transaction() = default;

  bool is_mail_refused() const { return mail_refusal_.has_value(); }
  std::size_t accepted_recipients() const { return accepted_; }

  enum class DataAnswer : std::uint8_t { none, go_ahead, refused };
  DataAnswer data_answer() const { return data_answer_; }

  bool has_ended() const { return has_ended_; }
  std::uint64_t flight_bytes() const { return flight_bytes_; }
  TransactionResult take_result() { return std::move(result_); }

 protected:
  // The result is there. The ledger does not touch the transaction any more.
  virtual void on_ended() = 0;

 private:
  friend class TransactionLedger;

  bool is_decided() const;

  TransactionResult result_;  // recipients have code 0 until refused
  std::optional<Reply> mail_refusal_;
  std::optional<TransactionResult::Verdict> decision_;  // for every recipient that was accepted
  std::string body_error_;
  std::uint64_t flight_bytes_;
  std::size_t recipients_written_ = 0;
  std::size_t recipients_answered_ = 0;
  std::size_t accepted_ = 0;
  std::size_t unanswered_ = 0;
  DataAnswer data_answer_ = DataAnswer::none;
  bool is_mail_written_ = false;
  bool is_end_written_ = false;
  bool is_complete_ = false;
  bool is_contradictory_ = false;
  bool has_ended_ = false;
};

class TransactionLedger {
 public:
  TransactionLedger() = default;
  TransactionLedger(const TransactionLedger&) = delete;
  TransactionLedger& operator=(const TransactionLedger&) = delete;
  ~TransactionLedger();  // asserts that every transaction ended

  // --- The writer's part, in the order of the wire. ---

  // The commands noted next are this message's. It lives until it has ended.
  void begin(Transaction& transaction);
  // A command of the message begun last is about to be sent. `end` is noted before the body.
  void expect(Transaction& transaction, CommandKind kind);
  // The last byte of the message is about to be sent: from here on it may be accepted.
  void note_end_written(Transaction& transaction);
  // Nothing more of it will be written, and its body is not in use any more. Ends it when
  // every reply is there.
  void complete(Transaction& transaction);
  // Its body failed in the middle: the connection is to be given up.
  void note_body_failure(Transaction& transaction, std::string error);
  void expect_quit();

  // --- The reader's part. ---

  // The next reply of the peer. An Error means that the connection is to be given up, as
  // do is_closing() and a poisoned ledger with nothing open.
  Result<void> take(Reply reply);

  // The connection is given up: ends every transaction as it stands.
  void abandon(const std::string& error);
  // Ends a message that was never begun.
  void reject(Transaction& transaction, TransactionEnd end, const std::string& error) const;

  // --- Queries. ---

  std::size_t open_transactions() const { return open_.size(); }
  std::uint64_t flight_bytes() const { return flight_bytes_; }
  std::size_t unanswered() const { return expected_.size(); }
  std::uint64_t answered() const { return answered_; }

  // The command whose reply is due; none while the message whose end it answers is being written:
  // RFC 5321 §4.5.3.2.6 counts from its end, and a slow peer takes its time until then.
  std::optional<CommandKind> due() const;

  // The next message starts with RSET, unless the peer is known to hold no transaction.
  bool needs_reset() const { return !open_.empty() || !is_clean_; }
  std::size_t successes() const { return successes_; }      // whole transactions
  bool is_poisoned() const { return is_poisoned_; }         // a RSET was refused
  bool is_closing() const { return closing_.has_value(); }  // 421
  const Reply& closing_reply() const { return closing_->reply; }
  bool is_quit_answered() const { return is_quit_answered_; }

 private:
  struct Expected {
    Transaction* transaction;  // null: quit
    CommandKind kind;
    std::uint32_t recipient;
  };

  void take_closing(Reply reply);
  Result<void> apply(const Expected& answered, Reply reply);
  Result<void> apply_mail(Transaction& transaction, Reply reply);
  Result<void> apply_recipient(Transaction& transaction, std::size_t recipient, Reply reply);
  Result<void> apply_data(Transaction& transaction, Reply reply);
  Result<void> apply_end(Transaction& transaction, Reply reply);
  void end_if_over(Transaction& transaction);
  TransactionEnd end_of(const Transaction& transaction) const;
  void end(Transaction& transaction, const std::string& error);

  std::deque<Expected> expected_;   // commands without a reply, oldest first
  std::deque<Transaction*> open_;   // begun and not ended, oldest first
  std::uint64_t flight_bytes_ = 0;  // of open_
  std::uint64_t answered_ = 0;
  std::optional<TransactionResult::Verdict> closing_;
  bool is_clean_ = true;  // nothing was begun, or the last message begun was accepted
  std::size_t successes_ = 0;
  bool is_poisoned_ = false;
  bool is_quit_answered_ = false;
};

}  // namespace sluice::smtp
