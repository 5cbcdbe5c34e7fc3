#include "spool/environment.h"

#include <fmt/format.h>
#include <lmdb.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "core/assert.h"
#include "spool/spool_directory.h"

namespace sluice::spool {

namespace {

constexpr std::array<const char*, kTables> kTableNames = {
    "meta", "packs", "parts", "envelopes", "deferrals", "quarantine", "queues", "ledger"};
// Without read-ahead: records and bodies share the file, and a walk over records would read bodies.
constexpr unsigned kFlags = MDB_NOTLS | MDB_NORDAHEAD;
constexpr unsigned kReadOnlyFlags = kFlags | MDB_RDONLY | MDB_NOLOCK;
constexpr mdb_mode_t kFileMode = 0640;
constexpr MDB_dbi kFreeList = 0;
constexpr std::string_view kFormatKey = "format";
static_assert(std::endian::native == std::endian::little,
              "numbers lie on disk in little-endian order");

ByteCount rounded_to_pages(ByteCount size) {
  const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return ByteCount((size.value() + page - 1) / page * page);
}

constexpr const char* kFileName = "data.mdb";

std::string file_in(const std::string& directory) { return directory + "/" + kFileName; }

// An empty file is nothing yet. What cannot be looked at is for LMDB to complain of.
bool is_made(const std::string& directory) {
  std::error_code failure;
  const auto bytes = std::filesystem::file_size(file_in(directory), failure);
  return failure ? failure != std::errc::no_such_file_or_directory : bytes > 0;
}

// Why a partition could not be opened, and what to do.
Error explain_open_failure(const std::string& directory, int status) {
  auto error = lmdb_error(directory, status);
  std::string_view advice;
  switch (status) {
    case EACCES:
    case EPERM:
      advice = ": give the directory and its files to the user that runs sluice (chown)";
      break;
    case EROFS:
      advice = ": its file system is mounted read-only";
      break;
    case ENOMEM:
      advice =
          ": no address space for a map of spool_size bytes; raise the limit (ulimit -v) or lower "
          "it";
      break;
    case ENOSPC:
    case EDQUOT:
      advice = ": free some space on its file system";
      break;
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
      advice = ": data.mdb is no spool of this program; move it away or name another directory";
      break;
    default:
      break;
  }
  return Error(error.code(), error.sentence() + std::string(advice));
}

// The pages in LMDB's free list: each value is a count and as many page numbers.
Result<std::uint64_t> count_free_pages(MDB_txn* transaction) {
  MDB_cursor* cursor = nullptr;
  int status = mdb_cursor_open(transaction, kFreeList, &cursor);
  if (status != 0) return std::unexpected(lmdb_error("free list", status));
  std::uint64_t pages = 0;
  MDB_val key{};
  MDB_val value{};
  while ((status = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
    pages += *static_cast<const std::size_t*>(value.mv_data);
  }
  mdb_cursor_close(cursor);
  if (status != MDB_NOTFOUND) return std::unexpected(lmdb_error("free list", status));
  return pages;
}

}  // namespace

Error lmdb_error(std::string_view what, int status) {
  std::string sentence(what);
  sentence += ": ";
  sentence += mdb_strerror(status);
  switch (status) {
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
      return Error(ErrorCode::storage_full, std::move(sentence));
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
      return Error(ErrorCode::corrupt, std::move(sentence));
    case MDB_VERSION_MISMATCH:
      return Error(ErrorCode::unsupported, std::move(sentence));
    case MDB_NOTFOUND:
    case ENOENT:
      return Error(ErrorCode::not_found, std::move(sentence));
    case MDB_KEYEXIST:
      return Error(ErrorCode::already_exists, std::move(sentence));
    case EACCES:
      return Error(ErrorCode::refused, std::move(sentence));
    default:
      return Error(ErrorCode::storage_failed, std::move(sentence));
  }
}

Result<std::unique_ptr<Environment>> Environment::open(const std::string& directory,
                                                       ByteCount map_size, Access access) {
  if (!is_made(directory)) {
    if (access == Access::read_only)
      return fail(ErrorCode::not_found, directory + ": there is no " + kFileName);
    if (auto made = make(directory, map_size); !made)
      return std::unexpected(std::move(made).error());
  }
  return open_made(directory, map_size, access);
}

// Beside its place, then moved there whole: LMDB writes the first pages without syncing them, and a
// loss of power would leave a file that nobody can open.
Result<void> Environment::make(const std::string& directory, ByteCount map_size) {
  const auto beside = directory + "/new";
  std::error_code failure;
  std::filesystem::remove_all(beside, failure);  // left by a start that was cut off
  if (auto made = make_partition_directory(beside); !made) return made;
  if (auto made = open_made(beside, map_size, Access::read_write); !made)
    return std::unexpected(std::move(made).error());
  std::filesystem::rename(file_in(beside), file_in(directory), failure);
  if (failure) return std::unexpected(system_error(file_in(directory), failure.value()));
  std::filesystem::remove_all(beside, failure);  // what stays is removed when there is need
  return sync_directory(directory);
}

Result<std::unique_ptr<Environment>> Environment::open_made(const std::string& directory,
                                                            ByteCount map_size, Access access) {
  std::unique_ptr<Environment> environment(new Environment(directory));
  if (auto opened = environment->open_map(map_size, access); !opened) {
    return std::unexpected(std::move(opened).error());
  }
  if (auto opened = environment->open_tables(access); !opened) {
    return std::unexpected(std::move(opened).error());
  }
  return environment;
}

Environment::~Environment() {
  if (handle_ != nullptr) mdb_env_close(handle_);
}

Result<void> Environment::open_map(ByteCount map_size, Access access) {
  int status = mdb_env_create(&handle_);
  if (status != 0) return std::unexpected(lmdb_error(directory_, status));
  status = mdb_env_set_maxdbs(handle_, kTables);
  SLUICE_ASSERT(status == 0, "the environment is not open yet");
  // LMDB takes the size of what exists where that is larger.
  if (access == Access::read_write) {
    status = mdb_env_set_mapsize(handle_, rounded_to_pages(map_size).value());
    if (status != 0) return std::unexpected(lmdb_error(directory_, status));
  }
  const auto flags = access == Access::read_write ? kFlags : kReadOnlyFlags;
  status = mdb_env_open(handle_, directory_.c_str(), flags, kFileMode);
  if (status != 0) return std::unexpected(explain_open_failure(directory_, status));
  return {};
}

Result<void> Environment::open_tables(Access access) {
  const bool is_read_only = access == Access::read_only;
  MDB_txn* transaction = nullptr;
  int status = mdb_txn_begin(handle_, nullptr, is_read_only ? MDB_RDONLY : 0U, &transaction);
  if (status != 0) return std::unexpected(lmdb_error(directory_, status));
  for (std::size_t i = 0; i < kTables; ++i) {
    status = mdb_dbi_open(transaction, kTableNames[i], is_read_only ? 0U : MDB_CREATE, &tables_[i]);
    if (status != 0) {
      mdb_txn_abort(transaction);
      return std::unexpected(lmdb_error(directory_ + ": table " + kTableNames[i], status));
    }
    // Before anything is changed, and before tables are missed that a newer format may lack.
    if (i > 0) continue;
    if (auto known = check_format(transaction, access); !known) {
      mdb_txn_abort(transaction);
      return known;
    }
  }
  status = mdb_txn_commit(transaction);
  if (status != 0) return std::unexpected(explain_open_failure(directory_, status));
  return {};
}

Result<void> Environment::check_format(MDB_txn* transaction, Access access) {
  MDB_val key{.mv_size = kFormatKey.size(), .mv_data = const_cast<char*>(kFormatKey.data())};
  MDB_val value{};
  int status = mdb_get(transaction, table(Table::meta), &key, &value);
  if (status == MDB_NOTFOUND && access == Access::read_write) {
    std::uint32_t version = kFormatVersion;
    value = {.mv_size = sizeof(version), .mv_data = &version};
    status = mdb_put(transaction, table(Table::meta), &key, &value, 0);
    if (status == 0) return {};
  }
  if (status != 0) return std::unexpected(lmdb_error(directory_ + ": format version", status));

  std::uint32_t version = 0;
  if (value.mv_size != sizeof(version))
    return fail(ErrorCode::corrupt, directory_ + ": the format version is damaged");
  std::memcpy(&version, value.mv_data, sizeof(version));
  if (version == kFormatVersion) return {};
  if (version < kFormatVersion) return upgrade(transaction, version, access);
  return fail(
      ErrorCode::unsupported,
      fmt::format(
          "{} was written by a newer sluice (format {}, this one knows up to {}): run the newer "
          "version, or give this one another spool directory",
          directory_, version, kFormatVersion));
}

// The tables that an older format lacks are made like those of a new spool.
Result<void> Environment::upgrade(MDB_txn* transaction, std::uint32_t from, Access access) {
  if (access == Access::read_only) {
    return fail(
        ErrorCode::unsupported,
        fmt::format("{} was written by an older sluice (format {}): start the relay with it "
                    "once, which brings it up to format {}",
                    directory_, from, kFormatVersion));
  }
  MDB_val key{.mv_size = kFormatKey.size(), .mv_data = const_cast<char*>(kFormatKey.data())};
  std::uint32_t version = kFormatVersion;
  MDB_val value{.mv_size = sizeof(version), .mv_data = &version};
  const int status = mdb_put(transaction, table(Table::meta), &key, &value, 0);
  if (status == 0) return {};
  return std::unexpected(lmdb_error(directory_ + ": format version", status));
}

Environment::Extent Environment::extent() const {
  MDB_envinfo info{};
  MDB_stat stat{};
  mdb_env_info(handle_, &info);
  mdb_env_stat(handle_, &stat);
  return {.touched = (info.me_last_pgno + 1) * stat.ms_psize, .map = info.me_mapsize};
}

int Environment::descriptor() const {
  int descriptor = -1;
  mdb_env_get_fd(handle_, &descriptor);
  return descriptor;
}

Result<MapUse> Environment::map_use() const {
  const auto [touched, map] = extent();
  // Below three quarters nobody needs to know how much of it is free again.
  if (touched < map / 4 * 3) return MapUse{.used = touched, .total = map};

  SLUICE_TRY(reusable, reusable_bytes());
  return MapUse{.used = touched - reusable, .total = map};
}

Result<std::uint64_t> Environment::reusable_bytes() const {
  MDB_stat stat{};
  mdb_env_stat(handle_, &stat);
  MDB_txn* transaction = nullptr;
  const int status = mdb_txn_begin(handle_, nullptr, MDB_RDONLY, &transaction);
  if (status != 0) return std::unexpected(lmdb_error("free list", status));
  const auto pages = count_free_pages(transaction);
  mdb_txn_abort(transaction);
  if (!pages) return std::unexpected(pages.error());
  return *pages * stat.ms_psize;
}

bool Environment::is_usable() const {
  MDB_txn* transaction = nullptr;
  if (mdb_txn_begin(handle_, nullptr, 0, &transaction) != 0) return false;
  mdb_txn_abort(transaction);
  return true;
}

}  // namespace sluice::spool
