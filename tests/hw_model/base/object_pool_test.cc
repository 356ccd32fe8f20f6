// Objects that are used again: the same ones, and no longer once they have been put back.
#include "hw_model/base/object_pool.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace cesasim::hw {
namespace {

struct Thing {
  explicit Thing(std::string of = "") : name(std::move(of)) { ++alive; }
  ~Thing() { --alive; }
  std::string name;
  std::vector<int> list = {1, 2, 3};
  static int alive;
};
int Thing::alive = 0;

TEST(ObjectPool, TakesTheLastOneThatWasPut) {
  ObjectPool<Thing> pool;
  Thing& a = pool.take("a");
  Thing& b = pool.take("b");
  EXPECT_NE(&a, &b);
  EXPECT_EQ(pool.in_use(), 2u);
  pool.put(a);
  pool.put(b);
  EXPECT_EQ(pool.in_use(), 0u);
  EXPECT_EQ(&pool.take("new"), &b);
  EXPECT_EQ(b.name, "b") << "as its last user left it";
  EXPECT_EQ(&pool.take("new"), &a);
  EXPECT_EQ(pool.take("c").name, "c") << "none left: a new one";
  EXPECT_EQ(pool.in_use(), 3u);
}

TEST(ObjectPool, EndsWhatIsInItAndWhatIsNot) {
  {
    ObjectPool<Thing> pool;
    pool.take();
    pool.put(pool.take());
    EXPECT_EQ(Thing::alive, 2);
  }
  EXPECT_EQ(Thing::alive, 0);
}

TEST(ObjectPool, WhatIsInItMayNotBeTouched) {
#ifdef CESASIM_ASAN_POOL
  ObjectPool<Thing> pool;
  Thing& thing = pool.take("used");
  EXPECT_EQ(thing.list.size(), 3u);
  pool.put(thing);
  EXPECT_DEATH(thing.list.push_back(4), "use-after-poison");
  EXPECT_EQ(pool.take().name, "used");
#else
  GTEST_SKIP() << "AddressSanitizer watches it";
#endif
}

}  // namespace
}  // namespace cesasim::hw
