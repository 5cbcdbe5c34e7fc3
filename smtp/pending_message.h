// PendingMessage: a message handed to a client's session, from its first part on until its result.
//
// To the ledger it is a transaction, to the writer the bytes of a body. Lies in the frame of
// ClientSession::send(), which awaits the result; on the shard of the connection.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "core/completion.h"
#include "smtp/client_session.h"
#include "smtp/transaction_ledger.h"

namespace sluice::smtp {

class PendingMessage final : public Transaction {
 public:
  // `first` is what the body's first next() gave.
  PendingMessage(Shard& shard, const OutgoingMessage& message,
                 std::span<const std::string_view> first);

  const OutgoingMessage& message() const { return message_; }
  std::uint64_t body_bytes() const { return body_bytes_; }
  std::span<const std::string_view> first() const { return first_; }
  std::uint64_t first_bytes() const { return first_bytes_; }
  // Its body lies in memory until the result is there.
  bool is_whole() const { return first_bytes_ == body_bytes_; }

  Completion<TransactionResult>& result() { return completion_; }

 private:
  void on_ended() override { completion_.complete(take_result()); }

  const OutgoingMessage& message_;
  std::span<const std::string_view> first_;
  std::uint64_t body_bytes_;
  std::uint64_t first_bytes_;
  Completion<TransactionResult> completion_;
};

}  // namespace sluice::smtp
