// struct.*: packs numbers and strings as C would lay them out. A format is options: > < = ! set
// byte order and alignment; x b B h H l L T i I f d s c take a value.

#include <algorithm>
#include <bit>
#include <cctype>
#include <climits>
#include <cmath>
#include <cstring>

#include "server/scripting/machine.h"

namespace sojourn::server {
namespace {

constexpr std::size_t kIntegerMax = 32;  // bytes of the largest integer
constexpr std::size_t kAlignMax = 8;     // of `!` without a number

// Reads a format option by option. Every size that comes out of it is below INT_MAX.
class Format {
 public:
  // As a C string, it ends at a NUL.
  Format(lua_State* lua, std::string_view text)
      : lua_(lua), rest_(text.substr(0, text.find('\0'))) {}
  bool empty() const { return rest_.empty(); }

  struct Option {
    char kind = 0;  // 0: there is none left
    std::size_t bytes = 0;
  };

  // The next option that takes bytes; those that set something take effect on the way.
  Option next() {
    while (!rest_.empty()) {
      spend(lua_, kWorkOfValue);
      const char kind = rest_.front();
      rest_.remove_prefix(1);
      const Option option{kind, size_of(kind)};
      if (!sets(kind)) return option;
    }
    return {};
  }
  // Bytes to leave out so that the option stands where it should.
  std::size_t padding(const Option& option, std::size_t at) const {
    if (option.kind == 'c' || option.bytes == 0) return 0;
    const std::size_t align = std::min(option.bytes, align_);
    return align > 1 ? (align - (at & (align - 1))) & (align - 1) : 0;
  }
  bool little() const { return little_; }

 private:
  // A number in the format, or what stands for none.
  std::size_t number(std::size_t otherwise) {
    const auto digit = [this] {
      return !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9';
    };
    if (!digit()) return otherwise;
    std::size_t value = 0;
    for (; digit(); rest_.remove_prefix(1)) {
      spend(lua_, 1);
      value = value * 10 + static_cast<std::size_t>(rest_.front() - '0');
      if (value > INT_MAX) luaL_error(lua_, "integral size overflow");
    }
    return value;
  }
  std::size_t integer_size() {
    const std::size_t bytes = number(sizeof(int));
    if (bytes > kIntegerMax) {
      luaL_error(lua_, "integral size %d is larger than limit of %d", static_cast<int>(bytes),
                 static_cast<int>(kIntegerMax));
    }
    return bytes;
  }
  std::size_t size_of(char kind) {
    switch (kind) {
      case 'B':
      case 'b':
      case 'x':
        return 1;
      case 'H':
      case 'h':
        return sizeof(short);
      case 'L':
      case 'l':
        return sizeof(long);
      case 'T':
        return sizeof(std::size_t);
      case 'f':
        return sizeof(float);
      case 'd':
        return sizeof(double);
      case 'c':
        return number(1);
      case 'i':
      case 'I':
        return integer_size();
      default:
        return 0;
    }
  }
  bool sets(char kind) {
    switch (kind) {
      case ' ':
        return true;
      case '>':
      case '<':
        little_ = kind == '<';
        return true;
      case '!':
        align_ = number(kAlignMax);
        if (align_ == 0 || (align_ & (align_ - 1)) != 0) {
          luaL_error(lua_, "alignment %d is not a power of 2", static_cast<int>(align_));
        }
        return true;
      default:
        return false;
    }
  }

  lua_State* lua_;
  std::string_view rest_;
  bool little_ = std::endian::native == std::endian::little;
  std::size_t align_ = 1;
};

bool is_integer(char kind) { return std::strchr("bBhHlLTiI", kind) != nullptr; }
bool is_signed(char kind) { return kind >= 'a'; }

[[noreturn]] void refuse_option(lua_State* lua, char kind) {
  char text[] = "invalid format option '?'";
  text[sizeof text - 3] = kind;
  luaL_argerror(lua, 1, text);
  __builtin_unreachable();
}

void add_integer(BoundedText& out, double value, std::size_t bytes, bool little) {
  // What does not fit 64 bits is as the processor converts it; of a larger field the rest is zero.
  std::uint64_t number;
  if (value < 0) {
    number = value >= -0x1p63 ? static_cast<std::uint64_t>(static_cast<std::int64_t>(value))
                              : std::uint64_t{1} << 63;
  } else if (std::isnan(value)) {
    number = std::uint64_t{1} << 63;
  } else {
    number = value < 0x1p64 ? static_cast<std::uint64_t>(value) : 0;
  }
  for (std::size_t i = 0; i < bytes; ++i) {
    const std::size_t at = little ? i : bytes - 1 - i;
    out.add(static_cast<char>(at < 8 ? number >> (8 * at) : 0));
  }
}

double read_integer(std::string_view bytes, bool little, bool is_signed) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < std::min<std::size_t>(bytes.size(), 8); ++i) {
    const char byte = bytes[little ? i : bytes.size() - 1 - i];
    number |= static_cast<std::uint64_t>(static_cast<unsigned char>(byte)) << (8 * i);
  }
  if (!is_signed || bytes.empty()) return static_cast<double>(number);
  if (bytes.size() < 8) {
    const std::uint64_t sign = std::uint64_t{1} << (8 * bytes.size() - 1);
    number = (number ^ sign) - sign;
  }
  return static_cast<double>(static_cast<std::int64_t>(number));
}

template <class T>
void add_real(BoundedText& out, double value, bool little) {
  const T real = static_cast<T>(value);
  char bytes[sizeof real];
  std::memcpy(bytes, &real, sizeof real);
  if (!little) std::reverse(bytes, bytes + sizeof real);
  out.add({bytes, sizeof real});
}

template <class T>
double read_real(std::string_view from, bool little) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, from.data(), sizeof bytes);
  if (!little) std::reverse(bytes, bytes + sizeof bytes);
  T real;
  std::memcpy(&real, bytes, sizeof real);
  return real;
}

void add_string(lua_State* lua, BoundedText& out, Format::Option option, int argument) {
  luaL_checkstring(lua, argument);
  const std::string_view text = to_view(lua, argument);
  const std::size_t bytes = option.bytes == 0 ? text.size() : option.bytes;
  if (text.size() < bytes) luaL_argerror(lua, argument + 1, "string too short");
  out.add(text.substr(0, bytes));
  if (option.kind == 's') out.add('\0');
}

double number_argument(lua_State* lua, int argument) {
  spend_text(lua, argument);
  return luaL_checknumber(lua, argument);
}

int pack(lua_State* lua) {
  luaL_checkstring(lua, 1);
  Format format(lua, to_view(lua, 1));
  lua_pushnil(lua);  // an argument that is missing is nil
  BoundedText out(lua);
  int argument = 2;
  for (Format::Option option = format.next(); option.kind != 0; option = format.next()) {
    out.add(format.padding(option, out.size()), '\0');
    if (is_integer(option.kind)) {
      add_integer(out, number_argument(lua, argument++), option.bytes, format.little());
    } else if (option.kind == 'x') {
      out.add('\0');
    } else if (option.kind == 'f') {
      add_real<float>(out, number_argument(lua, argument++), format.little());
    } else if (option.kind == 'd') {
      add_real<double>(out, number_argument(lua, argument++), format.little());
    } else if (option.kind == 's' || option.kind == 'c') {
      add_string(lua, out, option, argument++);
    } else {
      refuse_option(lua, option.kind);
    }
  }
  push_view(lua, out.view());
  return 1;
}

// Where unpack() is in its data. No size is believed before it is compared with what is left.
struct Unpacking {
  lua_State* lua;
  std::string_view data;
  std::size_t at;
  int values = 0;

  std::string_view take(std::size_t bytes) {
    if (at > data.size() || bytes > data.size() - at) {
      luaL_argerror(lua, 2, "data string too short");
    }
    at += bytes;
    return data.substr(at - bytes, bytes);
  }
  void push_string(char kind, std::size_t bytes) {
    if (kind == 's') {
      const std::size_t end = at <= data.size() ? data.find('\0', at) : std::string_view::npos;
      if (end == std::string_view::npos) luaL_error(lua, "unfinished string in data");
      push_view(lua, data.substr(at, end - at));
      at = end + 1;
      return;
    }
    if (bytes == 0) {  // as many as the value before it says
      if (values == 0 || lua_isnumber(lua, -1) == 0) {
        luaL_error(lua, "format 'c0' needs a previous size");
      }
      const double count = std::trunc(lua_tonumber(lua, -1));
      lua_pop(lua, 1);
      --values;
      if (!(count >= 0 && count <= static_cast<double>(data.size()))) {
        luaL_argerror(lua, 2, "data string too short");
      }
      bytes = static_cast<std::size_t>(count);
    }
    push_view(lua, take(bytes));
  }
};

int unpack(lua_State* lua) {
  luaL_checkstring(lua, 1);
  luaL_checkstring(lua, 2);
  Format format(lua, to_view(lua, 1));
  // Below zero is beyond the end, too.
  const auto begin = static_cast<std::size_t>(luaL_optinteger(lua, 3, 1));
  luaL_argcheck(lua, begin > 0, 3, "offset must be 1 or greater");
  Unpacking from{lua, to_view(lua, 2), begin - 1};
  if (!format.empty()) from.take(0);
  for (Format::Option option = format.next(); option.kind != 0; option = format.next()) {
    from.take(format.padding(option, from.at));
    luaL_checkstack(lua, 2, "too many results");
    if (is_integer(option.kind)) {
      lua_pushnumber(
          lua, read_integer(from.take(option.bytes), format.little(), is_signed(option.kind)));
    } else if (option.kind == 'x') {
      from.take(1);
      continue;
    } else if (option.kind == 'f') {
      lua_pushnumber(lua, read_real<float>(from.take(option.bytes), format.little()));
    } else if (option.kind == 'd') {
      lua_pushnumber(lua, read_real<double>(from.take(option.bytes), format.little()));
    } else if (option.kind == 's' || option.kind == 'c') {
      from.push_string(option.kind, option.bytes);
    } else {
      refuse_option(lua, option.kind);
    }
    ++from.values;
  }
  lua_pushinteger(lua, static_cast<lua_Integer>(from.at + 1));
  return from.values + 1;
}

int size(lua_State* lua) {
  luaL_checkstring(lua, 1);
  Format format(lua, to_view(lua, 1));
  std::size_t total = 0;
  for (Format::Option option = format.next(); option.kind != 0; option = format.next()) {
    if (option.kind == 's') luaL_argerror(lua, 1, "option 's' has no fixed size");
    if (option.kind == 'c' && option.bytes == 0) {
      luaL_argerror(lua, 1, "option 'c0' has no fixed size");
    }
    if (std::isalnum(static_cast<unsigned char>(option.kind)) == 0) {
      refuse_option(lua, option.kind);
    }
    total += format.padding(option, total) + option.bytes;
  }
  lua_pushnumber(lua, static_cast<lua_Number>(total));
  return 1;
}

}  // namespace

void push_struct(lua_State* lua) {
  lua_createtable(lua, 0, 3);
  put_function(lua, "pack", pack);
  put_function(lua, "unpack", unpack);
  put_function(lua, "size", size);
}

}  // namespace sojourn::server
