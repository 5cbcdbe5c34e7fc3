#include "core/offload_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "tests/unit/core/shard_fixture.h"

namespace sluice {
namespace {

using Ids = std::vector<std::thread::id>;

Task<void> offload(Shard& shard, OffloadPool& pool, Ids& ids, std::size_t index) {
  const std::function<void()> work = [&ids, index] { ids[index] = std::this_thread::get_id(); };
  co_await pool.run(shard, work);
  EXPECT_TRUE(shard.is_current());
}

// The pool ends within the shard's life, as it does in the relay.
Task<void> offload_many(Shard& shard, std::size_t threads, Ids& ids) {
  OffloadPool pool("test-pool", threads);
  TaskScope scope(shard.run_queue());
  for (std::size_t i = 0; i < ids.size(); ++i) scope.spawn(offload(shard, pool, ids, i));
  co_await scope.join();
  pool.stop();
}

TEST(OffloadPool, WorksOnItsOwnThreadAndReturnsToTheShard) {
  Ids ids(1);
  run_on_shard(offload_many, std::size_t{1}, std::ref(ids));
  EXPECT_NE(ids[0], std::thread::id());
  EXPECT_NE(ids[0], std::this_thread::get_id());
}

TEST(OffloadPool, DoesAllThatItIsAsked) {
  Ids ids(1000);
  run_on_shard(offload_many, std::size_t{3}, std::ref(ids));
  EXPECT_EQ(std::ranges::count(ids, std::thread::id()), 0);
}

Task<void> note(Shard& shard, OffloadPool& pool, std::vector<int>& order, int number) {
  const std::function<void()> work = [&order, number] { order.push_back(number); };
  co_await pool.run(shard, work);
}

Task<void> note_in_order(Shard& shard, std::vector<int>& order) {
  OffloadPool pool("test-pool", 1);
  TaskScope scope(shard.run_queue());
  for (int i = 0; i < 5; ++i) scope.spawn(note(shard, pool, order, i));
  co_await scope.join();
  pool.stop();
}

TEST(OffloadPool, ServesWhoCameFirstFirst) {
  std::vector<int> order;
  run_on_shard(note_in_order, std::ref(order));
  EXPECT_THAT(order, testing::ElementsAre(0, 1, 2, 3, 4));
}

Task<void> cancel_while_it_works(Shard& shard, bool& has_worked) {
  OffloadPool pool("test-pool", 1);
  TaskScope scope(shard.run_queue());
  Ids ids(1);
  scope.spawn(offload(shard, pool, ids, 0));
  co_await scope.close();  // cancels, and waits all the same
  has_worked = ids[0] != std::thread::id();
  pool.stop();
}

TEST(OffloadPool, WhatItBorrowsStaysThoughTheTaskIsCancelled) {
  bool has_worked = false;
  run_on_shard(cancel_while_it_works, std::ref(has_worked));
  EXPECT_TRUE(has_worked);
}

}  // namespace
}  // namespace sluice
