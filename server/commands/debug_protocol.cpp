// DEBUG PROTOCOL: one reply of each type, the same as Redis's, for those who test clients.

#include <string_view>

#include "protocol/reply_writer.h"
#include "server/commands/call.h"
#include "server/commands/debug.h"

namespace sojourn::server {
namespace {

using protocol::ReplyWriter;
using protocol::Version;

void three_numbers(ReplyWriter& reply) {
  for (int i = 0; i < 3; ++i) reply.integer(i);
}

void array(ReplyWriter& reply) {
  reply.array(3);
  three_numbers(reply);
}

void set(ReplyWriter& reply) {
  reply.set(3);
  three_numbers(reply);
}

void map(ReplyWriter& reply) {
  reply.map(3);
  for (int i = 0; i < 3; ++i) {
    reply.integer(i);
    reply.boolean(i == 1);
  }
}

// Clients that know RESP2 only get nothing of an attribute.
void attribute(ReplyWriter& reply) {
  if (reply.version() == Version::resp3) {
    reply.raw("|1\r\n");
    reply.bulk("key-popularity");
    reply.array(2);
    reply.bulk("key:123");
    reply.integer(90);
  }
  reply.bulk("Some real reply following the attribute");
}

void push(ReplyWriter& reply) {
  if (reply.version() != Version::resp3) {
    return reply.error("ERR RESP2 is not supported by this command");
  }
  reply.push(2);
  reply.bulk("server-cpu-usage");
  reply.integer(42);
  reply.bulk("Some real reply following the push reply");
}

struct Sample {
  std::string_view name;
  void (*write)(ReplyWriter& reply);
};
constexpr Sample kSamples[] = {
    {"string", [](ReplyWriter& reply) { reply.bulk("Hello World"); }},
    {"integer", [](ReplyWriter& reply) { reply.integer(12345); }},
    {"double", [](ReplyWriter& reply) { reply.real(3.141); }},
    {"bignum",
     [](ReplyWriter& reply) { reply.big_number("1234567999999999999999999999999999999"); }},
    {"null", [](ReplyWriter& reply) { reply.null(); }},
    {"array", array},
    {"set", set},
    {"map", map},
    {"attrib", attribute},
    {"push", push},
    {"verbatim", [](ReplyWriter& reply) { reply.verbatim("txt", "This is a verbatim\nstring"); }},
    {"true", [](ReplyWriter& reply) { reply.boolean(true); }},
    {"false", [](ReplyWriter& reply) { reply.boolean(false); }},
};

}  // namespace

void debug_protocol(Call& call) {
  Args args = call.args();
  for (const Sample& sample : kSamples) {
    if (args.option(sample.name)) return sample.write(call.reply);
  }
  call.refuse(
      "ERR Wrong protocol type name. Please use one of the following: "
      "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false");
}

}  // namespace sojourn::server
