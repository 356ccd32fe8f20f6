// SPDX-License-Identifier: Apache-2.0
// The OCF core over a driver that does what each case says: who calls whom in which context, in
// which order, and that nothing is lost or done twice.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/driver/fake_driver.h"
#include "tests/support/board.h"

namespace cesasim::driver {
namespace {

using test::Board;
using test::FakeDriver;

constexpr hw::Ps kMs = hw::kPsPerMs;
constexpr std::uint32_t kSoftware = CRYPTOCAP_F_SOFTWARE | CRYPTOCAP_F_SYNC;
constexpr std::uint32_t kHardware = 0;

std::string policy_name(OcfPolicy policy) {
  switch (policy) {
    case OcfPolicy::v2005:
      return "v2005";
    case OcfPolicy::v2006:
      return "v2006";
    case OcfPolicy::v2010:
      return "v2010";
    case OcfPolicy::marvell:
      return "marvell";
  }
  return "";
}

std::string irqs_off_name(IrqsOff irqs_off) {
  if (irqs_off == IrqsOff::none) return "none";
  return irqs_off == IrqsOff::request ? "request" : "backlog";
}

OcfOptions options(OcfPolicy policy, IrqsOff irqs_off, int crypto_nice = 0) {
  OcfOptions out(policy);
  out.irqs_off = irqs_off;
  out.crypto_nice = crypto_nice;
  return out;
}

/// The flag that makes a hardware driver's request go straight to it, or into the queue.
std::uint32_t direct_flag(OcfPolicy policy) {
  return policy == OcfPolicy::marvell ? CRYPTO_F_BATCH : 0u;
}
std::uint32_t queue_flag(OcfPolicy policy) {
  return policy == OcfPolicy::marvell ? 0u : CRYPTO_F_BATCH;
}

/// One request and what became of it.
struct Post {
  Board* board = nullptr;
  unsigned callbacks = 0;
  int etype = 0;
  std::string thread;
  bool in_interrupt = false;
};

int on_callback(Cryptop* crp) {
  Post& post = *static_cast<Post*>(crp->crp_opaque);
  ++post.callbacks;
  post.etype = crp->crp_etype;
  post.thread = post.board->kernel.current().name();
  post.in_interrupt = post.board->kernel.in_interrupt();
  crp->core->crypto_freereq(crp);
  return 0;
}

class Ocf : public testing::Test {
 protected:
  void build(const OcfOptions& options, std::uint32_t flags, unsigned cores = 1) {
    board = std::make_unique<Board>(cores);
    crypto = std::make_unique<Crypto>(board->kernel, test::test_ocf_costs(), options);
    direct = CRYPTO_F_CBIMM | direct_flag(options.policy);
    queued = CRYPTO_F_CBIMM | queue_flag(options.policy);
    fake = std::make_unique<FakeDriver>(board->kernel, *crypto, flags);
    sid = fake->open_session();
  }
  Post& post() {
    posts.emplace_back();
    posts.back().board = board.get();
    return posts.back();
  }
  /// Makes and dispatches a request; its Post is the next of posts.
  int dispatch(std::uint32_t flags) { return dispatch_to(sid, flags); }
  int dispatch_to(std::uint64_t to, std::uint32_t flags) {
    Cryptop* crp = crypto->crypto_getreq();
    crp->crp_sid = to;
    crp->crp_flags = flags;
    crp->crp_opaque = &post();
    crp->crp_callback = &on_callback;
    sent.push_back(crp);
    return crypto->crypto_dispatch(crp);
  }
  void sleep(hw::Ps ps = 3 * kMs) { board->kernel.schedule_timeout(ps); }
  /// Which of `sent` each call of the driver was for.
  std::vector<std::size_t> order() const {
    std::vector<std::size_t> out;
    for (const auto& call : fake->calls) {
      out.push_back(
          static_cast<std::size_t>(std::find(sent.begin(), sent.end(), call.crp) - sent.begin()));
    }
    return out;
  }
  std::size_t ended() const {
    return static_cast<std::size_t>(
        std::count_if(posts.begin(), posts.end(), [](const Post& p) { return p.callbacks == 1; }));
  }

  std::unique_ptr<Board> board;
  std::unique_ptr<Crypto> crypto;
  std::unique_ptr<FakeDriver> fake;
  std::uint64_t sid = 0;
  std::uint32_t direct = 0;  ///< flags of a request that a hardware driver gets at once
  std::uint32_t queued = 0;
  std::deque<Post> posts;
  std::vector<Cryptop*> sent;
};

class OcfAll : public Ocf, public testing::WithParamInterface<OcfPolicy> {};
INSTANTIATE_TEST_SUITE_P(All, OcfAll,
                         testing::Values(OcfPolicy::v2005, OcfPolicy::v2006, OcfPolicy::v2010,
                                         OcfPolicy::marvell),
                         [](const auto& info) { return policy_name(info.param); });

using Order = std::vector<std::size_t>;

// --- direct or queued -------------------------------------------------------------------------

/// Which of a request without BATCH and one with it reaches the driver inside crypto_dispatch.
struct DirectCase {
  OcfPolicy policy;
  bool software;
  bool plain;
  bool batch;
};
class OcfDirect : public Ocf, public testing::WithParamInterface<DirectCase> {};
INSTANTIATE_TEST_SUITE_P(All, OcfDirect,
                         testing::Values(DirectCase{OcfPolicy::v2005, true, false, false},
                                         DirectCase{OcfPolicy::v2005, false, true, false},
                                         DirectCase{OcfPolicy::v2006, true, false, false},
                                         DirectCase{OcfPolicy::v2006, false, true, false},
                                         DirectCase{OcfPolicy::v2010, true, true, false},
                                         DirectCase{OcfPolicy::v2010, false, true, false},
                                         DirectCase{OcfPolicy::marvell, true, false, true},
                                         DirectCase{OcfPolicy::marvell, false, false, true}),
                         [](const auto& info) {
                           return policy_name(info.param.policy) +
                                  (info.param.software ? "_software" : "_hardware");
                         });

TEST_P(OcfDirect, CalledByTheDispatcherOrByTheThread) {
  const DirectCase& c = GetParam();
  build(c.policy, c.software ? kSoftware : kHardware);
  board->run([&] {
    EXPECT_EQ(dispatch(CRYPTO_F_CBIMM), 0);
    EXPECT_EQ(posts[0].callbacks, c.plain ? 1u : 0u);
    EXPECT_EQ(dispatch(CRYPTO_F_CBIMM | CRYPTO_F_BATCH), 0);
    EXPECT_EQ(posts[1].callbacks, c.batch ? 1u : 0u);
    sleep();
  });
  ASSERT_EQ(fake->calls.size(), 2u);
  EXPECT_EQ(ended(), 2u);
  // CBIMM: called back in the driver's context.
  EXPECT_EQ(posts[0].thread, c.plain ? "test" : "crypto");
  EXPECT_EQ(posts[1].thread, c.batch ? "test" : "crypto");
  EXPECT_EQ(crypto->stats().cs_ops, 2u);
  EXPECT_EQ(crypto->outstanding(), 0u);
}

/// A driver that is blocked is not called; Marvell's core does not look.
TEST_P(OcfAll, ABlockedDriverIsNotCalledDirectly) {
  build(GetParam(), kHardware);
  bool full = true;
  fake->on_process = [&](Cryptop* crp) {
    if (full) return ERESTART;
    crypto->crypto_done(crp);
    return 0;
  };
  board->run([&] {
    EXPECT_EQ(dispatch(queued), 0);
    sleep();  // the thread has tried it: blocked
    EXPECT_EQ(order(), (Order{0}));
    EXPECT_EQ(crypto->stats().cs_blocks, 1u);
    full = false;
    EXPECT_EQ(dispatch(direct), 0);
    sleep();
    EXPECT_EQ(order(), GetParam() == OcfPolicy::marvell ? (Order{0, 1}) : (Order{0}));
    crypto->crypto_unblock(fake->id, CRYPTO_SYMQ);
    sleep();
  });
  EXPECT_EQ(ended(), 2u);
  EXPECT_EQ(crypto->outstanding(), 0u);
}

// --- callbacks --------------------------------------------------------------------------------

TEST_P(OcfAll, CbimmRunsInTheInterruptThatEndsTheRequest) {
  build(GetParam(), kHardware);
  kernel::Timer timer;
  Cryptop* pending = nullptr;
  timer.fn = [&] { crypto->crypto_done(pending); };
  fake->on_process = [&](Cryptop* crp) {
    pending = crp;
    board->kernel.mod_timer(timer, kMs);
    return 0;
  };
  board->run([&] {
    dispatch(direct);
    EXPECT_EQ(posts[0].callbacks, 0u);
    sleep();
  });
  EXPECT_EQ(posts[0].callbacks, 1u);
  EXPECT_TRUE(posts[0].in_interrupt);
}

TEST_P(OcfAll, WithoutCbimmTheCallbackRunsInCryptoRet) {
  build(GetParam(), kHardware);
  board->run([&] {
    for (int i = 0; i < 3; ++i) dispatch(0);
    EXPECT_EQ(ended(), 0u);
    sleep();
  });
  for (const Post& p : posts) {
    EXPECT_EQ(p.callbacks, 1u);
    EXPECT_EQ(p.thread, "crypto_ret");
    EXPECT_FALSE(p.in_interrupt);
  }
  EXPECT_GE(crypto->stats().cs_rets, 1u);
}

TEST_F(Ocf, CbifsyncIsImmediateForASyncDriver) {
  build(OcfPolicy::v2010, kSoftware);
  board->run([&] {
    dispatch(CRYPTO_F_CBIFSYNC);
    EXPECT_EQ(posts[0].thread, "test");
  });
}

TEST_F(Ocf, CbifsyncGoesToCryptoRetForAnAsyncDriver) {
  build(OcfPolicy::v2010, kHardware);
  board->run([&] {
    dispatch(CRYPTO_F_CBIFSYNC);
    EXPECT_EQ(posts[0].callbacks, 0u);
    sleep();
    EXPECT_EQ(posts[0].thread, "crypto_ret");
  });
}

TEST_P(OcfAll, ErrorsOfRequestsAreCountedAndHandedOn) {
  build(GetParam(), kHardware);
  fake->on_process = [&](Cryptop* crp) {
    crp->crp_etype = EINVAL;
    crypto->crypto_done(crp);
    return 0;
  };
  board->run([&] { dispatch(direct); });
  EXPECT_EQ(posts[0].etype, EINVAL);
  EXPECT_EQ(crypto->stats().cs_errs, 1u);
}

// --- ERESTART ---------------------------------------------------------------------------------

/// A request waits in the queue; then a direct one is answered ERESTART.
TEST_P(OcfAll, ErestartFromADirectCall) {
  build(GetParam(), kHardware);
  const bool marvell = GetParam() == OcfPolicy::marvell;
  bool full = true;
  fake->on_process = [&](Cryptop* crp) {
    if (full) return ERESTART;
    crypto->crypto_done(crp);
    return 0;
  };
  board->run([&] {
    EXPECT_EQ(dispatch(queued), 0);
    // Only Marvell's caller sees ERESTART, and keeps the request.
    EXPECT_EQ(dispatch(direct), marvell ? ERESTART : 0);
    EXPECT_EQ(order(), (Order{1}));
    EXPECT_EQ(crypto->stats().cs_blocks, marvell ? 0u : 1u);
    EXPECT_EQ(crypto->outstanding(), marvell ? 1u : 2u);
    full = false;
    EXPECT_EQ(dispatch(direct), 0);
    sleep();
    crypto->crypto_unblock(fake->id, CRYPTO_SYMQ);
    sleep();
  });
  switch (GetParam()) {
    case OcfPolicy::v2005:
    case OcfPolicy::v2006:
      EXPECT_EQ(order(), (Order{1, 0, 1, 2}));  // to the tail
      break;
    case OcfPolicy::v2010:
      EXPECT_EQ(order(), (Order{1, 1, 0, 2}));  // to the head
      break;
    case OcfPolicy::marvell:
      EXPECT_EQ(order(), (Order{1, 2, 0}));
      break;
  }
  EXPECT_EQ(ended(), marvell ? 2u : 3u);
  EXPECT_EQ(crypto->outstanding(), 0u);
}

TEST_P(OcfAll, ErestartInTheThreadGoesToTheHead) {
  build(GetParam(), kHardware);
  bool full = true;
  fake->on_process = [&](Cryptop* crp) {
    if (full) return ERESTART;
    crypto->crypto_done(crp);
    return 0;
  };
  board->run([&] {
    for (int i = 0; i < 3; ++i) dispatch(queued);
    sleep();
    EXPECT_EQ(order(), (Order{0}));
    full = false;
    crypto->crypto_unblock(fake->id, CRYPTO_SYMQ);
    sleep();
  });
  EXPECT_EQ(order(), (Order{0, 0, 1, 2}));
  EXPECT_EQ(ended(), 3u);
}

/// Log entry of 2006-05-12: before it, a driver that unblocked itself before the core had marked
/// it blocked froze. By a direct call (not Marvell's, who sees the answer) and in the thread.
TEST_P(OcfAll, AnUnblockBeforeTheMarkFreezesTheOldCores) {
  build(GetParam(), kHardware);
  const bool old = GetParam() == OcfPolicy::v2005 || GetParam() == OcfPolicy::v2006;
  unsigned refusals = 0;
  fake->on_process = [&](Cryptop* crp) {
    if (refusals != 0) {
      --refusals;
      crypto->crypto_unblock(fake->id, CRYPTO_SYMQ);
      return ERESTART;
    }
    crypto->crypto_done(crp);
    return 0;
  };
  board->run([&] {
    std::size_t sent_so_far = 0;
    for (const std::uint32_t flags : {direct, queued}) {
      refusals = 1;
      if (dispatch(flags) == ERESTART) continue;
      ++sent_so_far;
      sleep(100 * kMs);
      EXPECT_EQ(ended(), old ? sent_so_far - 1 : sent_so_far);
      crypto->crypto_unblock(fake->id, CRYPTO_SYMQ);
      sleep();
      EXPECT_EQ(ended(), sent_so_far);
    }
    EXPECT_EQ(sent_so_far, GetParam() == OcfPolicy::marvell ? 1u : 2u);
  });
}

/// A queue that is not empty but all blocked must not hide a request for another driver.
TEST_P(OcfAll, ABlockedDriverDoesNotHoldUpAnother) {
  build(GetParam(), kHardware);
  FakeDriver other(board->kernel, *crypto, kHardware, false);
  crypto->crypto_register(other.id, Alg::aes_cbc);
  const std::uint64_t other_sid = (std::uint64_t{other.id} << 32) | 1;
  fake->on_process = [](Cryptop*) { return ERESTART; };
  board->run([&] {
    dispatch(queued);
    sleep();  // the thread has found nothing it may do, and sleeps
    EXPECT_EQ(dispatch_to(other_sid, queued), 0);
    sleep();
    EXPECT_EQ(posts[1].callbacks, 1u);
    EXPECT_EQ(posts[0].callbacks, 0u);
  });
}

// --- random patterns ----------------------------------------------------------------------------

struct RandomCase {
  OcfPolicy policy;
  IrqsOff irqs_off;
  unsigned cores;
};

/// A device behind two drivers with random room, delays, refusals and errors; every request is
/// followed. What must hold is said here without the core's code: the answers that the drivers
/// gave determine what becomes of a request.
class OcfRandom : public Ocf, public testing::WithParamInterface<RandomCase> {
 protected:
  struct Fate {
    unsigned driver = 0;
    int dispatched = -1;  ///< crypto_dispatch's answer
    std::vector<int> answers;
    bool last_in_thread = false;
    int etype = 0;  ///< that the device gave
  };
  struct Device {
    std::unique_ptr<FakeDriver> driver;
    std::uint64_t sid = 0;
    std::deque<std::size_t> inside;
    std::size_t room = 4;
    bool refused = false;
    std::deque<std::size_t> queue;  ///< what OCF's queue must hold for it, one core only
  };

  int process(Device& d, Cryptop* crp) {
    const std::size_t id = index.at(crp);
    Fate& fate = fates[id];
    const bool in_thread = board->kernel.current().name() == "crypto";
    if (in_thread && check_order) {
      EXPECT_FALSE(d.queue.empty());
      if (!d.queue.empty()) {
        EXPECT_EQ(d.queue.front(), id);
        d.queue.pop_front();
      }
    }
    if (random() % 2 == 0) {
      board->kernel.charge(kernel::Activity::driver, static_cast<double>(random() % 200000));
    }
    if (random() % 2 == 0) board->kernel.sync();
    int answer = 0;
    if (d.inside.size() >= d.room || random() % refuse_one_in == 0) {
      answer = ERESTART;
      d.refused = true;
    } else if (random() % 25 == 0) {
      answer = EINVAL;
    }
    fate.answers.push_back(answer);
    fate.last_in_thread = in_thread;
    if (answer == ERESTART && check_order) {
      const OcfPolicy policy = GetParam().policy;
      if (in_thread || policy == OcfPolicy::v2010) {
        d.queue.push_front(id);
      } else if (policy != OcfPolicy::marvell) {
        d.queue.push_back(id);
      }
    }
    if (answer != 0) return answer;
    fate.etype = random() % 16 == 0 ? EIO : 0;
    if (random() % 6 == 0) {
      end(crp, fate);
    } else {
      d.inside.push_back(id);
    }
    return 0;
  }
  void end(Cryptop* crp, const Fate& fate) {
    crp->crp_etype = fate.etype;
    index.erase(crp);
    crypto->crypto_done(crp);
  }
  void tick(Device& d) {
    for (std::size_t n = random() % 16; n > 0 && !d.inside.empty(); --n) {
      // Mostly in their order.
      const std::size_t at = random() % 5 == 0 ? random() % d.inside.size() : 0;
      const std::size_t id = d.inside[at];
      d.inside.erase(d.inside.begin() + static_cast<std::ptrdiff_t>(at));
      end(sent[id], fates[id]);
    }
    // Now little room and now much, so that the drivers are blocked for some of the time.
    if (random() % 32 == 0) {
      crowded = !crowded;
      refuse_one_in = crowded ? 8 : 1000;
    }
    d.room = 1 + random() % (crowded ? 24 : 1000);
    if (d.refused) crypto->crypto_unblock(d.driver->id, CRYPTO_SYMQ);
  }
  void send() {
    const std::size_t id = fates.size();
    Fate& fate = fates.emplace_back();
    fate.driver = static_cast<unsigned>(random() % 2);
    Device& d = devices[fate.driver];
    Cryptop* crp = crypto->crypto_getreq();
    crp->crp_sid = d.sid;
    crp->crp_flags =
        (random() % 5 == 0 ? 0u : CRYPTO_F_CBIMM) | (random() % 3 == 0 ? CRYPTO_F_BATCH : 0u);
    crp->crp_opaque = &post();
    crp->crp_callback = &on_callback;
    sent.push_back(crp);
    index[crp] = id;
    fate.dispatched = crypto->crypto_dispatch(crp);
    // Not called meanwhile: it is in the queue.
    if (check_order && fate.dispatched == 0 && fate.answers.empty()) d.queue.push_back(id);
  }

  std::mt19937 random;
  bool check_order = false;
  bool crowded = true;
  unsigned refuse_one_in = 8;
  std::array<Device, 2> devices;
  std::deque<Fate> fates;
  std::map<Cryptop*, std::size_t> index;
};

constexpr RandomCase kRandomCases[] = {
    {OcfPolicy::v2005, IrqsOff::none, 1},     {OcfPolicy::v2005, IrqsOff::none, 2},
    {OcfPolicy::v2005, IrqsOff::request, 1},  {OcfPolicy::v2005, IrqsOff::request, 2},
    {OcfPolicy::v2005, IrqsOff::backlog, 1},  {OcfPolicy::v2005, IrqsOff::backlog, 2},
    {OcfPolicy::v2006, IrqsOff::none, 1},     {OcfPolicy::v2006, IrqsOff::none, 2},
    {OcfPolicy::v2006, IrqsOff::backlog, 1},  {OcfPolicy::v2010, IrqsOff::none, 1},
    {OcfPolicy::v2010, IrqsOff::none, 2},     {OcfPolicy::v2010, IrqsOff::backlog, 1},
    {OcfPolicy::marvell, IrqsOff::none, 1},   {OcfPolicy::marvell, IrqsOff::none, 2},
    {OcfPolicy::marvell, IrqsOff::request, 2}};
INSTANTIATE_TEST_SUITE_P(All, OcfRandom, testing::ValuesIn(kRandomCases), [](const auto& info) {
  return policy_name(info.param.policy) + "_irqs_off_" + irqs_off_name(info.param.irqs_off) +
         (info.param.cores == 1 ? "_one_core" : "_two_cores");
});

TEST_P(OcfRandom, NothingIsLostOrDoubled) {
  constexpr std::size_t kRequests = 4000;
  const RandomCase& c = GetParam();
  random.seed(20050905 + c.cores);
  check_order = c.cores == 1;
  board = std::make_unique<Board>(c.cores);
  crypto = std::make_unique<Crypto>(board->kernel, test::test_ocf_costs(),
                                    options(c.policy, c.irqs_off));
  for (Device& d : devices) {
    const bool hardware = &d == devices.data();
    d.driver =
        std::make_unique<FakeDriver>(board->kernel, *crypto, hardware ? kHardware : kSoftware);
    d.driver->on_process = [this, &d](Cryptop* crp) { return process(d, crp); };
    d.sid = (std::uint64_t{d.driver->id} << 32) | 1;
  }
  kernel::Timer ticks;
  bool stop = false;
  ticks.fn = [&] {
    for (Device& d : devices) tick(d);
    if (!stop) board->kernel.mod_timer(ticks, kMs);
  };
  unsigned senders = c.cores;
  const auto sender = [&] {
    for (std::size_t i = 0; i < kRequests / c.cores; ++i) {
      send();
      if (random() % 8 == 0) sleep(kMs);
    }
    --senders;
  };
  std::size_t expected = 0;
  const auto settled = [&] {
    if (senders != 0) return false;
    expected = 0;
    for (const Fate& f : fates) {
      if (f.dispatched != 0) continue;
      if (f.answers.empty() || f.answers.back() == ERESTART) return false;
      if (f.answers.back() == 0) ++expected;
    }
    return ended() == expected;
  };
  if (c.cores == 2) board->kernel.kthread_run("second", sender);
  board->run(
      [&] {
        board->kernel.mod_timer(ticks, kMs);
        sender();
        for (int i = 0; i < 20000 && !settled(); ++i) sleep(10 * kMs);
        stop = true;
        sleep();
      },
      1000 * hw::kPsPerS);
  ASSERT_EQ(fates.size(), kRequests);
  std::uint64_t lost = 0;
  std::uint64_t blocks = 0;
  std::uint64_t returned = 0;
  std::uint64_t dropped = 0;
  std::uint64_t leaked = 0;
  for (std::size_t id = 0; id < kRequests; ++id) {
    SCOPED_TRACE(id);
    const Fate& f = fates[id];
    const auto accepted = std::count(f.answers.begin(), f.answers.end(), 0);
    const auto restarts = std::count(f.answers.begin(), f.answers.end(), ERESTART);
    EXPECT_LE(accepted, 1);
    if (f.dispatched == 0) {
      ASSERT_FALSE(f.answers.empty());
      // ERESTART until it was taken or refused for good.
      EXPECT_EQ(restarts + 1, static_cast<std::ptrdiff_t>(f.answers.size()));
      EXPECT_EQ(posts[id].callbacks, accepted == 1 ? 1u : 0u);
      if (accepted == 1) {
        EXPECT_EQ(posts[id].etype, f.etype);
      } else {
        EXPECT_TRUE(f.last_in_thread);
        ++lost;
      }
      blocks += static_cast<std::uint64_t>(restarts);
      continue;
    }
    EXPECT_EQ(posts[id].callbacks, 0u);
    if (f.answers.empty()) {
      EXPECT_EQ(f.dispatched, ENOMEM);
      ++dropped;
      continue;
    }
    ASSERT_EQ(f.answers.size(), 1u);
    EXPECT_FALSE(f.last_in_thread);
    EXPECT_EQ(f.dispatched, f.answers[0]);
    EXPECT_EQ(f.dispatched == ERESTART && c.policy != OcfPolicy::marvell, false);
    ++returned;
  }
  EXPECT_GT(lost, 5u);
  EXPECT_GT(blocks, 100u);
  EXPECT_GT(returned, 5u);
  EXPECT_EQ(crypto->stats().lost, lost);
  EXPECT_EQ(crypto->stats().cs_blocks, blocks);
  EXPECT_EQ(crypto->stats().cs_drops, dropped);
  EXPECT_EQ(crypto->stats().cs_ops, kRequests);
  EXPECT_EQ(crypto->stats().self_deadlocks, 0u);
  // A request lost in the thread is never counted out; in 2010 neither is one refused directly.
  if (c.policy == OcfPolicy::v2010) leaked = returned;
  EXPECT_EQ(crypto->outstanding(), lost + leaked);
}

// --- limits, refusals, hints ------------------------------------------------------------------

TEST_P(OcfAll, ALimitOrNone) {
  build(GetParam(), kHardware);
  fake->on_process = [](Cryptop*) { return 0; };  // keeps all of them
  const bool limit = GetParam() == OcfPolicy::v2006 || GetParam() == OcfPolicy::v2010;
  board->run([&] {
    for (std::uint32_t i = 0; i < 1000; ++i) ASSERT_EQ(dispatch(direct), 0);
    EXPECT_EQ(dispatch(direct), limit ? ENOMEM : 0);
    EXPECT_EQ(crypto->stats().cs_drops, limit ? 1u : 0u);
    EXPECT_EQ(crypto->outstanding(), limit ? 1000u : 1001u);
    crypto->crypto_done(sent[0]);
    EXPECT_EQ(dispatch(direct), 0);
    EXPECT_EQ(crypto->stats().cs_drops, limit ? 1u : 0u);
  });
}

TEST_P(OcfAll, ADirectRefusalReachesTheCaller) {
  build(GetParam(), kHardware);
  fake->on_process = [](Cryptop*) { return EINVAL; };
  board->run([&] { EXPECT_EQ(dispatch(direct), EINVAL); });
  EXPECT_EQ(posts[0].callbacks, 0u);
  EXPECT_EQ(crypto->stats().lost, 0u);
  // The 2010 core does not give the slot back.
  EXPECT_EQ(crypto->outstanding(), GetParam() == OcfPolicy::v2010 ? 1u : 0u);
}

TEST_P(OcfAll, ARefusalInTheThreadLosesTheRequest) {
  build(GetParam(), kHardware);
  fake->on_process = [](Cryptop*) { return EINVAL; };
  board->run([&] {
    EXPECT_EQ(dispatch(queued), 0);
    sleep();
  });
  EXPECT_EQ(fake->calls.size(), 1u);
  EXPECT_EQ(posts[0].callbacks, 0u);
  EXPECT_EQ(crypto->stats().lost, 1u);
}

TEST_P(OcfAll, WithoutMemoryThereIsNoRequest) {
  build(GetParam(), kHardware);
  hw::FaultRule rule;
  rule.kind = hw::FaultKind::request_alloc;
  rule.nth = 1;
  rule.every = 1;
  rule.times = 2;
  hw::FaultPlan plan({rule}, 1);
  board->kernel.set_faults(&plan);
  board->run([&] {
    EXPECT_EQ(crypto->crypto_getreq(), nullptr);
    EXPECT_EQ(crypto->crypto_getreq(), nullptr);
    EXPECT_EQ(dispatch(direct), 0);
  });
  EXPECT_EQ(ended(), 1u);
}

/// Only among BATCH requests; in Marvell's queue there are none.
TEST_P(OcfAll, HintSaysThatMoreIsWaitingForTheSameDriver) {
  build(GetParam(), kHardware);
  board->run([&] {
    for (int i = 0; i < 3; ++i) dispatch(queued);
    sleep();
  });
  const int more = GetParam() == OcfPolicy::marvell ? 0 : CRYPTO_HINT_MORE;
  ASSERT_EQ(fake->calls.size(), 3u);
  EXPECT_EQ(fake->calls[0].hint, more);
  EXPECT_EQ(fake->calls[1].hint, more);
  EXPECT_EQ(fake->calls[2].hint, 0);
}

TEST_F(Ocf, WithoutBatchTheScanStopsAndGivesNoHint) {
  build(OcfPolicy::v2005, kSoftware);
  board->run([&] {
    for (int i = 0; i < 3; ++i) dispatch(CRYPTO_F_CBIMM);
    sleep();
  });
  ASSERT_EQ(fake->calls.size(), 3u);
  for (const auto& call : fake->calls) EXPECT_EQ(call.hint, 0);
}

// --- sessions ---------------------------------------------------------------------------------

TEST_F(Ocf, SessionsGoToTheFirstDriverThatCan) {
  board = std::make_unique<Board>();
  crypto = std::make_unique<Crypto>(board->kernel, test::test_ocf_costs(), OcfPolicy::v2005);
  std::uint64_t got = 0;
  CryptoIni cri;
  cri.cri_alg = Alg::aes_cbc;
  EXPECT_EQ(crypto->crypto_newsession(&got, cri), EINVAL);  // no driver at all
  FakeDriver none(board->kernel, *crypto, kHardware, false);
  EXPECT_EQ(crypto->crypto_newsession(&got, cri), EINVAL);  // one without AES
  FakeDriver first(board->kernel, *crypto, kSoftware);
  FakeDriver second(board->kernel, *crypto, kHardware);  // no preference for hardware
  EXPECT_EQ(crypto->crypto_newsession(&got, cri), 0);
  EXPECT_EQ(crypto_sid_hid(got), first.id);
  EXPECT_EQ(crypto_sid_lid(got), 1u);
  EXPECT_EQ(crypto_sid_caps(got), kSoftware);
  EXPECT_EQ(crypto->driver_name(got), "fake");
  first.session_error = ENOMEM;
  EXPECT_EQ(crypto->crypto_newsession(&got, cri), ENOMEM);
}

TEST_F(Ocf, FreeingSessions) {
  build(OcfPolicy::v2005, kSoftware);
  EXPECT_EQ(crypto->crypto_freesession(std::uint64_t{99} << 32), ENOENT);
  EXPECT_EQ(crypto->crypto_freesession(sid), 0);
  EXPECT_EQ(fake->freed, std::vector<std::uint32_t>{1});
  EXPECT_EQ(crypto->crypto_freesession((std::uint64_t{fake->id} << 32) | 7), ENOENT);
}

TEST_P(OcfAll, ARequestWhoseDriverDoesNotExistEndsWithEagain) {
  build(GetParam(), kHardware);
  board->run([&] {
    EXPECT_EQ(dispatch_to(std::uint64_t{99} << 32, CRYPTO_F_CBIMM), 0);
    sleep();
  });
  EXPECT_EQ(posts[0].callbacks, 1u);
  EXPECT_EQ(posts[0].etype, EAGAIN);
  EXPECT_TRUE(fake->calls.empty());
}

// --- driver table -----------------------------------------------------------------------------

class Drivers : public testing::Test {
 protected:
  void build(OcfPolicy policy) {
    board = std::make_unique<Board>();
    crypto = std::make_unique<Crypto>(board->kernel, test::test_ocf_costs(), policy);
  }
  FakeDriver& add(std::uint32_t flags, bool aes = true) {
    drivers.push_back(std::make_unique<FakeDriver>(board->kernel, *crypto, flags, aes));
    return *drivers.back();
  }
  /// The slot of a new session's driver; -1: none.
  int open(int hard_or_crid) {
    CryptoIni cri;
    cri.cri_alg = Alg::aes_cbc;
    std::uint64_t sid = 0;
    if (crypto->crypto_newsession(&sid, cri, hard_or_crid) != 0) return -1;
    sids.push_back(sid);
    return static_cast<int>(crypto_sid_hid(sid));
  }

  std::unique_ptr<Board> board;
  std::unique_ptr<Crypto> crypto;
  std::vector<std::unique_ptr<FakeDriver>> drivers;
  std::vector<std::uint64_t> sids;
};

TEST_F(Drivers, TheOldCoresTakeTheFirstOfTheKind) {
  build(OcfPolicy::v2006);
  add(kHardware, false);  // 0: no AES
  EXPECT_EQ(open(0), -1);
  add(kSoftware);  // 1
  EXPECT_EQ(open(1), -1);
  add(kHardware);  // 2
  add(kHardware);  // 3
  add(kSoftware);  // 4: the table has grown
  EXPECT_EQ(open(0), 1);
  EXPECT_EQ(open(0), 1);
  EXPECT_EQ(open(1), 2);
  EXPECT_EQ(open(1), 2);
  EXPECT_EQ(open(-1), 1);
}

TEST_F(Drivers, Policy2010TakesTheOneWithTheFewestSessions) {
  build(OcfPolicy::v2010);
  add(kSoftware);         // 0
  add(kHardware);         // 1
  add(kHardware);         // 2
  EXPECT_EQ(open(0), 0);  // no bit: that very slot
  EXPECT_EQ(open(2), 2);
  EXPECT_EQ(open(3), -1);
  const int both = CRYPTO_CRID_HARDWARE | CRYPTO_CRID_SOFTWARE;
  EXPECT_EQ(open(both), 1);
  EXPECT_EQ(open(both), 1);  // 1 against 1: the first
  EXPECT_EQ(open(both), 2);
  EXPECT_EQ(open(CRYPTO_CRID_HARDWARE), 1);
  EXPECT_EQ(open(CRYPTO_CRID_SOFTWARE), 0);
  EXPECT_EQ(crypto_sid_caps(sids[0]), CRYPTOCAP_F_SOFTWARE | CRYPTOCAP_F_SYNC);
  // Without hardware that can: software, if that will do.
  crypto->crypto_unregister_all(1);
  crypto->crypto_unregister_all(2);
  EXPECT_EQ(open(both), 0);
  EXPECT_EQ(open(CRYPTO_CRID_HARDWARE), -1);
}

TEST_F(Drivers, ASlotIsFreeWhenItsSessionsAreClosed) {
  build(OcfPolicy::v2005);
  add(kHardware);
  add(kHardware);
  ASSERT_EQ(open(0), 0);
  ASSERT_EQ(open(0), 0);
  EXPECT_EQ(crypto->crypto_unregister_all(0), 0);
  EXPECT_EQ(crypto->crypto_unregister_all(0), EINVAL);  // has gone
  EXPECT_EQ(crypto->crypto_unregister_all(99), EINVAL);
  EXPECT_EQ(crypto->driver_name(sids[0]), "none");
  EXPECT_EQ(open(0), 1);
  EXPECT_EQ(crypto->crypto_freesession(sids[0]), 0);
  EXPECT_TRUE(drivers[0]->freed.empty());
  EXPECT_EQ(add(kHardware).id, 2u);
  EXPECT_EQ(crypto->crypto_freesession(sids[1]), 0);
  EXPECT_EQ(add(kHardware).id, 0u);
  EXPECT_EQ(crypto->crypto_unregister_all(1), 0);  // one session left
  EXPECT_EQ(add(kHardware).id, 3u);
  EXPECT_EQ(add(kHardware).id, 4u);
}

// --- migration --------------------------------------------------------------------------------

const std::vector<std::uint8_t> kKey(16, 0x5a);

/// Three requests wait for a driver that goes; another one can do their work.
TEST_P(OcfAll, QueuedRequestsOfADriverThatWentMoveToAnother) {
  build(GetParam(), kHardware);
  FakeDriver other(board->kernel, *crypto, kHardware);
  fake->on_process = [](Cryptop*) { return ERESTART; };
  std::vector<std::uint64_t> given;
  const auto post_with_key = [&] {
    Cryptop* crp = crypto->crypto_getreq();
    crp->crp_sid = sid;
    crp->crp_flags = queued;
    crp->crp_desc.crd_alg = Alg::aes_cbc;
    crp->crp_desc.crd_klen = 128;
    crp->crp_desc.crd_key = kKey;
    crp->crp_opaque = &given;
    crp->crp_callback = [](Cryptop* done) {
      EXPECT_EQ(done->crp_etype, EAGAIN);
      static_cast<std::vector<std::uint64_t>*>(done->crp_opaque)->push_back(done->crp_sid);
      done->core->crypto_freereq(done);
      return 0;
    };
    EXPECT_EQ(crypto->crypto_dispatch(crp), 0);
  };
  board->run([&] {
    for (int i = 0; i < 3; ++i) post_with_key();
    sleep();
    EXPECT_TRUE(given.empty());
    crypto->crypto_unregister_all(fake->id);
    sleep();
    ASSERT_EQ(given.size(), 3u);
    for (const std::uint64_t s : given) EXPECT_EQ(crypto_sid_hid(s), other.id);
    EXPECT_EQ(other.sessions, 3u);  // each request got one of its own
    EXPECT_TRUE(other.calls.empty());
    EXPECT_EQ(crypto->stats().migrated, 3u);
    EXPECT_EQ(crypto->outstanding(), 0u);
    // No driver any more: EAGAIN and the old session.
    crypto->crypto_unregister_all(other.id);
    sid = given[0];
    post_with_key();
    sleep();
    ASSERT_EQ(given.size(), 4u);
    EXPECT_EQ(given[3], given[0]);
    EXPECT_EQ(crypto->stats().migrated, 4u);
  });
}

/// A driver that is taken out again and again: a client that posts again what came back with
/// EAGAIN gets each request done exactly once.
TEST_P(OcfAll, ADriverGoesAndComesBackInMidFlight) {
  build(GetParam(), kHardware);
  hw::FaultRule rule;
  rule.kind = hw::FaultKind::unregister;
  rule.probability = 0.02;
  hw::FaultPlan plan({rule}, 7);
  board->kernel.set_faults(&plan);
  std::mt19937 random(11);
  std::deque<Cryptop*> inside;
  bool refused = false;
  std::map<Cryptop*, unsigned> accepted;
  fake->on_process = [&](Cryptop* crp) {
    if (inside.size() >= 6 || random() % 10 == 0) {
      refused = true;
      return ERESTART;
    }
    inside.push_back(crp);
    ++accepted[crp];
    return 0;
  };
  kernel::Timer device;
  bool stop = false;
  device.fn = [&] {
    for (std::size_t n = random() % 6; n > 0 && !inside.empty(); --n) {
      Cryptop* crp = inside.front();
      inside.pop_front();
      crypto->crypto_done(crp);
    }
    if (refused) crypto->crypto_unblock(fake->id, CRYPTO_SYMQ);  // its first id, always
    if (!stop) board->kernel.mod_timer(device, kMs);
  };
  struct Client {
    std::deque<Cryptop*> again;
    std::size_t ended = 0;
  } client;
  constexpr std::size_t kRequests = 500;
  board->run(
      [&] {
        board->kernel.mod_timer(device, kMs);
        std::vector<Cryptop*> requests;
        const auto send = [&](Cryptop* crp) {
          crp->crp_etype = 0;
          crp->crp_flags = random() % 3 == 0 ? queued : direct;
          const int result = crypto->crypto_dispatch(crp);
          if (result != 0) {
            EXPECT_EQ(result, ERESTART);
            client.again.push_back(crp);
          }
        };
        for (std::size_t i = 0; i < kRequests; ++i) {
          Cryptop* crp = crypto->crypto_getreq();
          requests.push_back(crp);
          crp->crp_sid = sid;
          crp->crp_desc.crd_alg = Alg::aes_cbc;
          crp->crp_desc.crd_klen = 128;
          crp->crp_desc.crd_key = kKey;
          crp->crp_opaque = &client;
          crp->crp_callback = [](Cryptop* done) {
            auto& c = *static_cast<Client*>(done->crp_opaque);
            if (done->crp_etype == EAGAIN) {
              c.again.push_back(done);
            } else {
              EXPECT_EQ(done->crp_etype, 0);
              ++c.ended;
            }
            return 0;
          };
          send(crp);
          if (random() % 4 == 0) sleep(kMs);
        }
        for (int round = 0; round < 3000 && client.ended < kRequests; ++round) {
          sleep(kMs);
          auto list = std::exchange(client.again, {});
          for (Cryptop* crp : list) send(crp);
        }
        stop = true;
        sleep();
        EXPECT_EQ(client.ended, kRequests);
        for (Cryptop* crp : requests) EXPECT_EQ(accepted[crp], 1u);
      },
      100 * hw::kPsPerS);
  EXPECT_GT(plan.fired(), 5u);
  EXPECT_GT(crypto->stats().migrated, 5u);
  EXPECT_GT(fake->sessions, 5u);
  EXPECT_EQ(crypto->outstanding(), 0u);
}

// --- interrupts off in the thread -------------------------------------------------------------

class OcfIrqsOff : public Ocf, public testing::WithParamInterface<IrqsOff> {};
INSTANTIATE_TEST_SUITE_P(All, OcfIrqsOff,
                         testing::Values(IrqsOff::none, IrqsOff::request, IrqsOff::backlog),
                         [](const auto& info) { return irqs_off_name(info.param); });

/// Ten requests of 4 ms each, and a timer due after a millisecond: it runs inside a request,
/// between two, or after the tenth.
TEST_P(OcfIrqsOff, ATimerWaitsForARequestOrForTheBacklog) {
  build(options(OcfPolicy::v2005, GetParam()), kSoftware);
  std::size_t begun = 0;
  std::size_t over = 0;
  bool off = false;
  fake->on_process = [&](Cryptop* crp) {
    ++begun;
    off = board->kernel.irqs_disabled();
    board->kernel.charge_ps(kernel::Activity::cipher, 4 * kMs);
    board->kernel.sync();
    ++over;
    crypto->crypto_done(crp);
    return 0;
  };
  std::size_t begun_at_timer = 0;
  std::size_t over_at_timer = 0;
  kernel::Timer timer;
  timer.fn = [&] {
    begun_at_timer = begun;
    over_at_timer = over;
  };
  board->run([&] {
    sleep(20 * kMs);  // just behind a tick
    for (int i = 0; i < 10; ++i) dispatch(queued);
    board->kernel.mod_timer(timer, kMs);
    sleep(100 * kMs);
  });
  EXPECT_EQ(ended(), 10u);
  EXPECT_EQ(off, GetParam() != IrqsOff::none);
  switch (GetParam()) {
    case IrqsOff::none:
      EXPECT_EQ(begun_at_timer, over_at_timer + 1);
      EXPECT_LT(begun_at_timer, 10u);
      break;
    case IrqsOff::request:
      EXPECT_EQ(begun_at_timer, over_at_timer);
      EXPECT_LT(begun_at_timer, 10u);
      break;
    case IrqsOff::backlog:
      EXPECT_EQ(over_at_timer, 10u);
      break;
  }
  EXPECT_EQ(crypto->stats().self_deadlocks, 0u);
}

/// A callback that dispatches: the original would wait for its own lock.
TEST_P(OcfIrqsOff, ACallbackThatDispatchesIsCounted) {
  build(options(OcfPolicy::v2010, GetParam()), kHardware);
  struct Chain {
    Ocf* test = nullptr;
    Crypto* crypto = nullptr;
    unsigned left = 5;
    unsigned ended = 0;
  } chain;
  chain.crypto = crypto.get();
  board->run([&] {
    Cryptop* crp = crypto->crypto_getreq();
    crp->crp_sid = sid;
    crp->crp_flags = queued;
    crp->crp_opaque = &chain;
    crp->crp_callback = [](Cryptop* done) {
      auto& c = *static_cast<Chain*>(done->crp_opaque);
      ++c.ended;
      if (c.left-- == 0) {
        done->core->crypto_freereq(done);
        return 0;
      }
      done->crp_flags = CRYPTO_F_CBIMM;  // direct, unless the lock is held
      EXPECT_EQ(c.crypto->crypto_dispatch(done), 0);
      return 0;
    };
    EXPECT_EQ(crypto->crypto_dispatch(crp), 0);
    sleep();
  });
  EXPECT_EQ(chain.ended, 6u);
  EXPECT_EQ(crypto->stats().self_deadlocks, GetParam() == IrqsOff::none ? 0u : 5u);
  EXPECT_EQ(crypto->outstanding(), 0u);
}

TEST_F(Ocf, ABetterCryptoThreadRunsFirst) {
  build(options(OcfPolicy::v2005, IrqsOff::none, -10), kSoftware);
  std::vector<std::string> ran;
  fake->on_process = [&](Cryptop* crp) {
    ran.push_back("crypto");
    crypto->crypto_done(crp);
    return 0;
  };
  board->run([&] {
    dispatch(queued);
    board->kernel.kthread_run(
        "other", [&] { ran.push_back("other"); }, -5);
    sleep();
  });
  EXPECT_EQ(ran, (std::vector<std::string>{"crypto", "other"}));
}

}  // namespace
}  // namespace cesasim::driver
