// Ledger: which messages were accepted or received, one line per message and recipient, written
// behind the run and readable while it goes on.
//
// Knows every pair of id and recipient it has seen, so that duplicates are told. Any thread.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "bench/pair_set.h"
#include "core/error.h"

namespace sluice::bench {

class Ledger {
 public:
  // An empty path keeps the pairs in memory only.
  static Result<std::unique_ptr<Ledger>> open(const std::string& path);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // Writes "<what> <id> <recipient> <remark>". Returns false when this pair was written before.
  bool write(std::string_view what, std::string_view id, std::string_view recipient,
             std::string_view remark);

  // Makes the lines visible to readers of the file.
  void flush();

  std::uint64_t pairs() const;
  std::uint64_t duplicates() const;

 private:
  explicit Ledger(std::FILE* file) : file_(file) {}
  mutable std::mutex mutex_;
  std::FILE* file_;  // owned, may be null
  PairSet seen_;
  std::uint64_t duplicates_ = 0;
};

}  // namespace sluice::bench
