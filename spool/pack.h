// Packs: the immutable parts of many messages, side by side in one value.
//
// A pack is a header and one entry per message; an entry is the message's head (ids, lengths,
// opaque metadata of the message and of each envelope) and its body. Head and body carry an XXH3
// each, so an envelope can be read without its body. An entry does not know where it lies:
// compaction copies it as it is. A body part is a value of its own.
//
// Packs are assembled where LMDB will write them from, hence the bare `char*`. Pure, for any
// thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/buffer.h"
#include "core/error.h"
#include "spool/message_id.h"
#include "spool/spool.h"

namespace sluice::spool {

// A pack is closed before it would pass this; an entry that is longer has one of its own.
inline constexpr std::size_t kPackBytesMax = 1 << 20;
// A body goes into its entry up to this: the longest that lies in memory, with usual metadata.
inline constexpr std::size_t kEntryBytesMax = kBodyPartBytes + 64 * 1024;
inline constexpr std::size_t kPackHeaderBytes = 16;
inline constexpr std::size_t kEntryHeaderBytes = 64;
inline constexpr std::size_t kPartHeaderBytes = 48;
// All metadata of one message: reverse-path, recipients, trace header.
inline constexpr std::size_t kMessageMetadataBytesMax = 2 << 20;

// What goes into an entry. Points into what its owner keeps until it is written.
struct EntryContents {
  MessageId message;
  std::string_view metadata;
  std::span<const NewEnvelope> envelopes;
  std::uint64_t body_bytes = 0;     // of the whole body
  std::uint16_t body_parts = 0;     // 0: the body is in the entry
  const ByteChain* body = nullptr;  // null: in parts, or empty
};

// The room that the entry takes.
std::size_t entry_bytes(const EntryContents& contents);
// The part of it that is not body.
std::size_t entry_head_bytes(const EntryContents& contents);

// Writes the entry to `at`, which has entry_bytes() of room. Returns its end.
char* write_entry(char* at, const EntryContents& contents);

// An entry read back. Points into the bytes that were parsed.
class Entry {
 public:
  // Checks the head: its hash, and that everything lies inside `bytes`, which start with the entry
  // and may go on after it. Not the body: see check_body().
  static Result<Entry> parse(std::string_view bytes);

  MessageId message() const { return message_; }
  std::uint16_t envelopes() const { return envelopes_; }
  std::size_t size() const { return size_; }
  std::string_view metadata() const { return metadata_; }
  // Of the envelope with this ordinal, which is less than envelopes().
  std::string_view envelope_metadata(std::uint16_t ordinal) const;
  std::uint64_t body_bytes() const { return body_bytes_; }
  std::uint16_t body_parts() const { return body_parts_; }
  std::string_view body() const { return body_; }  // empty when it is in parts
  Result<void> check_body() const;

 private:
  explicit Entry(const MessageId& message) : message_(message) {}
  std::uint32_t metadata_length(std::size_t ordinal) const;

  MessageId message_;
  std::uint16_t envelopes_ = 0;
  std::uint16_t body_parts_ = 0;
  std::size_t size_ = 0;
  std::string_view lengths_;  // of the envelopes' metadata, four bytes each
  std::string_view metadata_;
  std::string_view envelopes_metadata_;  // one after the other
  std::uint64_t body_bytes_ = 0;
  std::uint64_t body_hash_ = 0;
  std::string_view body_;
};

// Writes the header of a pack of `entries`, `bytes` long with its header. Returns its end.
char* write_pack_header(char* at, std::uint32_t entries, std::size_t bytes);
struct PackHeader {
  std::uint32_t entries;
  std::uint32_t bytes;
};
Result<PackHeader> parse_pack_header(std::string_view pack);

// How consecutive entries are divided into packs.
struct PackPlan {
  std::size_t first;
  std::size_t count;
  std::size_t bytes;  // with the header
};
std::vector<PackPlan> plan_packs(std::span<const std::size_t> entry_sizes);

// A part of a body, whole. It has part_bytes() of room at `at`.
std::size_t part_bytes(const ByteChain& body);
void write_part(char* at, const MessageId& message, std::uint32_t part, const ByteChain& body);
// Checks everything and returns the bytes of the body.
Result<std::string_view> parse_part(std::string_view value, const MessageId& message,
                                    std::uint32_t part);

}  // namespace sluice::spool
