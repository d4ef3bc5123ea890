#pragma once

#include <cstddef>
#include <string_view>

namespace sojourn::load {

// A reply of one of the shapes that our requests can have: a line, a string of bytes, or an array
// of these. The load must cost less than the server it loads, so this finds the end of a reply and
// no more.
struct ScannedReply {
  enum class Shape { incomplete, line, bytes, array, nothing, error, strange };

  Shape shape = Shape::incomplete;
  std::string_view text;  // without what frames it; a line keeps its first letter: "+OK", ":1",
                          // and an array's begins with its count: "8\r\n$3\r\n..."
  std::size_t size = 0;   // of the whole, in the input
};

// The first reply in input. What is incomplete has size 0; after what is strange, nothing can be
// found any more.
ScannedReply scan_reply(std::string_view input);

}  // namespace sojourn::load
