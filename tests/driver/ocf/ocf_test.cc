// The OCF core over a driver that does what each case says: who calls whom in which context, in
// which order, and that nothing is lost or done twice.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/driver/fake_driver.h"
#include "tests/support/board.h"

namespace cesasim::driver {
namespace {

using test::Board;
using test::FakeDriver;

constexpr hw::Ps kMs = hw::kPsPerMs;

std::string policy_name(OcfPolicy policy) { return policy == OcfPolicy::v2005 ? "v2005" : "v2010"; }

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
  void build(OcfPolicy policy, std::uint32_t flags, unsigned cores = 1) {
    board = std::make_unique<Board>(cores);
    crypto = std::make_unique<Crypto>(board->kernel, test::test_ocf_costs(), policy);
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
  std::deque<Post> posts;
  std::vector<Cryptop*> sent;
};

class OcfBoth : public Ocf, public testing::WithParamInterface<OcfPolicy> {};
INSTANTIATE_TEST_SUITE_P(All, OcfBoth, testing::Values(OcfPolicy::v2005, OcfPolicy::v2010),
                         [](const auto& info) { return policy_name(info.param); });

constexpr std::uint32_t kSoftware = CRYPTOCAP_F_SOFTWARE | CRYPTOCAP_F_SYNC;
constexpr std::uint32_t kHardware = 0;
using Order = std::vector<std::size_t>;

// --- direct or queued -------------------------------------------------------------------------

TEST_F(Ocf, Policy2005QueuesSoftwareDriversAlways) {
  build(OcfPolicy::v2005, kSoftware);
  board->run([&] {
    EXPECT_EQ(dispatch(CRYPTO_F_CBIMM), 0);
    EXPECT_TRUE(fake->calls.empty());
    EXPECT_EQ(dispatch(CRYPTO_F_CBIMM | CRYPTO_F_BATCH), 0);
    sleep();
  });
  ASSERT_EQ(fake->calls.size(), 2u);
  EXPECT_EQ(fake->calls[0].thread, "crypto");
  EXPECT_EQ(fake->calls[1].thread, "crypto");
  EXPECT_EQ(posts[0].thread, "crypto");  // CBIMM: in the driver's context
}

TEST_F(Ocf, Policy2010CallsSoftwareDriversDirectlyUnlessBatch) {
  build(OcfPolicy::v2010, kSoftware);
  board->run([&] {
    EXPECT_EQ(dispatch(CRYPTO_F_CBIMM), 0);
    EXPECT_EQ(posts[0].callbacks, 1u);
    EXPECT_EQ(dispatch(CRYPTO_F_CBIMM | CRYPTO_F_BATCH), 0);
    EXPECT_EQ(posts[1].callbacks, 0u);
    sleep();
  });
  ASSERT_EQ(fake->calls.size(), 2u);
  EXPECT_EQ(fake->calls[0].thread, "test");
  EXPECT_EQ(fake->calls[1].thread, "crypto");
}

TEST_P(OcfBoth, HardwareDriversAreCalledDirectlyUnlessBatch) {
  build(GetParam(), kHardware);
  board->run([&] {
    EXPECT_EQ(dispatch(CRYPTO_F_CBIMM), 0);
    EXPECT_EQ(fake->calls.size(), 1u);
    EXPECT_EQ(dispatch(CRYPTO_F_CBIMM | CRYPTO_F_BATCH), 0);
    EXPECT_EQ(fake->calls.size(), 1u);
    sleep();
  });
  ASSERT_EQ(fake->calls.size(), 2u);
  EXPECT_EQ(fake->calls[0].thread, "test");
  EXPECT_EQ(fake->calls[1].thread, "crypto");
  EXPECT_EQ(crypto->stats().cs_ops, 2u);
  EXPECT_EQ(crypto->outstanding(), 0u);
}

// --- callbacks --------------------------------------------------------------------------------

TEST_P(OcfBoth, CbimmRunsInTheInterruptThatEndsTheRequest) {
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
    dispatch(CRYPTO_F_CBIMM);
    EXPECT_EQ(posts[0].callbacks, 0u);
    sleep();
  });
  EXPECT_EQ(posts[0].callbacks, 1u);
  EXPECT_TRUE(posts[0].in_interrupt);
}

TEST_P(OcfBoth, WithoutCbimmTheCallbackRunsInCryptoRet) {
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

TEST_P(OcfBoth, ErrorsOfRequestsAreCountedAndHandedOn) {
  build(GetParam(), kHardware);
  fake->on_process = [&](Cryptop* crp) {
    crp->crp_etype = EINVAL;
    crypto->crypto_done(crp);
    return 0;
  };
  board->run([&] { dispatch(CRYPTO_F_CBIMM); });
  EXPECT_EQ(posts[0].etype, EINVAL);
  EXPECT_EQ(crypto->stats().cs_errs, 1u);
}

// --- ERESTART ---------------------------------------------------------------------------------

/// A BATCH request waits in the queue; then a direct one is answered ERESTART.
TEST_P(OcfBoth, ErestartFromADirectCallGoesToTheTailIn2005AndToTheHeadIn2010) {
  build(GetParam(), kHardware);
  bool full = true;
  fake->on_process = [&](Cryptop* crp) {
    if (full) return ERESTART;
    crypto->crypto_done(crp);
    return 0;
  };
  board->run([&] {
    EXPECT_EQ(dispatch(CRYPTO_F_CBIMM | CRYPTO_F_BATCH), 0);
    EXPECT_EQ(dispatch(CRYPTO_F_CBIMM), 0);  // the caller never sees ERESTART
    EXPECT_EQ(order(), (Order{1}));
    EXPECT_EQ(crypto->stats().cs_blocks, 1u);
    // Blocked: not even a direct request reaches the driver.
    EXPECT_EQ(dispatch(CRYPTO_F_CBIMM), 0);
    sleep();
    EXPECT_EQ(order(), (Order{1}));
    full = false;
    crypto->crypto_unblock(fake->id, CRYPTO_SYMQ);
    sleep();
  });
  EXPECT_EQ(order(), GetParam() == OcfPolicy::v2005 ? (Order{1, 0, 1, 2}) : (Order{1, 1, 0, 2}));
  EXPECT_EQ(ended(), 3u);
  EXPECT_EQ(crypto->outstanding(), 0u);
}

TEST_P(OcfBoth, ErestartInTheThreadGoesToTheHead) {
  build(GetParam(), kHardware);
  bool full = true;
  fake->on_process = [&](Cryptop* crp) {
    if (full) return ERESTART;
    crypto->crypto_done(crp);
    return 0;
  };
  board->run([&] {
    for (int i = 0; i < 3; ++i) dispatch(CRYPTO_F_CBIMM | CRYPTO_F_BATCH);
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
/// it blocked froze.
TEST_P(OcfBoth, AnUnblockBeforeTheMarkFreezesThe2005Core) {
  build(GetParam(), kHardware);
  unsigned refusals = 1;
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
    dispatch(CRYPTO_F_CBIMM);
    sleep(100 * kMs);
    EXPECT_EQ(ended(), GetParam() == OcfPolicy::v2005 ? 0u : 1u);
    crypto->crypto_unblock(fake->id, CRYPTO_SYMQ);
    sleep();
  });
  EXPECT_EQ(ended(), 1u);
}

/// The same with the request in the thread.
TEST_P(OcfBoth, AnUnblockBeforeTheMarkInTheThread) {
  build(GetParam(), kHardware);
  unsigned refusals = 1;
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
    dispatch(CRYPTO_F_CBIMM | CRYPTO_F_BATCH);
    sleep(100 * kMs);
    EXPECT_EQ(ended(), GetParam() == OcfPolicy::v2005 ? 0u : 1u);
    crypto->crypto_unblock(fake->id, CRYPTO_SYMQ);
    sleep();
  });
  EXPECT_EQ(ended(), 1u);
}

/// A queue that is not empty but all blocked must not hide a request for another driver.
TEST_P(OcfBoth, ABlockedDriverDoesNotHoldUpAnother) {
  build(GetParam(), kHardware);
  FakeDriver other(board->kernel, *crypto, kHardware, false);
  crypto->crypto_register(other.id, Alg::aes_cbc);
  const std::uint64_t other_sid = (std::uint64_t{other.id} << 32) | 1;
  fake->on_process = [](Cryptop*) { return ERESTART; };
  board->run([&] {
    dispatch(CRYPTO_F_CBIMM);
    sleep();  // the thread has found nothing it may do, and sleeps
    EXPECT_EQ(dispatch_to(other_sid, CRYPTO_F_CBIMM | CRYPTO_F_BATCH), 0);
    sleep();
    EXPECT_EQ(posts[1].callbacks, 1u);
    EXPECT_EQ(posts[0].callbacks, 0u);
  });
}

/// Random room, random delays, two cores: every request ends exactly once.
TEST_P(OcfBoth, NothingIsLostOrDoubledUnderRandomErestart) {
  build(GetParam(), kHardware, 2);
  constexpr std::size_t kRequests = 600;
  std::mt19937 random(20050905);
  std::deque<Cryptop*> inside;
  std::size_t room = 4;
  bool refused = false;
  fake->on_process = [&](Cryptop* crp) {
    board->kernel.charge(kernel::Activity::driver, static_cast<double>(random() % 3000));
    board->kernel.sync();
    if (inside.size() >= room || random() % 8 == 0) {
      refused = true;
      return ERESTART;
    }
    inside.push_back(crp);
    return 0;
  };
  // The device: each tick ends some requests, and unblocks as long as something was refused.
  kernel::Timer device;
  bool stop = false;
  device.fn = [&] {
    for (std::size_t n = random() % 4; n > 0 && !inside.empty(); --n) {
      Cryptop* crp = inside.front();
      inside.pop_front();
      crypto->crypto_done(crp);
    }
    room = 1 + random() % 6;
    if (refused) crypto->crypto_unblock(fake->id, CRYPTO_SYMQ);
    if (!stop) board->kernel.mod_timer(device, kMs);
  };
  unsigned senders = 2;
  board->kernel.kthread_run("second", [&] {
    for (std::size_t i = 0; i < kRequests / 2; ++i) {
      const bool batch = random() % 3 == 0;
      EXPECT_EQ(dispatch((i % 5 == 0 ? 0u : CRYPTO_F_CBIMM) | (batch ? CRYPTO_F_BATCH : 0u)), 0);
      if (random() % 10 == 0) sleep(kMs);
    }
    --senders;
  });
  board->run(
      [&] {
        board->kernel.mod_timer(device, kMs);
        for (std::size_t i = 0; i < kRequests / 2; ++i) {
          EXPECT_EQ(dispatch(CRYPTO_F_CBIMM), 0);
          if (random() % 16 == 0) sleep(kMs);
        }
        --senders;
        for (int i = 0; i < 5000 && (senders != 0 || ended() < kRequests); ++i) sleep(kMs);
        stop = true;
      },
      100 * hw::kPsPerS);
  EXPECT_EQ(posts.size(), kRequests);
  EXPECT_EQ(ended(), kRequests);
  EXPECT_EQ(crypto->outstanding(), 0u);
  EXPECT_GT(crypto->stats().cs_blocks, 20u);
  EXPECT_EQ(crypto->stats().lost, 0u);
}

// --- limits, refusals, hints ------------------------------------------------------------------

TEST_F(Ocf, Policy2010TakesAThousandRequests) {
  build(OcfPolicy::v2010, kHardware);
  fake->on_process = [](Cryptop*) { return 0; };  // keeps all of them
  board->run([&] {
    for (std::uint32_t i = 0; i < Crypto::kQMax; ++i) ASSERT_EQ(dispatch(CRYPTO_F_CBIMM), 0);
    EXPECT_EQ(dispatch(CRYPTO_F_CBIMM), ENOMEM);
    EXPECT_EQ(crypto->stats().cs_drops, 1u);
    EXPECT_EQ(crypto->outstanding(), 1000u);
    crypto->crypto_done(sent[0]);
    EXPECT_EQ(dispatch(CRYPTO_F_CBIMM), 0);
    EXPECT_EQ(crypto->stats().cs_drops, 1u);
  });
}

TEST_F(Ocf, Policy2005HasNoLimit) {
  build(OcfPolicy::v2005, kHardware);
  fake->on_process = [](Cryptop*) { return 0; };
  board->run([&] {
    for (int i = 0; i < 2500; ++i) ASSERT_EQ(dispatch(CRYPTO_F_CBIMM), 0);
  });
  EXPECT_EQ(crypto->outstanding(), 2500u);
  EXPECT_EQ(crypto->stats().cs_drops, 0u);
}

TEST_P(OcfBoth, ADirectRefusalReachesTheCaller) {
  build(GetParam(), kHardware);
  fake->on_process = [](Cryptop*) { return EINVAL; };
  board->run([&] { EXPECT_EQ(dispatch(CRYPTO_F_CBIMM), EINVAL); });
  EXPECT_EQ(posts[0].callbacks, 0u);
  EXPECT_EQ(crypto->stats().lost, 0u);
  // The 2010 core does not give the slot back.
  EXPECT_EQ(crypto->outstanding(), GetParam() == OcfPolicy::v2005 ? 0u : 1u);
}

TEST_P(OcfBoth, ARefusalInTheThreadLosesTheRequest) {
  build(GetParam(), kHardware);
  fake->on_process = [](Cryptop*) { return EINVAL; };
  board->run([&] {
    EXPECT_EQ(dispatch(CRYPTO_F_CBIMM | CRYPTO_F_BATCH), 0);
    sleep();
  });
  EXPECT_EQ(fake->calls.size(), 1u);
  EXPECT_EQ(posts[0].callbacks, 0u);
  EXPECT_EQ(crypto->stats().lost, 1u);
}

TEST_P(OcfBoth, HintSaysThatMoreIsWaitingForTheSameDriver) {
  build(GetParam(), kHardware);
  board->run([&] {
    for (int i = 0; i < 3; ++i) dispatch(CRYPTO_F_CBIMM | CRYPTO_F_BATCH);
    sleep();
  });
  ASSERT_EQ(fake->calls.size(), 3u);
  EXPECT_EQ(fake->calls[0].hint, CRYPTO_HINT_MORE);
  EXPECT_EQ(fake->calls[1].hint, CRYPTO_HINT_MORE);
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

TEST_P(OcfBoth, ARequestWhoseDriverDoesNotExistEndsWithEagain) {
  build(GetParam(), kHardware);
  board->run([&] {
    EXPECT_EQ(dispatch_to(std::uint64_t{99} << 32, CRYPTO_F_CBIMM), 0);
    sleep();
  });
  EXPECT_EQ(posts[0].callbacks, 1u);
  EXPECT_EQ(posts[0].etype, EAGAIN);
  EXPECT_TRUE(fake->calls.empty());
}

}  // namespace
}  // namespace cesasim::driver
