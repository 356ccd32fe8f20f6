// SPDX-License-Identifier: Apache-2.0
// Objects that are used again: the same ones, and no longer once they have been put back.
#include "hw_model/common/object_pool.h"

#include <gtest/gtest.h>

#include <memory>
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
  Thing& a = pool.take();
  Thing& b = pool.take();
  EXPECT_NE(&a, &b);
  EXPECT_EQ(pool.in_use(), 2u);
  a.name = "a";
  b.name = "b";
  pool.put(a);
  pool.put(b);
  EXPECT_EQ(pool.in_use(), 0u);
  EXPECT_EQ(&pool.take(), &b);
  EXPECT_EQ(b.name, "b") << "as its last user left it";
  EXPECT_EQ(&pool.take(), &a);
  EXPECT_EQ(pool.take().name, "") << "none left: a new one";
  EXPECT_EQ(pool.in_use(), 3u);
}

TEST(ObjectPool, MakesEachNewOneAsItsOwnerWantsIt) {
  int made = 0;
  ObjectPool<Thing> pool([&] { return std::make_unique<Thing>(std::to_string(++made)); });
  Thing& first = pool.take();
  EXPECT_EQ(first.name, "1");
  EXPECT_EQ(pool.take().name, "2");
  pool.put(first);
  EXPECT_EQ(pool.take().name, "1");
  EXPECT_EQ(made, 2);
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
  Thing& thing = pool.take();
  thing.name = "used";
  EXPECT_EQ(thing.list.size(), 3u);
  pool.put(thing);
  EXPECT_DEATH(thing.list.push_back(4), "use-after-poison");
  EXPECT_EQ(pool.take().name, "used");
#else
  GTEST_SKIP() << "AddressSanitizer watches it";
#endif
}

// Else it would go to two users.
TEST(ObjectPool, IsGivenAnObjectBackOnce) {
#ifdef CESASIM_ASAN_POOL
  ObjectPool<Thing> pool;
  Thing& thing = pool.take();
  pool.put(thing);
  EXPECT_DEATH(pool.put(thing), "put back twice");
  EXPECT_EQ(&pool.take(), &thing);
  pool.put(thing);
  EXPECT_EQ(pool.in_use(), 0u);
#else
  GTEST_SKIP() << "AddressSanitizer watches it";
#endif
}

}  // namespace
}  // namespace cesasim::hw
