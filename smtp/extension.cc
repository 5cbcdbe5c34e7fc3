#include "smtp/extension.h"

#include "smtp/ascii.h"

namespace sluice::smtp {
namespace {

constexpr Extension kExtensions[] = {
    Extension::pipelining,     Extension::size,
    Extension::eight_bit_mime, Extension::enhanced_status_codes,
    Extension::chunking,       Extension::starttls,
    Extension::auth,           Extension::dsn,
    Extension::limits,
};

}  // namespace

std::string_view keyword_of(Extension extension) {
  switch (extension) {
    case Extension::pipelining:
      return "PIPELINING";
    case Extension::size:
      return "SIZE";
    case Extension::eight_bit_mime:
      return "8BITMIME";
    case Extension::enhanced_status_codes:
      return "ENHANCEDSTATUSCODES";
    case Extension::chunking:
      return "CHUNKING";
    case Extension::starttls:
      return "STARTTLS";
    case Extension::auth:
      return "AUTH";
    case Extension::dsn:
      return "DSN";
    case Extension::limits:
      return "LIMITS";
  }
  return "";
}

std::optional<Extension> extension_of(std::string_view keyword) {
  for (const Extension extension : kExtensions) {
    if (equal_ignoring_case(keyword, keyword_of(extension))) return extension;
  }
  return std::nullopt;
}

}  // namespace sluice::smtp
