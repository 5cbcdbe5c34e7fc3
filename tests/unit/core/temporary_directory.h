// A directory of a test's own, gone after it.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "core/assert.h"

namespace sluice {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = std::filesystem::temp_directory_path() / "sluice_test_XXXXXX";
    const char* const made = ::mkdtemp(name.data());
    SLUICE_ASSERT(made != nullptr, "the tests may write where temporary files go");
    path_ = made;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }

  const std::filesystem::path& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace sluice
