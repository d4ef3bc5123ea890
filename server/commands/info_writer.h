#pragma once

#include <fmt/format.h>

#include <iterator>
#include <string>
#include <string_view>

namespace sojourn::server {

// Writes INFO's text: sections, and a line a field.
class InfoWriter {
 public:
  explicit InfoWriter(std::string& out) : out_(out) {}

  void section(std::string_view title) {
    if (!out_.empty()) out_ += "\r\n";
    fmt::format_to(std::back_inserter(out_), "# {}\r\n", title);
  }
  template <class T>
  void field(std::string_view name, const T& value) {
    fmt::format_to(std::back_inserter(out_), "{}:{}\r\n", name, value);
  }
  void flag(std::string_view name, bool value) { field(name, value ? 1 : 0); }
  // A text that may hold anything: kept on its line.
  void text(std::string_view name, std::string_view value) {
    std::string line(value);
    for (char& c : line) {
      if (c == '\r' || c == '\n') c = ' ';
    }
    field(name, line);
  }
  // With two decimals.
  void ratio(std::string_view name, double value) {
    fmt::format_to(std::back_inserter(out_), "{}:{:.2f}\r\n", name, value);
  }
  // The figure, and below it the same for people.
  void bytes(std::string_view name, std::uint64_t value);

 private:
  std::string& out_;
};

}  // namespace sojourn::server
