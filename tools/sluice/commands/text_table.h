// TextTable: rows in aligned columns, for people.
#pragma once

#include <string>
#include <vector>

namespace sluice::commands {

class TextTable {
 public:
  enum class Align : unsigned char { left, right };
  struct Column {
    std::string title;
    Align align = Align::left;
  };

  explicit TextTable(std::vector<Column> columns);
  void add(std::vector<std::string> cells);  // one per column

  // With its title line; every line ends without trailing spaces.
  std::string to_string() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// "in 4m10s", "in 2h05m", "now"; for a wait of that many seconds.
std::string show_wait(long long seconds);
// "4m10s": how long something has been.
std::string show_age(long long seconds);
// At most so many bytes, with "..." where something is left out.
std::string shorten(const std::string& text, std::size_t bytes_max);

}  // namespace sluice::commands
