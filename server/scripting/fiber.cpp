#include "server/scripting/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "server/base/check.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#elif defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace sojourn::server {
namespace {

namespace context = boost::context;

// More than what Lua may nest takes: 200 calls of C functions, some with a buffer of 8 KiB, and
// tables as deep as Lua's own stack, which take six kilobytes a level where sanitizers look on.
// Only what is touched is memory.
constexpr std::size_t kStackBytes = 64u << 20;

// The stack is the fiber's, not the function's.
struct KeptStack {
  void deallocate(context::stack_context&) {}
};

std::size_t page_bytes() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

}  // namespace

Fiber::Fiber()
    : stack_(::mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
  CHECK(stack_ != MAP_FAILED);
  // Who needs more ends here, not in somebody else's memory.
  CHECK(::mprotect(stack_, page_bytes(), PROT_NONE) == 0);
}

Fiber::~Fiber() {
  CHECK(ended());
  ::munmap(stack_, kStackBytes);
}

void Fiber::start(void (*body)(void*), void* data) {
  CHECK(ended());
  context::stack_context stack;
  stack.sp = static_cast<char*>(stack_) + kStackBytes;
  stack.size = kStackBytes - page_bytes();
#if defined(__SANITIZE_THREAD__)
  inner_fiber_ = __tsan_create_fiber(0);
#endif
  enter(context::fiber(std::allocator_arg, context::preallocated(stack.sp, stack.size, stack),
                       KeptStack(), [this, body, data](context::fiber&& outside) {
                         outside_ = std::move(outside);
#if defined(__SANITIZE_ADDRESS__)
                         __sanitizer_finish_switch_fiber(nullptr, &outer_stack_, &outer_bytes_);
#endif
                         body(data);
#if defined(__SANITIZE_ADDRESS__)
                         __sanitizer_start_switch_fiber(nullptr, outer_stack_, outer_bytes_);
#elif defined(__SANITIZE_THREAD__)
        __tsan_switch_to_fiber(outer_fiber_, 0);
#endif
                         return std::move(outside_);
                       }));
}

void Fiber::go_on() { enter(std::move(inside_)); }

void Fiber::enter(context::fiber inside) {
#if defined(__SANITIZE_ADDRESS__)
  void* fake_stack = nullptr;
  __sanitizer_start_switch_fiber(&fake_stack, static_cast<char*>(stack_) + page_bytes(),
                                 kStackBytes - page_bytes());
#elif defined(__SANITIZE_THREAD__)
  outer_fiber_ = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(inner_fiber_, 0);
#endif
  inside_ = std::move(inside).resume();
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
#elif defined(__SANITIZE_THREAD__)
  if (ended()) __tsan_destroy_fiber(std::exchange(inner_fiber_, nullptr));
#endif
}

void Fiber::leave() {
#if defined(__SANITIZE_ADDRESS__)
  void* fake_stack = nullptr;
  __sanitizer_start_switch_fiber(&fake_stack, outer_stack_, outer_bytes_);
#elif defined(__SANITIZE_THREAD__)
  __tsan_switch_to_fiber(outer_fiber_, 0);
#endif
  outside_ = std::move(outside_).resume();
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fake_stack, &outer_stack_, &outer_bytes_);
#endif
}

}  // namespace sojourn::server
