// ClientHellos as the tests need them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::tls {

inline std::string big_endian(std::size_t number, std::size_t bytes) {
  std::string text;
  while (bytes-- > 0) text += static_cast<char>(number >> (8 * bytes));
  return text;
}

inline std::string vector_of(std::string_view bytes, std::size_t length_bytes) {
  return big_endian(bytes.size(), length_bytes) + std::string(bytes);
}

inline std::string numbers(const std::vector<std::uint16_t>& list) {
  std::string text;
  for (const std::uint16_t number : list) text += big_endian(number, 2);
  return text;
}

inline std::string extension(std::uint16_t type, std::string_view body) {
  return big_endian(type, 2) + vector_of(body, 2);
}

inline std::string server_name_extension(std::string_view name) {
  return extension(0, vector_of(big_endian(0, 1) + vector_of(name, 2), 2));
}

struct HelloParts {
  std::vector<std::uint16_t> suites = {0x1301, 0xc02b, 0xc02f};
  std::string extensions;
};

inline std::string hello_body(const HelloParts& parts) {
  return big_endian(0x0303, 2) + std::string(32, 'r') + vector_of(std::string(32, 's'), 1) +
         vector_of(numbers(parts.suites), 2) + vector_of(std::string(1, '\0'), 1) +
         vector_of(parts.extensions, 2);
}

// The message in records of at most so many bytes.
inline std::string hello_records(std::string_view body, std::size_t record_bytes = 16'384) {
  const std::string message = big_endian(1, 1) + vector_of(body, 3);
  std::string text;
  for (std::string_view rest = message; !rest.empty();) {
    const std::string_view part = rest.substr(0, record_bytes);
    text += big_endian(22, 1) + big_endian(0x0301, 2) + vector_of(part, 2);
    rest.remove_prefix(part.size());
  }
  return text;
}

}  // namespace sluice::tls
