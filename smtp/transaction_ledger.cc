#include "smtp/transaction_ledger.h"

#include <utility>

#include "core/assert.h"

namespace sluice::smtp {
namespace {

std::unexpected<Error> contradiction(CommandKind kind, const Reply& reply) {
  std::string sentence("reply that does not fit ");
  sentence += name_of(kind);
  sentence += ": ";
  sentence += reply.to_string();
  return fail(ErrorCode::syntax, std::move(sentence));
}

ReplyStage stage_of(CommandKind kind) {
  switch (kind) {
    case CommandKind::reset:
    case CommandKind::quit:
    case CommandKind::mail:
      return ReplyStage::mail;
    case CommandKind::recipient:
      return ReplyStage::recipient;
    case CommandKind::data:
      return ReplyStage::data;
    case CommandKind::end:
    case CommandKind::lone_dot:
      return ReplyStage::final;
  }
  return ReplyStage::mail;
}

}  // namespace

std::string_view name_of(CommandKind kind) {
  switch (kind) {
    case CommandKind::reset:
      return "RSET";
    case CommandKind::mail:
      return "MAIL";
    case CommandKind::recipient:
      return "RCPT";
    case CommandKind::data:
      return "DATA";
    case CommandKind::end:
    case CommandKind::lone_dot:
      return "end of message";
    case CommandKind::quit:
      return "QUIT";
  }
  return "unknown";
}

Transaction::Transaction(std::size_t recipients, std::uint64_t flight_bytes)
    : flight_bytes_(flight_bytes) {
  SLUICE_ASSERT(recipients > 0, "a message has a recipient");
  result_.recipients.resize(recipients);
}

// True when the replies so far settle every recipient, whatever else may come.
bool Transaction::is_decided() const {
  const bool are_all_refused = recipients_answered_ == result_.recipients.size() && accepted_ == 0;
  return mail_refusal_.has_value() || decision_.has_value() || are_all_refused;
}

TransactionLedger::~TransactionLedger() {
  SLUICE_ASSERT(open_.empty(), "every message has its result");
}

void TransactionLedger::begin(Transaction& transaction) {
  SLUICE_ASSERT(!transaction.has_ended_, "a message is sent once");
  SLUICE_ASSERT(!is_poisoned_, "nothing begins behind a refused RSET");
  open_.push_back(&transaction);
  flight_bytes_ += transaction.flight_bytes_;
}

void TransactionLedger::expect(Transaction& transaction, CommandKind kind) {
  SLUICE_ASSERT(!open_.empty(), "begun before its commands");
  SLUICE_ASSERT(open_.back() == &transaction, "the commands of a message are not interrupted");
  SLUICE_ASSERT(!transaction.is_complete_, "nothing follows the end of a message");
  std::size_t recipient = 0;
  if (kind == CommandKind::mail) transaction.is_mail_written_ = true;
  if (kind == CommandKind::recipient) recipient = transaction.recipients_written_++;
  SLUICE_ASSERT(recipient < transaction.result_.recipients.size(), "one RCPT per recipient");
  ++transaction.unanswered_;
  expected_.push_back(Expected{.transaction = &transaction,
                               .kind = kind,
                               .recipient = static_cast<std::uint32_t>(recipient)});
}

void TransactionLedger::note_end_written(Transaction& transaction) {
  transaction.is_end_written_ = true;
}

void TransactionLedger::complete(Transaction& transaction) {
  transaction.is_complete_ = true;
  end_if_over(transaction);
}

void TransactionLedger::note_body_failure(Transaction& transaction, std::string error) {
  transaction.body_error_ = std::move(error);
}

void TransactionLedger::expect_quit() {
  SLUICE_ASSERT(open_.empty(), "QUIT is said on an idle connection");
  expected_.push_back(Expected{.transaction = nullptr, .kind = CommandKind::quit, .recipient = 0});
}

std::optional<CommandKind> TransactionLedger::due() const {
  if (expected_.empty()) return std::nullopt;
  const Expected& oldest = expected_.front();
  if (oldest.kind == CommandKind::end && !oldest.transaction->is_complete_) return std::nullopt;
  return oldest.kind;
}

Result<void> TransactionLedger::take(Reply reply) {
  SLUICE_ASSERT(!is_closing(), "nothing is read behind a 421");
  if (reply.is_closing()) {
    take_closing(std::move(reply));
    return {};
  }
  if (expected_.empty()) {
    return fail(ErrorCode::syntax, "reply without a command: " + reply.to_string());
  }
  const Expected oldest = expected_.front();
  expected_.pop_front();
  ++answered_;
  if (oldest.transaction == nullptr) {
    is_quit_answered_ = true;
    return {};
  }
  --oldest.transaction->unanswered_;
  if (auto applied = apply(oldest, std::move(reply)); !applied) return applied;
  end_if_over(*oldest.transaction);
  return {};
}

// The message it answers is decided by it, as far as it was open; its body may still be in use, so
// abandon() ends it, and all that follow. Servers also send it unasked, before they close an idle
// connection.
void TransactionLedger::take_closing(Reply reply) {
  const auto oldest =
      expected_.empty()
          ? Expected{.transaction = nullptr, .kind = CommandKind::quit, .recipient = 0}
          : expected_.front();
  expected_.clear();
  closing_ = TransactionResult::Verdict{.reply = std::move(reply), .stage = stage_of(oldest.kind)};
  const bool is_about_a_message =
      oldest.transaction != nullptr && oldest.kind != CommandKind::reset;
  if (!is_about_a_message || oldest.transaction->is_decided()) return;
  Transaction& transaction = *oldest.transaction;
  if (oldest.kind == CommandKind::end && !transaction.is_end_written_) {
    closing_->stage = ReplyStage::body;
  }
  transaction.decision_ = closing_;
}

Result<void> TransactionLedger::apply(const Expected& answered, Reply reply) {
  Transaction& transaction = *answered.transaction;
  switch (answered.kind) {
    case CommandKind::reset:
      if (!reply.is_completion()) is_poisoned_ = true;
      return {};
    case CommandKind::mail:
      return apply_mail(transaction, std::move(reply));
    case CommandKind::recipient:
      return apply_recipient(transaction, answered.recipient, std::move(reply));
    case CommandKind::data:
      return apply_data(transaction, std::move(reply));
    case CommandKind::end:
      return apply_end(transaction, std::move(reply));
    case CommandKind::lone_dot:  // Nobody was to get it, whatever the peer makes of it.
    case CommandKind::quit:
      return {};
  }
  return {};
}

Result<void> TransactionLedger::apply_mail(Transaction& transaction, Reply reply) {
  if (reply.is_intermediate()) return contradiction(CommandKind::mail, reply);
  if (!reply.is_completion()) transaction.mail_refusal_ = std::move(reply);
  return {};
}

Result<void> TransactionLedger::apply_recipient(Transaction& transaction, std::size_t recipient,
                                                Reply reply) {
  if (reply.is_intermediate()) return contradiction(CommandKind::recipient, reply);
  ++transaction.recipients_answered_;
  // Behind a refused MAIL the recipient went to no transaction, or to another's.
  if (transaction.is_mail_refused()) return {};
  if (reply.is_completion()) {
    ++transaction.accepted_;
    return {};
  }
  transaction.result_.recipients[recipient] = {.reply = std::move(reply),
                                               .stage = ReplyStage::recipient};
  return {};
}

Result<void> TransactionLedger::apply_data(Transaction& transaction, Reply reply) {
  if (reply.is_completion()) return contradiction(CommandKind::data, reply);
  if (reply.is_intermediate()) {
    transaction.data_answer_ = Transaction::DataAnswer::go_ahead;
    return {};
  }
  transaction.data_answer_ = Transaction::DataAnswer::refused;
  if (!transaction.is_decided()) {
    transaction.decision_ = {.reply = std::move(reply), .stage = ReplyStage::data};
  }
  return {};
}

Result<void> TransactionLedger::apply_end(Transaction& transaction, Reply reply) {
  const bool is_early = !transaction.is_end_written_;
  if (reply.is_intermediate()) return contradiction(CommandKind::end, reply);
  if (reply.is_completion()) {
    // Nobody may have taken the message, yet the peer says that somebody did.
    transaction.is_contradictory_ = transaction.is_decided();
    if (transaction.is_contradictory_ || is_early) return contradiction(CommandKind::end, reply);
    transaction.decision_ = {.reply = std::move(reply), .stage = ReplyStage::final};
    ++successes_;
    return {};
  }
  const ReplyStage stage = is_early ? ReplyStage::body : ReplyStage::final;
  if (!transaction.is_decided())
    transaction.decision_ = {.reply = std::move(reply), .stage = stage};
  // The rest of the body has no use, and cannot be left out on a connection that goes on.
  if (is_early) return fail(ErrorCode::refused, "the peer answered before the end of the message");
  return {};
}

void TransactionLedger::end_if_over(Transaction& transaction) {
  if (!transaction.is_complete_ || transaction.unanswered_ > 0) return;
  end(transaction, is_poisoned_ ? "the peer refused RSET" : "");
}

void TransactionLedger::abandon(const std::string& error) {
  expected_.clear();
  while (!open_.empty()) end(*open_.front(), error);
}

TransactionEnd TransactionLedger::end_of(const Transaction& transaction) const {
  if (transaction.is_contradictory_) return TransactionEnd::ambiguous;
  if (transaction.is_decided()) return TransactionEnd::answered;
  if (is_closing() || !transaction.is_mail_written_) return TransactionEnd::not_attempted;
  if (!transaction.body_error_.empty()) return TransactionEnd::body_failed;
  return transaction.is_end_written_ ? TransactionEnd::ambiguous : TransactionEnd::unknown;
}

void TransactionLedger::end(Transaction& transaction, const std::string& error) {
  SLUICE_ASSERT(!open_.empty(), "an open message ends");
  SLUICE_ASSERT(open_.front() == &transaction, "messages end in their order");
  open_.pop_front();
  flight_bytes_ -= transaction.flight_bytes_;

  TransactionResult& result = transaction.result_;
  result.end = end_of(transaction);
  if (result.end != TransactionEnd::answered) {
    reject(transaction, result.end,
           transaction.body_error_.empty() ? error : transaction.body_error_);
    return;
  }
  const auto& decision = transaction.decision_;
  is_clean_ = decision && decision->stage == ReplyStage::final && decision->reply.is_completion();
  for (auto& verdict : result.recipients) {
    if (transaction.mail_refusal_) {
      verdict = {.reply = *transaction.mail_refusal_, .stage = ReplyStage::mail};
    } else if (verdict.reply.code == 0) {
      SLUICE_ASSERT(decision.has_value(), "an accepted recipient waits for the decision");
      verdict = *decision;
    }
  }
  transaction.has_ended_ = true;
  transaction.on_ended();
}

void TransactionLedger::reject(Transaction& transaction, TransactionEnd end,
                               const std::string& error) const {
  transaction.result_.end = end;
  transaction.result_.recipients.clear();
  transaction.result_.error = error;
  if (end == TransactionEnd::not_attempted && closing_) transaction.result_.verdict = *closing_;
  transaction.has_ended_ = true;
  transaction.on_ended();
}

}  // namespace sluice::smtp
