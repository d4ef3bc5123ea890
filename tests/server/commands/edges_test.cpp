// Every number a client may give, at every edge where a size or a count can overflow. Run under
// the sanitizers this is row S5 of the security record.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/command_fixture.h"

namespace sojourn::server {
namespace {

const std::string_view kEdges[] = {"0",
                                   "1",
                                   "-1",
                                   "2",
                                   "-2",
                                   "127",
                                   "128",
                                   "255",
                                   "256",
                                   "65535",
                                   "65536",
                                   "2147483646",
                                   "2147483647",
                                   "2147483648",
                                   "-2147483647",
                                   "-2147483648",
                                   "-2147483649",
                                   "4294967294",
                                   "4294967295",
                                   "4294967296",
                                   "536870911",
                                   "536870912",
                                   "536870913",
                                   "9007199254740993",
                                   "4611686018427387904",
                                   "-4611686018427387904",
                                   "4611686018427387905",
                                   "9223372036854775",
                                   "9223372036854776",
                                   "-9223372036854776",
                                   "9223372036854775806",
                                   "9223372036854775807",
                                   "-9223372036854775807",
                                   "-9223372036854775808",
                                   "9223372036854775808",
                                   "-9223372036854775809",
                                   "18446744073709551615",
                                   "18446744073709551616",
                                   "1234567890123456789012345678901234567890",
                                   "nan",
                                   "inf",
                                   "-inf",
                                   "1e309",
                                   "-1e309",
                                   "1e-400",
                                   "1.7976931348623157e308",
                                   "0x10",
                                   "1.5",
                                   "",
                                   " 1",
                                   "1 ",
                                   "+1",
                                   "01",
                                   "-0",
                                   "--1"};

// '#' stands for an edge; every pair of edges is tried where it stands twice.
const std::string_view kRequests[] = {"EXPIRE s #",
                                      "PEXPIRE s #",
                                      "EXPIREAT s #",
                                      "PEXPIREAT s #",
                                      "EXPIRE s # GT",
                                      "EXPIRE s # LT",
                                      "SET s v EX #",
                                      "SET s v PX #",
                                      "SET s v EXAT #",
                                      "SET s v PXAT #",
                                      "SETEX s # v",
                                      "PSETEX s # v",
                                      "GETEX s EX #",
                                      "GETEX s PX #",
                                      "GETEX s EXAT #",
                                      "GETEX s PXAT #",
                                      "GETRANGE s # #",
                                      "SUBSTR s # #",
                                      "INCRBY n #",
                                      "DECRBY n #",
                                      "INCRBYFLOAT n #",
                                      "HINCRBY h n #",
                                      "HINCRBYFLOAT h n #",
                                      "HRANDFIELD h #",
                                      "HRANDFIELD h # WITHVALUES",
                                      "SCAN # COUNT #",
                                      "HSCAN h # COUNT #",
                                      "SELECT #",
                                      "MOVE s #",
                                      "SWAPDB # #",
                                      "COPY s t DB #",
                                      "OBJECT FREQ #",
                                      "CLIENT KILL ID #",
                                      "CLIENT KILL MAXAGE #",
                                      "CLIENT LIST ID #",
                                      "CLIENT UNBLOCK #",
                                      "SLOWLOG GET #",
                                      "MEMORY USAGE h SAMPLES #",
                                      "HELLO #",
                                      "LOLWUT #",
                                      "LOLWUT VERSION # #",
                                      "COMMAND GETKEYS MSET a # b #",
                                      "CONFIG SET maxmemory #",
                                      "CONFIG SET slowlog-max-len #",
                                      "CONFIG SET timeout #",
                                      "CONFIG SET tcp-keepalive #",
                                      "CONFIG SET proto-max-bulk-len #",
                                      "CONFIG SET slowlog-log-slower-than #",
                                      "CONFIG SET client-output-buffer-limit \"normal # # #\""};

class Edges : public CommandTest {
 protected:
  void prepare() {
    run("SELECT 0");
    run("CONFIG SET maxmemory 0");
    run("SET s abcdef");
    run("SET n 5");
    run("DEL h");
    run("HSET h n 5 a 1 b 2");
  }
  // The request with its marks replaced; "" stands for an empty word.
  static std::string filled(std::string_view request, std::string_view one,
                            std::string_view other) {
    std::string line;
    bool first = true;
    const bool quoted = request.find('"') != request.npos;
    for (const char c : request) {
      if (c != '#') {
        line += c;
        continue;
      }
      const std::string_view edge = first ? one : other;
      line += quoted ? std::string(edge) : "\"" + std::string(edge) + "\"";
      first = false;
    }
    return line;
  }
};

TEST_F(Edges, OfNumbersAreTakenOrRefusedByEveryCommand) {
  for (const std::string_view request : kRequests) {
    const bool two = request.find('#') != request.rfind('#');
    for (const std::string_view one : kEdges) {
      prepare();
      for (const std::string_view other : two ? std::span(kEdges) : std::span(kEdges, 1)) {
        const std::string line = filled(request, one, other);
        const std::string reply = run(line);
        // What a number of a few bytes may bring back or set aside is no more than is there.
        ASSERT_LT(reply.size(), 1u << 20) << line;
        ASSERT_EQ(run("PING"), "PONG") << line;
      }
    }
    ASSERT_LT(keyspace->totals().entry_bytes, 16u << 20) << request;
  }
}

// These do set memory aside, so they are tried where it stays little.
TEST_F(Edges, OfOffsetsAreTakenOrRefused) {
  for (const std::string_view edge : kEdges) {
    run("SET s abcdef");
    const std::string reply = run(filled("SETRANGE s # \"\"", edge, ""));
    EXPECT_TRUE(reply == "(integer) 6" || reply.starts_with("(error) ERR ")) << edge << reply;
    if (edge == "536870911") continue;  // the largest there is: half a gigabyte
    const std::string written = run(filled("SETRANGE s # x", edge, ""));
    const bool small = edge.size() <= 5 && edge.find_first_not_of("0123456789") == edge.npos;
    EXPECT_EQ(written.starts_with("(integer) "), small && !edge.empty() && edge != "01")
        << edge << " " << written;
    EXPECT_LT(keyspace->totals().entry_bytes, 16u << 20);
    run("DEL s");
  }
}

}  // namespace
}  // namespace sojourn::server
