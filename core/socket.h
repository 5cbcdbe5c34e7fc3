// TcpSocket: a Stream over a connected TCP socket of one shard's ring. connect_tcp opens one.
//
// Receiving is multishot into the ring's buffers, copied out at once into the stream's own
// memory, which an idle connection does not hold. Sending is one gathered sendmsg at a time.
#pragma once

#include <memory>

#include "core/ip_address.h"
#include "core/stream.h"

namespace sluice {

class Shard;

// Which of the ring's receive-buffer groups a connection draws from: outgoing ones have their own,
// or the replies that would free memory could not come in.
enum class Direction : std::uint8_t { incoming, outgoing };

// Owns the descriptor. On the shard's thread.
std::unique_ptr<Stream> adopt_socket(Shard& shard, int descriptor, Direction direction);

// Connects within the deadline: refused, timed_out or connection_lost otherwise. `local` binds the
// source address when it is not null.
Task<Result<std::unique_ptr<Stream>>> connect_tcp(Shard& shard, Endpoint peer,
                                                  const IpAddress* local, Deadline deadline);

// The number of sockets that exist on this shard, for the check at shutdown.
std::size_t open_sockets(const Shard& shard);

}  // namespace sluice
