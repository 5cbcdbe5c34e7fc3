// ReadTransaction, WriteTransaction and Cursor: LMDB's transactions as types. Neither copied nor
// moved; destruction aborts. A write is durable when commit() returns a value.
//
// What find() and cursors return points into the map: valid while the transaction lives, and in a
// WriteTransaction until its next change. Each belongs to the thread that began it, for less than
// a step: never across a wait.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "core/error.h"
#include "spool/environment.h"

struct MDB_txn;
struct MDB_cursor;

namespace sluice::spool {

class Transaction {
 public:
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  // The value, or nothing. corrupt, storage_failed.
  Result<std::optional<std::string_view>> find(Table table, std::string_view key) const;

  // Its number: of the last commit that a reader sees, of the commit that a writer makes.
  std::uint64_t number() const;

 protected:
  Transaction(const Environment& environment, MDB_txn* handle)
      : environment_(environment), handle_(handle) {}
  ~Transaction();

  friend class Cursor;
  const Environment& environment_;
  MDB_txn* handle_;  // null once committed
};

class ReadTransaction : public Transaction {
 public:
  static Result<std::unique_ptr<ReadTransaction>> begin(const Environment& environment);

 private:
  using Transaction::Transaction;
};

class WriteTransaction : public Transaction {
 public:
  static Result<std::unique_ptr<WriteTransaction>> begin(const Environment& environment);

  Result<void> put(Table table, std::string_view key, std::string_view value);
  // Room for a value that the caller fills before the next change. With `at_end` the key is greater
  // than all there are.
  Result<char*> reserve(Table table, std::string_view key, std::size_t bytes);
  Result<char*> reserve_at_end(Table table, std::string_view key, std::size_t bytes);
  // Whether there was one.
  Result<bool> remove(Table table, std::string_view key);
  Result<void> commit();

 private:
  using Transaction::Transaction;
  Result<char*> reserve_with(unsigned flags, Table table, std::string_view key, std::size_t bytes);
};

struct Row {
  std::string_view key;
  std::string_view value;
};

class Cursor {
 public:
  // Ends before its transaction does.
  static Result<std::unique_ptr<Cursor>> open(const Transaction& transaction, Table table);
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;
  ~Cursor();

  // Nothing: there is no such row, or none left.
  Result<std::optional<Row>> first();
  Result<std::optional<Row>> last();
  Result<std::optional<Row>> next();
  Result<std::optional<Row>> find(std::string_view key);  // exactly that key
  Result<std::optional<Row>> seek(std::string_view key);  // that key or the next one

  // The row where the cursor stands; in a WriteTransaction.
  Result<void> replace(std::string_view key, std::string_view value);
  Result<void> remove();

 private:
  explicit Cursor(MDB_cursor* handle) : handle_(handle) {}
  Result<std::optional<Row>> move(int operation, std::string_view key);

  MDB_cursor* handle_;
};

}  // namespace sluice::spool
