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

}  // namespace sluice::commands
