// How wolfSSL takes bytes and tells reasons. For tls/*.cc.
#pragma once

#include <string>
#include <string_view>

namespace sluice::tls {

inline const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// wolfSSL's own words for one of its negative numbers: "ASN no PEM header found, error -162".
std::string reason(int status);

}  // namespace sluice::tls
