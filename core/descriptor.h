// Descriptors of sockets: opened, asked and closed by plain system calls, none of which waits.
// What may wait goes through the Ring.
#pragma once

#include "core/error.h"
#include "core/ip_address.h"

namespace sluice {

// A TCP socket to connect to `peer`, bound to `local` where that is not null.
Result<int> open_tcp_socket(const Endpoint& peer, const IpAddress* local);

// Makes a connected socket send at once what it is given (TCP_NODELAY), where it is TCP.
void send_without_delay(int descriptor);

// Who is at the other end; 0.0.0.0:0 of a Unix socket.
Result<Endpoint> peer_of(int descriptor);

void close_descriptor(int descriptor);

}  // namespace sluice
