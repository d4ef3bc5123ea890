#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/commands/command.h"

namespace sojourn::server {

// One argument of a command, as COMMAND DOCS tells programs of it.
struct Argument {
  enum class Type : std::uint8_t {
    string,
    integer,
    real,
    key,
    pattern,
    unix_time,
    pure_token,  // a word that stands for itself
    oneof,       // of its parts
    block,       // all of its parts, in order
  };
  Type type = Type::string;
  std::string name;
  std::string_view token = {};  // the word that comes before it, or that it is; "" for none
  bool optional = false;
  bool multiple = false;        // may come again
  bool multiple_token = false;  // with its token
  std::string_view since = {};  // a version of Redis, if it came later than its command
  std::string_view deprecated_since = {};
  int key_spec = -1;  // of a key: which of its command's key specifications it belongs to
  std::vector<Argument> parts = {};
};

// What a row's `syntax` says, in Redis's notation:
//   word         a value; what kind it is follows from its name and from the row's keys
//   word:double  a value of this kind, where its name says another; word:string likewise
//   TOKEN        a word without small letters stands for itself
//   TOKEN:name   the same, by a name that is not its own
//   TOKEN word   where nothing else stands beside them: a value behind its token
//   a | b        one of them
//   <...>        a group
//   [...]        may be left out
//   a b [a b ...]  may come again
//   <...> ...    a group that may come again
//   a@6.2.0      in Redis since this version; [...]@6.2.0 and <...>@6.2.0 likewise
//   a!6.2.0      deprecated since
// A group is named after its parts. A syntax that is none is a bug and ends the process.
std::vector<Argument> arguments_of(const Command& row);

// The syntax for people: without kinds, names of tokens and versions.
std::string usage_of(const Command& row);

}  // namespace sojourn::server
