#pragma once

#include <span>
#include <string>
#include <string_view>

#include "protocol/reply_writer.h"

namespace sojourn::server {

// What a running script asks of the server. Every function is called by the thread that runs the
// script.
class ScriptHost {
 public:
  virtual ~ScriptHost() = default;

  // Runs a command and appends its reply, an error too. False: the script cannot go on and is given
  // up; nothing was done.
  virtual bool call(std::span<const std::string_view> words, protocol::Version version,
                    std::string& reply) = 0;
  // redis.acl_check_cmd: whether whoever runs the script might run this; nullopt-like: `known` says
  // whether there is such a command at all.
  virtual bool may_call(std::span<const std::string_view> words, bool& known) = 0;
  // redis.log; 0 is debug, 3 a warning.
  virtual void log(int level, std::string_view text) = 0;
  // It is not one of those that are done in no time: what it holds is held for long.
  virtual void became_slow() = 0;
  // It has been running for so long that others shall not wait for it any more.
  virtual void became_long() = 0;
};

}  // namespace sojourn::server
