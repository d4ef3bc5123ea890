#include "bench/load/reply_scan.h"

#include <charconv>

namespace sojourn::load {
namespace {

using Shape = ScannedReply::Shape;

// -1 as it is; less for what is no size.
long long size_in(std::string_view line) {
  long long size = 0;
  const auto [end, error] = std::from_chars(line.data() + 1, line.data() + line.size(), size);
  return error == std::errc{} && end == line.data() + line.size() ? size : -2;
}

ScannedReply scan_bytes(std::string_view line, std::size_t line_size, std::string_view input) {
  const long long length = size_in(line);
  if (length < -1) return {Shape::strange, line, line_size};
  if (length == -1) return {Shape::nothing, {}, line_size};
  const auto bytes = static_cast<std::size_t>(length);
  if (input.size() - line_size < bytes || input.size() - line_size - bytes < 2) return {};
  return {Shape::bytes, input.substr(line_size, bytes), line_size + bytes + 2};
}

ScannedReply scan_array(std::string_view line, std::size_t line_size, std::string_view input) {
  const long long count = size_in(line);
  if (count < 0) return {Shape::strange, line, line_size};
  std::size_t size = line_size;
  for (long long i = 0; i < count; ++i) {
    const ScannedReply element = scan_reply(input.substr(size));
    if (element.shape == Shape::incomplete || element.shape == Shape::strange) return element;
    size += element.size;
  }
  return {Shape::array, input.substr(1, size - 1), size};
}

}  // namespace

ScannedReply scan_reply(std::string_view input) {
  const std::size_t end = input.find("\r\n");
  if (end == std::string_view::npos) return {};
  const std::string_view line = input.substr(0, end);
  const std::size_t size = end + 2;
  if (line.empty()) return {Shape::strange, line, size};
  switch (line.front()) {
    case '$':
      return scan_bytes(line, size, input);
    case '*':
      return scan_array(line, size, input);
    case '+':
    case ':':
      return {Shape::line, line, size};
    case '-':
      return {Shape::error, line, size};
    default:
      return {Shape::strange, line, size};
  }
}

}  // namespace sojourn::load
