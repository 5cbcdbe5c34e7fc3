#include "spool/transaction.h"

#include <lmdb.h>

#include <utility>

#include "core/assert.h"

namespace sluice::spool {

namespace {

// LMDB takes keys and values as non-const and leaves them alone.
MDB_val to_lmdb(std::string_view bytes) {
  return MDB_val{.mv_size = bytes.size(), .mv_data = const_cast<char*>(bytes.data())};
}

std::string_view from_lmdb(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

}  // namespace

Transaction::~Transaction() {
  if (handle_ != nullptr) mdb_txn_abort(handle_);
}

Result<std::optional<std::string_view>> Transaction::find(Table table, std::string_view key) const {
  MDB_val key_value = to_lmdb(key);
  MDB_val value{};
  const int status = mdb_get(handle_, environment_.table(table), &key_value, &value);
  if (status == MDB_NOTFOUND) return std::optional<std::string_view>();
  if (status != 0) return std::unexpected(lmdb_error("read", status));
  return from_lmdb(value);
}

std::uint64_t Transaction::number() const { return mdb_txn_id(handle_); }

Result<std::unique_ptr<ReadTransaction>> ReadTransaction::begin(const Environment& environment) {
  MDB_txn* handle = nullptr;
  const int status = mdb_txn_begin(environment.handle(), nullptr, MDB_RDONLY, &handle);
  if (status != 0) return std::unexpected(lmdb_error("begin reading", status));
  return std::unique_ptr<ReadTransaction>(new ReadTransaction(environment, handle));
}

Result<std::unique_ptr<WriteTransaction>> WriteTransaction::begin(const Environment& environment) {
  MDB_txn* handle = nullptr;
  const int status = mdb_txn_begin(environment.handle(), nullptr, 0, &handle);
  if (status != 0) return std::unexpected(lmdb_error("begin writing", status));
  return std::unique_ptr<WriteTransaction>(new WriteTransaction(environment, handle));
}

Result<void> WriteTransaction::put(Table table, std::string_view key, std::string_view value) {
  MDB_val key_value = to_lmdb(key);
  MDB_val data = to_lmdb(value);
  const int status = mdb_put(handle_, environment_.table(table), &key_value, &data, 0);
  if (status != 0) return std::unexpected(lmdb_error("write", status));
  return {};
}

Result<char*> WriteTransaction::reserve(Table table, std::string_view key, std::size_t bytes) {
  return reserve_with(MDB_RESERVE, table, key, bytes);
}

Result<char*> WriteTransaction::reserve_at_end(Table table, std::string_view key,
                                               std::size_t bytes) {
  return reserve_with(MDB_RESERVE | MDB_APPEND, table, key, bytes);
}

Result<char*> WriteTransaction::reserve_with(unsigned flags, Table table, std::string_view key,
                                             std::size_t bytes) {
  MDB_val key_value = to_lmdb(key);
  MDB_val data{.mv_size = bytes, .mv_data = nullptr};
  const int status = mdb_put(handle_, environment_.table(table), &key_value, &data, flags);
  if (status != 0) return std::unexpected(lmdb_error("write", status));
  return static_cast<char*>(data.mv_data);
}

Result<bool> WriteTransaction::remove(Table table, std::string_view key) {
  MDB_val key_value = to_lmdb(key);
  const int status = mdb_del(handle_, environment_.table(table), &key_value, nullptr);
  if (status == MDB_NOTFOUND) return false;
  if (status != 0) return std::unexpected(lmdb_error("remove", status));
  return true;
}

Result<void> WriteTransaction::commit() {
  SLUICE_ASSERT(handle_ != nullptr, "commit twice");
  const int status = mdb_txn_commit(std::exchange(handle_, nullptr));  // frees it also on failure
  if (status != 0) return std::unexpected(lmdb_error("commit", status));
  return {};
}

Result<std::unique_ptr<Cursor>> Cursor::open(const Transaction& transaction, Table table) {
  MDB_cursor* handle = nullptr;
  const int status =
      mdb_cursor_open(transaction.handle_, transaction.environment_.table(table), &handle);
  if (status != 0) return std::unexpected(lmdb_error("cursor", status));
  return std::unique_ptr<Cursor>(new Cursor(handle));
}

Cursor::~Cursor() { mdb_cursor_close(handle_); }

Result<std::optional<Row>> Cursor::first() { return move(MDB_FIRST, {}); }
Result<std::optional<Row>> Cursor::last() { return move(MDB_LAST, {}); }
Result<std::optional<Row>> Cursor::next() { return move(MDB_NEXT, {}); }
Result<std::optional<Row>> Cursor::find(std::string_view key) { return move(MDB_SET_KEY, key); }
Result<std::optional<Row>> Cursor::seek(std::string_view key) { return move(MDB_SET_RANGE, key); }

Result<std::optional<Row>> Cursor::move(int operation, std::string_view key) {
  MDB_val key_value = to_lmdb(key);
  MDB_val value{};
  const int status =
      mdb_cursor_get(handle_, &key_value, &value, static_cast<MDB_cursor_op>(operation));
  if (status == MDB_NOTFOUND) return std::optional<Row>();
  if (status != 0) return std::unexpected(lmdb_error("read", status));
  return Row{.key = from_lmdb(key_value), .value = from_lmdb(value)};
}

Result<void> Cursor::replace(std::string_view key, std::string_view value) {
  MDB_val key_value = to_lmdb(key);
  MDB_val data = to_lmdb(value);
  const int status = mdb_cursor_put(handle_, &key_value, &data, MDB_CURRENT);
  if (status != 0) return std::unexpected(lmdb_error("write", status));
  return {};
}

Result<void> Cursor::remove() {
  const int status = mdb_cursor_del(handle_, 0);
  if (status != 0) return std::unexpected(lmdb_error("remove", status));
  return {};
}

}  // namespace sluice::spool
