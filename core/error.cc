#include "core/error.h"

#include <cerrno>
#include <system_error>

namespace sluice {

std::string_view name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::cancelled:
      return "cancelled";
    case ErrorCode::timed_out:
      return "timed_out";
    case ErrorCode::end_of_stream:
      return "end_of_stream";
    case ErrorCode::connection_lost:
      return "connection_lost";
    case ErrorCode::refused:
      return "refused";
    case ErrorCode::syntax:
      return "syntax";
    case ErrorCode::limit_exceeded:
      return "limit_exceeded";
    case ErrorCode::out_of_budget:
      return "out_of_budget";
    case ErrorCode::storage_full:
      return "storage_full";
    case ErrorCode::storage_failed:
      return "storage_failed";
    case ErrorCode::corrupt:
      return "corrupt";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::already_exists:
      return "already_exists";
    case ErrorCode::invalid_argument:
      return "invalid_argument";
    case ErrorCode::unsupported:
      return "unsupported";
    case ErrorCode::system:
      return "system";
  }
  return "unknown";
}

Error Error::within(std::string_view context) && {
  std::string sentence(context);
  sentence += ": ";
  sentence += sentence_;
  return Error(code_, std::move(sentence));
}

namespace {

ErrorCode code_of(int number) {
  switch (number) {
    case ECANCELED:
      return ErrorCode::cancelled;
    case ETIMEDOUT:
      return ErrorCode::timed_out;
    case ECONNRESET:
    case EPIPE:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case ENOTCONN:
      return ErrorCode::connection_lost;
    case ECONNREFUSED:
    case EACCES:
    case EPERM:
    case EADDRINUSE:
    case EADDRNOTAVAIL:
      return ErrorCode::refused;
    case ENOSPC:
    case EDQUOT:
      return ErrorCode::storage_full;
    case EIO:
      return ErrorCode::storage_failed;
    case ENOENT:
      return ErrorCode::not_found;
    case EEXIST:
      return ErrorCode::already_exists;
    case ENOSYS:
    case EOPNOTSUPP:
      return ErrorCode::unsupported;
    default:
      return ErrorCode::system;
  }
}

}  // namespace

Error system_error(std::string_view what, int number) {
  std::string sentence(what);
  sentence += ": ";
  sentence += std::system_category().message(number);
  return Error(code_of(number), std::move(sentence));
}

}  // namespace sluice
