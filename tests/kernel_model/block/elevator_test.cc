// SPDX-License-Identifier: Apache-2.0
#include "kernel_model/elevator.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace cesasim::kernel {
namespace {

constexpr DeadlineSettings kSettings{500 * hw::kPsPerMs, 5000 * hw::kPsPerMs, 16, 2};

class Queue {
 public:
  explicit Queue(const std::string& name, const DeadlineSettings& s = kSettings)
      : elevator_(make_elevator(name, s)) {}
  Request& add(bool write, std::uint64_t sector, hw::Ps now = 0, std::uint32_t sectors = 8) {
    requests_.emplace_back();
    Request& r = requests_.back();
    r.write = write;
    r.sector = sector;
    r.sectors = sectors;
    r.order = requests_.size();
    elevator_->add(r, now);
    return r;
  }
  Elevator& operator*() { return *elevator_; }
  Elevator* operator->() { return elevator_.get(); }
  std::vector<std::uint64_t> drain(hw::Ps now = 0) {
    std::vector<std::uint64_t> order;
    while (Request* r = elevator_->next(now)) order.push_back(r->sector);
    return order;
  }

 private:
  std::deque<Request> requests_;
  std::unique_ptr<Elevator> elevator_;
};

using Order = std::vector<std::uint64_t>;

TEST(Noop, FirstComeFirstServed) {
  Queue q("noop");
  q.add(true, 500);
  q.add(false, 100);
  q.add(true, 300);
  EXPECT_EQ(q.drain(), (Order{500, 100, 300}));
}

TEST(Deadline, SortsOneDirection) {
  Queue q("deadline");
  for (const std::uint64_t s : {500, 100, 300, 200}) q.add(true, s);
  EXPECT_EQ(q.drain(), (Order{100, 200, 300, 500}));
}

TEST(Deadline, GoesOneWayAndStartsAgainFromTheLowest) {
  Queue q("deadline");
  q.add(true, 300);
  q.add(true, 400);
  EXPECT_EQ(q->next(0)->sector, 300u);
  q.add(true, 100);
  EXPECT_EQ(q->next(0)->sector, 400u);
  EXPECT_EQ(q->next(0)->sector, 100u);
}

TEST(MqDeadline, AScanThatHasNotBegunStartsWithTheOldest) {
  Queue q("mq-deadline");
  for (const std::uint64_t s : {500, 100, 700, 600}) q.add(true, s);
  EXPECT_EQ(q.drain(), (Order{500, 600, 700, 100}));
}

/// 2.6.12's would begin the reads again at the lowest.
TEST(MqDeadline, EachDirectionGoesOnWhereItStopped) {
  DeadlineSettings s = kSettings;
  s.fifo_batch = 2;
  s.writes_starved = 1;
  Queue q("mq-deadline", s);
  for (const std::uint64_t sector : {100, 200, 300, 400, 500, 600}) q.add(false, sector);
  q.add(true, 5000);
  q.add(true, 5100);
  q.add(true, 5200);
  q->next(0);
  q->next(0);
  q.add(false, 50);  // below the scan
  // A batch of reads, one of writes, and the reads from 300 on; the write scan goes on as well.
  EXPECT_EQ(q.drain(), (Order{5000, 5100, 300, 400, 5200, 500, 600, 50}));
}

TEST(MqDeadline, TheExpiredGoesFirst) {
  DeadlineSettings s = kSettings;
  s.fifo_batch = 1;
  Queue q("mq-deadline", s);
  q.add(false, 900);
  EXPECT_EQ(q->next(0)->sector, 900u);
  q.add(false, 100, 0);
  q.add(false, 1000, hw::kPsPerMs);
  EXPECT_EQ(q->next(s.read_expire)->sector, 100u) << "expired";
  q.add(false, 50, s.read_expire);
  EXPECT_EQ(q->next(s.read_expire)->sector, 1000u) << "not expired: the scan goes on";
}

TEST(Deadline, ReadsPassWritesUntilTheseAreStarved) {
  DeadlineSettings s = kSettings;
  s.fifo_batch = 1;
  Queue q("deadline", s);
  for (std::uint64_t i = 0; i < 6; ++i) q.add(false, 100 * i + 1);
  for (std::uint64_t i = 0; i < 2; ++i) q.add(true, 1000 * (i + 1));
  // Two read batches pass over the writes, then one write batch.
  // After a change of direction the scan starts from the lowest again.
  EXPECT_EQ(q.drain(), (Order{1, 101, 1000, 201, 301, 2000, 401, 501}));
}

TEST(Deadline, AnExpiredRequestGoesFirst) {
  Queue q("deadline");
  q.add(false, 9000, 0);
  q.add(false, 100, 400 * hw::kPsPerMs);
  q.add(false, 200, 400 * hw::kPsPerMs);
  // 9000 is 600 ms old, the others 200 ms: it goes first, though it is the farthest.
  EXPECT_EQ(q->next(600 * hw::kPsPerMs)->sector, 9000u);
  EXPECT_EQ(q->next(600 * hw::kPsPerMs)->sector, 100u);
}

TEST(Deadline, ExpiryIsLookedAtBetweenBatchesOnly) {
  DeadlineSettings s = kSettings;
  s.fifo_batch = 3;
  Queue q("deadline", s);
  q.add(false, 400, 0);
  EXPECT_EQ(q->next(0)->sector, 400u);
  q.add(false, 50, 0);  // below the scan, and expired from 500 ms on
  for (std::uint64_t i = 5; i <= 8; ++i) q.add(false, 100 * i, 600 * hw::kPsPerMs);
  const hw::Ps now = 700 * hw::kPsPerMs;
  EXPECT_EQ(q->next(now)->sector, 500u);
  EXPECT_EQ(q->next(now)->sector, 600u);  // the third of the batch
  EXPECT_EQ(q->next(now)->sector, 50u);
  EXPECT_EQ(q->next(now)->sector, 500u + 200u);
}

TEST(Deadline, WritesHaveTheirOwnExpiry) {
  DeadlineSettings s = kSettings;
  s.fifo_batch = 1;
  Queue q("deadline", s);
  q.add(true, 9000, 0);
  q.add(true, 100, 0);
  EXPECT_EQ(q->next(4999 * hw::kPsPerMs)->sector, 100u);  // 9000 is not due yet
  q.add(true, 200, 4999 * hw::kPsPerMs);
  EXPECT_EQ(q->next(5000 * hw::kPsPerMs)->sector, 9000u);
}

TEST(Elevator, FindsNeighboursByDirection) {
  Queue q("deadline");
  Request& r = q.add(true, 100, 0, 8);
  EXPECT_EQ(q->ending_at(true, 108), &r);
  EXPECT_EQ(q->starting_at(true, 100), &r);
  EXPECT_EQ(q->ending_at(false, 108), nullptr);
  EXPECT_EQ(q->starting_at(true, 101), nullptr);
  EXPECT_EQ(q->ending_at(true, 107), nullptr);
}

TEST(Elevator, MergedRequestTakesTheOlderAge) {
  Queue q("noop");
  Request& old = q.add(true, 108);
  q.add(true, 500);
  Request& young = q.add(true, 100);
  q->merged(young, old);
  young.sectors += 8;
  EXPECT_EQ(q.drain(), (Order{100, 500}));
}

TEST(Elevator, GrowingToTheFrontKeepsTheSortOrder) {
  Queue q("deadline");
  Request& r = q.add(true, 100);
  q.add(true, 50);
  q->grow_front(r, 60);
  EXPECT_EQ(r.sector, 40u);
  EXPECT_EQ(q.drain(), (Order{40, 50}));
}

TEST(Elevator, EveryRequestComesOutOnce) {
  for (const char* name : {"noop", "deadline"}) {
    Queue q(name);
    std::mt19937 random(17);
    std::multiset<std::uint64_t> in, out;
    hw::Ps now = 0;
    for (int i = 0; i < 3000; ++i) {
      now += random() % (40 * hw::kPsPerMs);
      if (random() % 2 == 0) {
        const std::uint64_t s = random() % 1000;  // duplicates and overlaps included
        in.insert(s);
        q.add(random() % 2 == 0, s, now);
      } else if (Request* r = q->next(now)) {
        out.insert(r->sector);
      }
    }
    for (const std::uint64_t s : q.drain(now)) out.insert(s);
    EXPECT_EQ(in, out) << name;
    EXPECT_TRUE(q->empty());
  }
}

TEST(Elevator, UnknownNameIsRefused) {
  EXPECT_THROW(make_elevator("cfq", kSettings), std::invalid_argument);
}

}  // namespace
}  // namespace cesasim::kernel
