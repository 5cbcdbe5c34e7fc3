// ConnectionFacts: what TLS achieved on a connection. A value, for Received fields, logs and
// limits.
#pragma once

#include <string>

namespace sluice::tls {

struct ConnectionFacts {
  std::string version;      // "TLSv1.3"
  std::string cipher;       // as IANA names it: "TLS_AES_128_GCM_SHA256"
  std::string server_name;  // the SNI of the client; empty: none
  bool is_resumed = false;  // by a session ticket
};

}  // namespace sluice::tls
