#include "smtp/transaction_result.h"

namespace sluice::smtp {

std::string_view name_of(ReplyStage stage) {
  switch (stage) {
    case ReplyStage::routing:
      return "routing";
    case ReplyStage::connect:
      return "connect";
    case ReplyStage::greeting:
      return "greeting";
    case ReplyStage::hello:
      return "hello";
    case ReplyStage::starttls:
      return "starttls";
    case ReplyStage::login:
      return "login";
    case ReplyStage::mail:
      return "mail";
    case ReplyStage::recipient:
      return "recipient";
    case ReplyStage::data:
      return "data";
    case ReplyStage::body:
      return "body";
    case ReplyStage::final:
      return "final";
  }
  return "unknown";
}

std::string_view name_of(TransactionEnd end) {
  switch (end) {
    case TransactionEnd::answered:
      return "answered";
    case TransactionEnd::not_attempted:
      return "not_attempted";
    case TransactionEnd::unknown:
      return "unknown";
    case TransactionEnd::ambiguous:
      return "ambiguous";
    case TransactionEnd::cannot_send:
      return "cannot_send";
    case TransactionEnd::body_failed:
      return "body_failed";
  }
  return "unknown";
}

}  // namespace sluice::smtp
