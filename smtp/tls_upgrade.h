// TlsUpgrade: how the stream of a session becomes TLS after STARTTLS (RFC 3207), on either side.
#pragma once

#include "core/clock.h"
#include "core/error.h"
#include "core/task.h"
#include "tls/connection_facts.h"

namespace sluice::smtp {

class TlsUpgrade {
 public:
  TlsUpgrade() = default;
  TlsUpgrade(const TlsUpgrade&) = delete;
  TlsUpgrade& operator=(const TlsUpgrade&) = delete;
  virtual ~TlsUpgrade() = default;

  // Drops what came and was not consumed: it was said in clear, by whomever (CVE-2011-0411).
  virtual void discard_received() = 0;
  // The handshake. After an Error the stream can only be closed.
  virtual Task<Result<tls::ConnectionFacts>> secure(Deadline deadline) = 0;
};

}  // namespace sluice::smtp
