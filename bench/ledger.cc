#include "bench/ledger.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <cerrno>

namespace sluice::bench {

Result<std::unique_ptr<Ledger>> Ledger::open(const std::string& path) {
  std::FILE* file = nullptr;
  if (!path.empty()) {
    file = std::fopen(path.c_str(), "we");
    if (file == nullptr) return std::unexpected(system_error("ledger " + path, errno));
  }
  return std::unique_ptr<Ledger>(new Ledger(file));
}

Ledger::~Ledger() {
  if (file_ != nullptr) std::fclose(file_);
}

bool Ledger::write(std::string_view what, std::string_view id, std::string_view recipient,
                   std::string_view remark) {
  const std::uint64_t pair =
      XXH3_64bits_withSeed(recipient.data(), recipient.size(), XXH3_64bits(id.data(), id.size()));
  const std::lock_guard lock(mutex_);
  const bool is_new = seen_.insert(pair);
  if (!is_new) ++duplicates_;
  if (file_ != nullptr) {
    fmt::print(file_, "{} {} {} {}\n", what, id.empty() ? "-" : id, recipient, remark);
  }
  return is_new;
}

void Ledger::flush() {
  const std::lock_guard lock(mutex_);
  if (file_ != nullptr) std::fflush(file_);
}

std::uint64_t Ledger::pairs() const {
  const std::lock_guard lock(mutex_);
  return seen_.size();
}

std::uint64_t Ledger::duplicates() const {
  const std::lock_guard lock(mutex_);
  return duplicates_;
}

}  // namespace sluice::bench
