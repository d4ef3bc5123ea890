#include "server/base/lock.h"

#include <gtest/gtest.h>

#include <thread>

namespace sojourn::server {
namespace {

TEST(Lock, IsNotWaitedForByWhoCanComeAgain) {
  Lock lock;
  lock.lock();
  EXPECT_FALSE(lock.lock_if_short());
  EXPECT_FALSE(lock.lock_soon());
  lock.say_it_will_be_long();
  EXPECT_FALSE(lock.lock_if_short());
  EXPECT_FALSE(lock.lock_unless_long());
  lock.unlock();
  EXPECT_TRUE(lock.lock_if_short());
  lock.unlock();
  EXPECT_TRUE(lock.lock_soon());
  lock.unlock();
  EXPECT_TRUE(lock.lock_unless_long());
}

TEST(Lock, IsWaitedForHoweverLongItTakes) {
  Lock lock;
  lock.lock();
  bool locked[2] = {};
  std::thread before([&] {
    locked[0] = lock.lock_unless_closed();
    lock.unlock();
  });
  lock.say_it_will_be_long();
  std::thread after([&] {
    locked[1] = lock.lock_unless_closed();
    lock.unlock();
  });
  lock.unlock();
  before.join();
  after.join();
  EXPECT_TRUE(locked[0] && locked[1]);
}

TEST(Lock, LetsGoWhoWaitsWhenItIsClosed) {
  Lock lock;
  lock.lock();
  std::thread patient([&] { EXPECT_FALSE(lock.lock_unless_closed()); });
  std::thread less_patient([&] { EXPECT_FALSE(lock.lock_unless_long()); });
  lock.close();
  patient.join();
  less_patient.join();
  EXPECT_FALSE(lock.try_lock());
}

}  // namespace
}  // namespace sojourn::server
