#pragma once

#include "protocol/reply_parser.h"
#include "protocol/reply_writer.h"

namespace sojourn::protocol {

// Writes a reply that was read, or made up, with its elements.
inline void write_reply(ReplyWriter& writer, const Reply& reply) {
  using Type = Reply::Type;
  switch (reply.type) {
    case Type::null:
      return writer.null();
    case Type::simple:
      return writer.simple(reply.text);
    case Type::error:
      return writer.error(reply.text);
    case Type::integer:
      return writer.integer(reply.integer);
    case Type::bulk:
      return writer.bulk(reply.text);
    case Type::real:
      return writer.real(reply.real);
    case Type::boolean:
      return writer.boolean(reply.integer != 0);
    case Type::big_number:
      return writer.big_number(reply.text);
    case Type::verbatim:
      return writer.verbatim("txt", reply.text);
    case Type::array:
      writer.array(reply.elements.size());
      break;
    case Type::map:
      writer.map(reply.elements.size() / 2);
      break;
    case Type::set:
      writer.set(reply.elements.size());
      break;
    case Type::push:
      writer.push(reply.elements.size());
      break;
  }
  for (const Reply& element : reply.elements) write_reply(writer, element);
}

}  // namespace sojourn::protocol
