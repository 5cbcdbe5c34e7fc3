// Environment: one LMDB environment, the file and the tables of one partition.
//
// Its map has the configured size from the start, which costs address space only. The flags are the
// durable ones (docs/architecture.md): a commit is on disk when it returns. LMDB's header stays in
// environment.cc and transaction.cc. Opened by one process at a time (spool/lock_file.h).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/units.h"

struct MDB_env;
struct MDB_txn;

namespace sluice::spool {

enum class Table : std::uint8_t {
  meta,        // name -> format version, accounting totals
  packs,       // pack id -> pack (spool/pack.h)
  parts,       // message id + part number -> part of a long body
  envelopes,   // message id + ordinal -> EnvelopeRecord
  deferrals,   // the same key -> past attempts
  quarantine,  // the same key -> the record, as it was when damage was found
  queues,      // queue number -> its name
  ledger,      // name -> a counter (spool/ledger.h)
};
inline constexpr std::size_t kTables = 8;

// What this program writes, and the newest that it reads. 1 had no ledger; opened to be written, it
// becomes 2.
inline constexpr std::uint32_t kFormatVersion = 2;

enum class Access : std::uint8_t { read_write, read_only };

struct MapUse {
  std::uint64_t used;  // bytes that are not free
  std::uint64_t total;
};

class Environment {
 public:
  // Makes what is missing, all of it or nothing. Read-only needs the tables to exist and takes no
  // locks: the caller holds the spool's lock file.
  static Result<std::unique_ptr<Environment>> open(const std::string& directory, ByteCount map_size,
                                                   Access access);
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment();

  // How far the map was ever used, free pages among it, and how large it is; in bytes. Cheap.
  struct Extent {
    std::uint64_t touched;
    std::uint64_t map;
  };
  Extent extent() const;

  // How full the map is. Cheap while most of it was never touched; else it walks the free list.
  Result<MapUse> map_use() const;

  // What ended leaves its pages in the file, which never shrinks: bytes that can be used again.
  // Walks the free list.
  Result<std::uint64_t> reusable_bytes() const;

  // Whether a write transaction can begin. After a failed commit: no, when its meta page failed.
  bool is_usable() const;

  MDB_env* handle() const { return handle_; }
  int descriptor() const;  // of the file; LMDB's own
  unsigned table(Table table) const { return tables_[static_cast<std::size_t>(table)]; }
  const std::string& directory() const { return directory_; }

 private:
  explicit Environment(std::string directory) : directory_(std::move(directory)) {}
  static Result<void> make(const std::string& directory, ByteCount map_size);
  static Result<std::unique_ptr<Environment>> open_made(const std::string& directory,
                                                        ByteCount map_size, Access access);
  Result<void> open_map(ByteCount map_size, Access access);
  Result<void> open_tables(Access access);
  Result<void> upgrade(MDB_txn* transaction, std::uint32_t from, Access access);
  Result<void> check_format(MDB_txn* transaction, Access access);

  std::string directory_;
  MDB_env* handle_ = nullptr;
  std::array<unsigned, kTables> tables_{};
};

// An Error for a status of LMDB: storage_full where space ran out, corrupt where its pages are
// wrong, storage_failed otherwise.
Error lmdb_error(std::string_view what, int status);

}  // namespace sluice::spool
