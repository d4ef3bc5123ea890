#include "protocol/request_writer.h"

#include "protocol/wire.h"

namespace sojourn::protocol {

void write_request(std::string& out, std::span<const std::string_view> words) {
  append_header(out, '*', words.size());
  for (const std::string_view word : words) {
    append_header(out, '$', word.size());
    out.append(word).append("\r\n", 2);
  }
}

}  // namespace sojourn::protocol
