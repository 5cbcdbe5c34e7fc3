// TlsStream: TLS over another Stream, which it owns: a Stream itself.
//
// Each send encrypts at most kPendingCiphertextBytesMax and waits until the inner stream has taken
// it before it encrypts more. What the protocol answers by itself (alerts, KeyUpdate) is sent by
// whoever is sending; by the reader when nobody is. A peer that closes TCP without a close_notify
// may have been cut off by somebody else: connection_lost; in order is end_of_stream.
// close() says close_notify, if the connection takes it at once, and waits for no answer.
// On the shard of the inner stream.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "core/event.h"
#include "core/offload_pool.h"
#include "core/stream.h"
#include "core/wait.h"
#include "tls/engine.h"

namespace sluice {
class Shard;
}

namespace sluice::tls {

// How long a close may wait for room for its close_notify.
inline constexpr Duration kCloseNotifyPatience = std::chrono::milliseconds(200);

class TlsStream final : public Stream {
 public:
  // The role is a std::shared_ptr<const ServerContext> or a ClientRole.
  template <class Role>
  TlsStream(Shard& shard, std::unique_ptr<Stream> inner, Role role)
      : shard_(shard),
        inner_(std::move(inner)),
        engine_(std::move(role)),
        sender_left_(shard),
        idle_(run_queue_of(shard)) {}
  ~TlsStream() override;

  // Once, before anything else. All of it within the deadline. After a failure only close() is
  // left; the peer was told by an alert, if it was the peer's fault. RSA signatures are made by the
  // pool, or here when there is none (null).
  Task<Result<ConnectionFacts>> handshake(Deadline deadline, OffloadPool* signing = nullptr);

  std::string_view received() const override { return engine_.plaintext().visible(); }
  void consume(std::size_t bytes) override { engine_.plaintext().consume(bytes); }
  Task<Result<void>> fill(Deadline deadline) override;
  Task<Result<void>> send(std::span<const std::string_view> pieces, Deadline deadline) override;
  Task<void> close() override;

  // For a client: what it can resume with.
  ClientSession session() const { return engine_.session(); }

 private:
  static RunQueue& run_queue_of(Shard& shard);
  Task<Result<void>> negotiate(Deadline deadline, OffloadPool* signing);
  Task<Result<void>> feed_slowly(OffloadPool& signing);
  Task<Result<void>> read(Deadline deadline);
  Task<Result<void>> write(std::span<const std::string_view> pieces, Deadline deadline);
  Task<Result<void>> become_sender(Deadline deadline);
  Task<Result<void>> flush(Deadline deadline);
  Task<Result<void>> answer(Deadline deadline);
  Result<void> feed();
  void stop_sending();
  void leave();
  std::unexpected<Error> inner_failure(Error error) const;

  Shard& shard_;
  std::unique_ptr<Stream> inner_;
  Engine engine_;
  Event sender_left_;
  ResumePoint idle_;  // where close() waits
  bool is_reading_ = false;
  bool is_writing_ = false;
  bool is_sending_ = false;  // somebody is in inner_->send: the reader, the writer or close()
  bool is_send_broken_ = false;
  bool is_closing_ = false;
  bool is_closed_ = false;
};

}  // namespace sluice::tls
