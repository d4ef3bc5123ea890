#pragma once

#include <boost/context/fiber.hpp>
#include <cstddef>

namespace sojourn::server {

// A function with a stack of its own, which can be left in its middle and gone on with. One at a
// time; the stack is kept for the next. Threading: one thread from start() to the end of the body.
class Fiber {
 public:
  Fiber();
  ~Fiber();  // the body must have ended
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Runs body(data) until it ends or leaves. Nothing may be thrown out of it.
  void start(void (*body)(void*), void* data);
  void go_on();
  bool ended() const { return !inside_; }
  // Within the body: go_on() is where this returns.
  void leave();

 private:
  void enter(boost::context::fiber inside);

  void* stack_;
  boost::context::fiber inside_;
  boost::context::fiber outside_;
  // Of the sanitizers, which are told of each switch.
  void* inner_fiber_ = nullptr;
  void* outer_fiber_ = nullptr;
  const void* outer_stack_ = nullptr;
  std::size_t outer_bytes_ = 0;
};

}  // namespace sojourn::server
