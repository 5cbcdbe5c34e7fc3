// Secret: bytes that nobody may see, such as a password.
//
// They have no form for logs (no operator<<, no fmt formatter), are compared in time that does not
// depend on what they hold, and are overwritten when their last copy goes. Copies share the bytes,
// which never change. It does not keep the kernel from swapping them out. From any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace sluice {

// Overwrites what the text holds, in a way that the compiler keeps, and empties it.
void wipe(std::string& text);

// Takes as long for any two texts of the same length; a length is no secret.
bool equal_in_constant_time(std::string_view a, std::string_view b);

class Secret {
 public:
  Secret() = default;
  // Overwrites the text that it takes.
  explicit Secret(std::string text);

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  // For whoever checks or sends it; valid as long as a copy of this Secret is.
  std::string_view reveal() const { return {bytes_.get(), size_}; }

  friend bool operator==(const Secret& a, const Secret& b) {
    return equal_in_constant_time(a.reveal(), b.reveal());
  }

 private:
  std::shared_ptr<char[]> bytes_;
  std::size_t size_ = 0;
};

}  // namespace sluice
