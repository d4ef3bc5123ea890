// bit.*: 32-bit arithmetic on Lua's numbers, as the BitOp library defines it.

#include <array>
#include <bit>
#include <cstring>

#include "server/scripting/machine.h"

namespace sojourn::server {
namespace {

// The low 32 bits of a number, whatever it is: adding 2^52 + 2^51 leaves them in the lowest bits.
// A text that reads as a number is one, as everywhere in Lua.
std::uint32_t bits(lua_State* lua, int index) {
  spend_text(lua, index);
  if (lua_isnumber(lua, index) == 0) luaL_typerror(lua, index, "number");
  const double shifted = lua_tonumber(lua, index) + 6755399441055744.0;
  return static_cast<std::uint32_t>(std::bit_cast<std::uint64_t>(shifted));
}

int answer(lua_State* lua, std::uint32_t value) {
  lua_pushnumber(lua, static_cast<std::int32_t>(value));
  return 1;
}

template <auto operation>
int unary(lua_State* lua) {
  return answer(lua, operation(bits(lua, 1)));
}

template <auto operation>
int fold(lua_State* lua) {
  std::uint32_t value = bits(lua, 1);
  for (int i = lua_gettop(lua); i > 1; --i) value = operation(value, bits(lua, i));
  return answer(lua, value);
}

template <auto operation>
int shift(lua_State* lua) {
  const std::uint32_t value = bits(lua, 1);
  return answer(lua, operation(value, static_cast<int>(bits(lua, 2) & 31)));
}

// Digits: 8 unless told, capital letters if negative. No number of them is too large: at most 8.
int tohex(lua_State* lua) {
  std::uint32_t value = bits(lua, 1);
  const std::int64_t wanted = lua_isnone(lua, 2) ? 8 : static_cast<std::int32_t>(bits(lua, 2));
  const char* const digits = wanted < 0 ? "0123456789ABCDEF" : "0123456789abcdef";
  const auto count = static_cast<std::size_t>(std::min<std::int64_t>(std::abs(wanted), 8));
  std::array<char, 8> text;
  for (std::size_t i = count; i-- > 0; value >>= 4) text[i] = digits[value & 15];
  lua_pushlstring(lua, text.data(), count);
  return 1;
}

std::uint32_t same(std::uint32_t a) { return a; }
std::uint32_t invert(std::uint32_t a) { return ~a; }
std::uint32_t swap_bytes(std::uint32_t a) { return __builtin_bswap32(a); }
std::uint32_t both(std::uint32_t a, std::uint32_t b) { return a & b; }
std::uint32_t either(std::uint32_t a, std::uint32_t b) { return a | b; }
std::uint32_t one_of(std::uint32_t a, std::uint32_t b) { return a ^ b; }
std::uint32_t left(std::uint32_t a, int by) { return a << by; }
std::uint32_t right(std::uint32_t a, int by) { return a >> by; }
std::uint32_t right_signed(std::uint32_t a, int by) {
  return static_cast<std::uint32_t>(static_cast<std::int32_t>(a) >> by);
}
std::uint32_t rotate_left(std::uint32_t a, int by) { return std::rotl(a, by); }
std::uint32_t rotate_right(std::uint32_t a, int by) { return std::rotr(a, by); }

}  // namespace

void push_bit(lua_State* lua) {
  lua_createtable(lua, 0, 12);
  put_function(lua, "tobit", unary<same>);
  put_function(lua, "bnot", unary<invert>);
  put_function(lua, "bswap", unary<swap_bytes>);
  put_function(lua, "band", fold<both>);
  put_function(lua, "bor", fold<either>);
  put_function(lua, "bxor", fold<one_of>);
  put_function(lua, "lshift", shift<left>);
  put_function(lua, "rshift", shift<right>);
  put_function(lua, "arshift", shift<right_signed>);
  put_function(lua, "rol", shift<rotate_left>);
  put_function(lua, "ror", shift<rotate_right>);
  put_function(lua, "tohex", tohex);
}

}  // namespace sojourn::server
