// LockFile: keeps a second process out of a spool. The lock is the kernel's, so it ends with its
// process however that ends; the file holds the process id for the message to the operator.
#pragma once

#include <memory>
#include <string>

#include "core/error.h"

namespace sluice::spool {

class LockFile {
 public:
  // refused: somebody has it, in another process or in this one. Creates the file.
  static Result<std::unique_ptr<LockFile>> take(const std::string& spool_directory);
  LockFile(const LockFile&) = delete;
  LockFile& operator=(const LockFile&) = delete;
  ~LockFile();

 private:
  explicit LockFile(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace sluice::spool
