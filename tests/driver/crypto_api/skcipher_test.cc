// SPDX-License-Identifier: Apache-2.0
// The asynchronous cipher API: whom a transform binds to, what a submitter is told, the backlog.
#include "driver/crypto_api/skcipher.h"

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <functional>

#include "driver/cryptosoft/cryptosoft.h"
#include "hw_model/common/fault.h"
#include "tests/driver/crypto_api/skcipher_device.h"
#include "tests/driver/vectors.h"
#include "tests/support/board.h"

namespace cesasim::driver {
namespace {

using test::Board;
using Device = test::SkcipherDevice;
using test::Bytes;

class SkcipherTest : public testing::Test {
 protected:
  struct One {
    SkcipherRequest request;
    SkcipherTest* test = nullptr;
    int answer = 1;
    std::vector<int> callbacks;
    bool in_irq = false;
    bool in_interrupt = false;
    Bytes before;
    hw::PhysAddr dst = 0;
  };
  One& make(CryptoSkcipher& tfm, std::size_t bytes = 512, bool may_backlog = true) {
    all.emplace_back();
    One& one = all.back();
    one.test = this;
    one.before = Bytes(bytes, static_cast<std::uint8_t>(all.size()));
    one.request.tfm = &tfm;
    one.request.src = board.kernel.alloc_boot(bytes, 32);
    one.request.dst = one.dst = one.request.src;
    one.request.cryptlen = static_cast<std::uint32_t>(bytes);
    one.request.iv.fill(static_cast<std::uint8_t>(all.size()));
    one.request.flags = may_backlog ? CRYPTO_TFM_REQ_MAY_BACKLOG : 0u;
    one.request.data = &one;
    one.request.complete = [](SkcipherRequest& request, int error) {
      One& o = *static_cast<One*>(request.data);
      o.callbacks.push_back(error);
      o.in_irq = o.test->board.kernel.in_irq();
      o.in_interrupt = o.test->board.kernel.in_interrupt();
      if (o.test->on_complete) o.test->on_complete(o, error);
    };
    std::memcpy(board.kernel.cpu_write(one.request.src, bytes), one.before.data(), bytes);
    return one;
  }
  One& encrypt(CryptoSkcipher& tfm, std::size_t bytes = 512, bool may_backlog = true) {
    One& one = make(tfm, bytes, may_backlog);
    one.answer = api.crypto_skcipher_encrypt(one.request);
    return one;
  }
  Bytes result(const One& one) {
    const std::uint8_t* p = board.kernel.cpu_read(one.dst, one.before.size());
    return Bytes(p, p + one.before.size());
  }
  Bytes expected(const One& one) {
    return test::openssl_cbc(true, key, Bytes(one.request.iv.begin(), one.request.iv.end()),
                             one.before);
  }
  std::unique_ptr<CryptoSkcipher> aes() {
    return api.crypto_alloc_skcipher(Cipher::aes, CipherMode::cbc, key);
  }
  void sleep_ticks(int n) { board.kernel.schedule_timeout(n * hw::kPsPerMs); }

  Board board;
  SkcipherApi api{board.kernel, test::test_driver_costs(), test::test_cipher_costs()};
  const Bytes key = Bytes(16, 0x31);
  std::deque<One> all;
  std::function<void(One&, int)> on_complete;
};

using Answers = std::vector<int>;

// --- XTS ----------------------------------------------------------------------------------------

/// Linux's template over a driver's ECB: the bytes are XTS's, in place and to another buffer, which
/// a driver of one buffer cannot do by itself.
TEST_F(SkcipherTest, XtsIsATemplateOverADriversEcb) {
  Device ecb(board.kernel, api, 0, {Alg::aes_cbc, Alg::aes_ecb});
  ecb.can_out_of_place = false;
  board.run([&] {
    for (const test::XtsVector& v : test::kIeee1619Vectors) {
      const Bytes keys = test::from_hex(v.keys), unit = test::from_hex(v.data_unit);
      auto tfm = api.crypto_alloc_skcipher(Cipher::aes, CipherMode::xts, keys);
      EXPECT_STREQ(tfm->driver_name(), "xts(device)");
      EXPECT_TRUE(tfm->async());
      EXPECT_TRUE(tfm->out_of_place());
      for (const bool decrypt : {false, true}) {
        for (const bool in_place : {true, false}) {
          const Bytes in = decrypt ? test::from_hex(v.cipher_text) : v.plain_text();
          One& one = make(*tfm, in.size());
          one.before = in;
          std::memcpy(board.kernel.cpu_write(one.request.src, in.size()), in.data(), in.size());
          std::copy(unit.begin(), unit.end(), one.request.iv.begin());
          if (!in_place) one.request.dst = one.dst = board.kernel.alloc_boot(in.size(), 32);
          one.answer = decrypt ? api.crypto_skcipher_decrypt(one.request)
                               : api.crypto_skcipher_encrypt(one.request);
          EXPECT_EQ(one.answer, -EINPROGRESS);
          ecb.end();
          EXPECT_EQ(one.callbacks, Answers{0});
          EXPECT_EQ(result(one), decrypt ? v.plain_text() : test::from_hex(v.cipher_text));
          const std::uint8_t* p = board.kernel.cpu_read(one.request.src, in.size());
          if (!in_place) {
            EXPECT_EQ(Bytes(p, p + in.size()), in) << "the source changed";
          }
        }
      }
    }
    EXPECT_EQ(ecb.sessions, 0);
  });
}

/// A driver of its own XTS is taken before the template, and the template not over what the mask
/// passes over, nor over a software driver.
TEST_F(SkcipherTest, WhoGetsXts) {
  Device soft(board.kernel, api, CRYPTOCAP_F_SOFTWARE | CRYPTOCAP_F_SYNC, {Alg::aes_ecb});
  board.run([&] {
    const auto who = [&](std::size_t key_bytes, std::uint32_t mask = 0) {
      return std::string(
          api.crypto_alloc_skcipher(Cipher::aes, CipherMode::xts, Bytes(key_bytes), mask)
              ->driver_name());
    };
    EXPECT_EQ(who(32), "generic");
    Device ecb(board.kernel, api, 0, {Alg::aes_ecb});
    EXPECT_EQ(who(32), "xts(device)");
    ecb.allocates = true;
    EXPECT_EQ(who(32, CRYPTO_ALG_ALLOCATES_MEMORY), "generic");
    Device xts(board.kernel, api, 0, {Alg::aes_xts});
    EXPECT_EQ(who(32), "device");
    EXPECT_EQ(who(64, CRYPTO_ALG_ALLOCATES_MEMORY), "device");
    EXPECT_EQ(who(48), "xts(device)") << "IEEE 1619 has no AES-192, Linux's template takes it";
    EXPECT_EQ(api.crypto_unregister_all(xts.id), 0);
    EXPECT_EQ(api.crypto_unregister_all(ecb.id), 0);
    EXPECT_EQ(api.crypto_unregister_all(soft.id), 0);
  });
}

/// What the driver says reaches the owner, once each: refusal, backlog, an error at the end.
TEST_F(SkcipherTest, XtsPassesOnWhatTheDriverSays) {
  Device ecb(board.kernel, api, 0, {Alg::aes_ecb});
  board.run([&] {
    const Bytes keys = test::from_hex(test::kIeee1619Vectors[1].keys);
    auto tfm = api.crypto_alloc_skcipher(Cipher::aes, CipherMode::xts, keys);
    EXPECT_EQ(encrypt(*tfm, 24).answer, -EINVAL);
    ecb.refuse = EIO;
    EXPECT_EQ(encrypt(*tfm).answer, -EIO);
    ecb.refuse = 0;
    ecb.capacity = 1;
    One& first = encrypt(*tfm);
    One& second = encrypt(*tfm);
    EXPECT_EQ(first.answer, -EINPROGRESS);
    EXPECT_EQ(second.answer, -EBUSY);
    EXPECT_EQ(encrypt(*tfm, 512, false).answer, -ENOSPC);
    ecb.end(0, EIO);
    EXPECT_EQ(first.callbacks, Answers{-EIO});
    EXPECT_EQ(second.callbacks, Answers{-EINPROGRESS});
    ecb.end();
    EXPECT_EQ(second.callbacks, (Answers{-EINPROGRESS, 0}));
    CryptoTfm own(board.kernel, CipherCosts{}, CipherMode::xts, keys);
    Bytes expected(512);
    own.encrypt(expected.data(), second.before.data(), 512, second.request.iv.data());
    EXPECT_EQ(result(second), expected);
  });
}

/// One block of AES, and half of XTS's price for each pass; nothing of the cipher, which is the
/// driver's.
TEST_F(SkcipherTest, XtsCostsTwoPassesAndATweak) {
  CipherCosts costs;
  costs.aes_setup = 1000;
  costs.aes128_encrypt_per_byte = 40;
  costs.xts_per_byte = 6;
  SkcipherApi priced(board.kernel, test::test_driver_costs(), costs);
  Device ecb(board.kernel, priced, 0, {Alg::aes_ecb});
  board.run([&] {
    auto tfm = priced.crypto_alloc_skcipher(Cipher::aes, CipherMode::xts, Bytes(32));
    One& one = make(*tfm);
    const auto cycles = [](double n) { return static_cast<hw::Ps>(n * 1000); };  // at 1 GHz
    const auto cipher = [&] { return board.soc.core(0).accounted(kernel::Activity::cipher); };
    const hw::Ps before = cipher();
    EXPECT_EQ(priced.crypto_skcipher_encrypt(one.request), -EINPROGRESS);
    const hw::Ps posted = cipher();
    EXPECT_EQ(posted - before, cycles(16 * 40 + 1000 + 512 * 3));
    ecb.end();
    EXPECT_EQ(cipher() - posted, cycles(1000 + 512 * 3));
  });
}

TEST_F(SkcipherTest, WithoutADriverItIsDoneAtOnce) {
  board.run([&] {
    auto tfm = aes();
    EXPECT_STREQ(tfm->driver_name(), "generic");
    EXPECT_FALSE(tfm->async());
    One& one = encrypt(*tfm);
    EXPECT_EQ(one.answer, 0);
    EXPECT_TRUE(one.callbacks.empty());
    EXPECT_EQ(result(one), expected(one));
    EXPECT_EQ(api.crypto_skcipher_decrypt(one.request), 0);
    EXPECT_EQ(result(one), one.before);
    EXPECT_EQ(encrypt(*tfm, 24).answer, -EINVAL);
    EXPECT_EQ(api.stats().synchronous, 2u);
    EXPECT_EQ(api.stats().errors, 1u);
  });
}

TEST_F(SkcipherTest, BindsToHardwareThenSoftwareThenNone) {
  Device soft(board.kernel, api, CRYPTOCAP_F_SOFTWARE);
  Device picky(board.kernel, api);
  picky.session_error = EINVAL;
  Device hard(board.kernel, api, 0, {Alg::aes_cbc, Alg::des3_cbc});
  board.run([&] {
    {
      auto tfm = aes();
      EXPECT_EQ(hard.sessions, 1);
      EXPECT_TRUE(tfm->async());
    }
    EXPECT_EQ(hard.sessions, 0);
    hard.session_error = EINVAL;
    {
      auto tfm = aes();
      EXPECT_EQ(soft.sessions, 1);
    }
    EXPECT_STREQ(api.crypto_alloc_skcipher(Cipher::aes, CipherMode::xts, Bytes(64))->driver_name(),
                 "generic");
    EXPECT_STREQ(api.crypto_alloc_skcipher(Cipher::aes, CipherMode::ecb, key)->driver_name(),
                 "generic");
    EXPECT_STREQ(api.crypto_alloc_skcipher(Cipher::des, CipherMode::cbc, Bytes(8))->driver_name(),
                 "generic");
    EXPECT_THROW(api.crypto_alloc_skcipher(Cipher::des, CipherMode::cbc, key),
                 std::invalid_argument);
  });
}

// CRYPTO_ALG_ALLOCATES_MEMORY in the mask: the driver that says so is passed over, the next one
// that does not is taken, and without one the kernel's own code.
TEST_F(SkcipherTest, TheMaskPassesOverWhoAllocates) {
  Device hungry(board.kernel, api);
  Device soft(board.kernel, api, CRYPTOCAP_F_SOFTWARE, {});
  Device frugal(board.kernel, api, 0, {});
  hungry.allocates = soft.allocates = true;
  board.run([&] {
    const auto driver_of = [&](std::uint32_t mask) {
      return std::string(
          api.crypto_alloc_skcipher(Cipher::aes, CipherMode::cbc, key, mask)->driver_name());
    };
    EXPECT_EQ(driver_of(0), hungry.name());
    EXPECT_EQ(api.stats().passed_over, 0u);
    EXPECT_EQ(driver_of(CRYPTO_ALG_ALLOCATES_MEMORY), "generic");
    EXPECT_EQ(api.stats().passed_over, 1u);
    api.crypto_register(soft.id, Alg::aes_cbc);
    EXPECT_EQ(driver_of(CRYPTO_ALG_ALLOCATES_MEMORY), "generic");
    api.crypto_register(frugal.id, Alg::aes_cbc);
    {
      auto tfm =
          api.crypto_alloc_skcipher(Cipher::aes, CipherMode::cbc, key, CRYPTO_ALG_ALLOCATES_MEMORY);
      EXPECT_EQ(frugal.sessions, 1);
      EXPECT_EQ(hungry.sessions, 0);
    }
    EXPECT_EQ(frugal.sessions, 0);
  });
}

TEST_F(SkcipherTest, TakenByTheDriverAndEndedByCallback) {
  Device device(board.kernel, api);
  board.run([&] {
    auto tfm = aes();
    One& one = encrypt(*tfm);
    EXPECT_EQ(one.answer, -EINPROGRESS);
    EXPECT_EQ(result(one), one.before);
    device.end();
    EXPECT_EQ(one.callbacks, Answers{0});
    EXPECT_EQ(result(one), expected(one));
    One& bad = encrypt(*tfm);
    device.end(0, EIO);
    EXPECT_EQ(bad.callbacks, Answers{-EIO});
    device.refuse = EINVAL;  // as cesa_hal: an error without crypto_done
    One& refused = encrypt(*tfm);
    EXPECT_EQ(refused.answer, -EINVAL);
    EXPECT_TRUE(refused.callbacks.empty());
    EXPECT_EQ(api.stats().requests, 3u);
    EXPECT_EQ(api.stats().errors, 2u);
  });
}

TEST_F(SkcipherTest, ASynchronousDriverAnswersTheSubmitter) {
  Cryptosoft soft(board.kernel, api, test::test_driver_costs(), test::test_cipher_costs());
  board.run([&] {
    auto tfm = aes();
    EXPECT_STREQ(tfm->driver_name(), "cryptosoft");
    EXPECT_FALSE(tfm->async());
    One& one = make(*tfm);
    one.request.dst = one.dst = board.kernel.alloc_boot(512, 32);
    EXPECT_EQ(api.crypto_skcipher_encrypt(one.request), 0);
    EXPECT_TRUE(one.callbacks.empty());
    EXPECT_EQ(result(one), expected(one));
    hw::FaultRule rule;
    rule.kind = hw::FaultKind::engine_error;
    rule.nth = 1;
    hw::FaultPlan plan({rule}, 1);
    board.kernel.set_faults(&plan);
    One& bad = encrypt(*tfm);
    board.kernel.set_faults(nullptr);
    EXPECT_EQ(bad.answer, -EIO);
    EXPECT_TRUE(bad.callbacks.empty());
  });
}

TEST_F(SkcipherTest, OutOfPlaceOnlyIfTheDriverCan) {
  Device device(board.kernel, api);
  board.run([&] {
    auto tfm = aes();
    EXPECT_TRUE(tfm->out_of_place());
    One& one = make(*tfm);
    one.request.dst = one.dst = board.kernel.alloc_boot(512, 32);
    EXPECT_EQ(api.crypto_skcipher_encrypt(one.request), -EINPROGRESS);
    device.end();
    EXPECT_EQ(result(one), expected(one));
    one.dst = one.request.src;
    EXPECT_EQ(result(one), one.before);
    device.can_out_of_place = false;
    EXPECT_FALSE(tfm->out_of_place());
    EXPECT_EQ(api.crypto_skcipher_encrypt(one.request), -EINVAL);
  });
}

/// A full driver: the request waits, says when it starts, and ends; newer ones line up behind.
TEST_F(SkcipherTest, BacklogInOrder) {
  Device device(board.kernel, api);
  device.capacity = 2;
  board.run([&] {
    auto tfm = aes();
    std::vector<One*> ones;
    for (int i = 0; i < 5; ++i) ones.push_back(&encrypt(*tfm));
    EXPECT_EQ(ones[1]->answer, -EINPROGRESS);
    EXPECT_EQ(ones[2]->answer, -EBUSY);
    EXPECT_EQ(ones[4]->answer, -EBUSY);
    EXPECT_EQ(api.backlog(), 3u);
    EXPECT_EQ(device.full, 1u) << "the later two are not offered before the first";
    One& impatient = encrypt(*tfm, 512, false);
    EXPECT_EQ(impatient.answer, -ENOSPC);
    EXPECT_TRUE(ones[2]->callbacks.empty());
    while (!device.queue.empty()) device.end();
    EXPECT_EQ(api.backlog(), 0u);
    for (int i = 0; i < 5; ++i) {
      EXPECT_EQ(ones[i]->callbacks, i < 2 ? Answers{0} : (Answers{-EINPROGRESS, 0})) << i;
      EXPECT_EQ(result(*ones[i]), expected(*ones[i]));
      EXPECT_EQ(device.order[i]->crp_buf, ones[i]->request.src);
    }
    EXPECT_TRUE(impatient.callbacks.empty());
    EXPECT_EQ(api.stats().backlogged, 3u);
    EXPECT_EQ(api.stats().max_backlog, 3u);
    EXPECT_EQ(api.stats().no_space, 1u);
    EXPECT_EQ(api.stats().errors, 0u);
  });
}

/// Without a backlog flag a full driver is asked, and says no.
TEST_F(SkcipherTest, NoSpaceWithoutTheFlag) {
  Device device(board.kernel, api);
  device.capacity = 1;
  board.run([&] {
    auto tfm = aes();
    EXPECT_EQ(encrypt(*tfm, 512, false).answer, -EINPROGRESS);
    EXPECT_EQ(encrypt(*tfm, 512, false).answer, -ENOSPC);
    device.end();
    EXPECT_EQ(encrypt(*tfm, 512, false).answer, -EINPROGRESS);
    device.end();
    EXPECT_EQ(api.backlog(), 0u);
  });
}

/// crypto_unblock with interrupts off (a driver under its lock): the driver is called later.
TEST_F(SkcipherTest, UnblockUnderALockDoesNotCallBack) {
  Device device(board.kernel, api);
  device.capacity = 0;
  board.run([&] {
    auto tfm = aes();
    One& one = encrypt(*tfm);
    EXPECT_EQ(one.answer, -EBUSY);
    device.capacity = 1;
    kernel::SpinLock lock;
    {
      kernel::Kernel::IrqLock guard(board.kernel, lock, kernel::Activity::driver);
      device.unblock();
      EXPECT_TRUE(device.queue.empty());
      EXPECT_TRUE(one.callbacks.empty());
    }
    board.kernel.schedule_timeout(hw::kPsPerMs);
    ASSERT_EQ(device.queue.size(), 1u);
    EXPECT_EQ(one.callbacks, Answers{-EINPROGRESS});
    EXPECT_TRUE(one.in_interrupt);
    EXPECT_FALSE(one.in_irq);
    device.end();
    EXPECT_EQ(one.callbacks, (Answers{-EINPROGRESS, 0}));
    device.unblock();
  });
}

/// A driver that says "full" with nothing in it (a fault) and never unblocks: asked after a tick.
TEST_F(SkcipherTest, FullButEmptyIsAskedAgain) {
  Device device(board.kernel, api);
  device.capacity = 0;
  board.run([&] {
    auto tfm = aes();
    One& one = encrypt(*tfm);
    One& next = encrypt(*tfm);
    EXPECT_EQ(one.answer, -EBUSY);
    sleep_ticks(3);
    EXPECT_EQ(one.callbacks, Answers{-EINPROGRESS}) << "once, however often it is offered";
    EXPECT_TRUE(next.callbacks.empty());
    device.capacity = 1;
    sleep_ticks(3);
    ASSERT_EQ(device.queue.size(), 1u);
    device.refuse = EIO;  // the second one is refused on its way out of the backlog
    device.end();
    EXPECT_EQ(one.callbacks, (Answers{-EINPROGRESS, 0}));
    EXPECT_EQ(next.callbacks, (Answers{-EINPROGRESS, -EIO}));
  });
}

TEST_F(SkcipherTest, ADriverInUseCannotGo) {
  Device device(board.kernel, api);
  board.run([&] {
    auto tfm = aes();
    One& one = encrypt(*tfm);
    EXPECT_EQ(api.crypto_unregister_all(device.id), EBUSY);
    EXPECT_EQ(api.stats().unregister_refused, 1u);
    hw::FaultRule rule;
    rule.kind = hw::FaultKind::unregister;
    rule.nth = 1;
    hw::FaultPlan plan({rule}, 1);
    board.kernel.set_faults(&plan);
    EXPECT_EQ(encrypt(*tfm).answer, -EINPROGRESS);
    board.kernel.set_faults(nullptr);
    EXPECT_EQ(api.stats().unregister_refused, 2u);
    device.end();
    device.end();
    EXPECT_EQ(one.callbacks, Answers{0});
    tfm.reset();
    EXPECT_EQ(api.crypto_unregister_all(device.id), 0);
    EXPECT_STREQ(aes()->driver_name(), "generic");
    api.crypto_register(device.id, Alg::aes_cbc);
    EXPECT_STREQ(aes()->driver_name(), "device");
    EXPECT_EQ(api.crypto_unregister_all(device.id + 1), EINVAL);
  });
}

TEST_F(SkcipherTest, EndingTwiceIsNoticed) {
  Device device(board.kernel, api);
  board.run([&] {
    auto tfm = aes();
    One& one = encrypt(*tfm);
    CryptoRequest* crp = device.queue.front();
    device.end();
    api.crypto_done(crp);
    EXPECT_EQ(one.callbacks, Answers{0});
    EXPECT_EQ(api.stats().ended_twice, 1u);
  });
}

/// Whatever the pattern of full, unblock, refusal and order of completion, in threads, softirqs
/// and hard interrupts, on two cores: every request ends exactly once, with the right bytes or an
/// error, after its -EINPROGRESS if it had been told -EBUSY.
class SkcipherRandom : public SkcipherTest, public testing::WithParamInterface<unsigned> {
 protected:
  SkcipherRandom() { board.kernel.set_run_ahead(false); }
};
INSTANTIATE_TEST_SUITE_P(Seeds, SkcipherRandom, testing::Range(0u, 6u));

TEST_P(SkcipherRandom, EveryRequestEndsOnce) {
  std::mt19937 random(GetParam());
  Device device(board.kernel, api);
  constexpr int kSubmitters = 3, kEach = 400;
  int running = kSubmitters;
  std::uint64_t outstanding = 0;
  on_complete = [&](One&, int error) {
    if (error != -EINPROGRESS) --outstanding;
  };
  std::unique_ptr<CryptoSkcipher> tfm;
  kernel::Timer timer;
  bool stop = false;
  // The device's interrupt: the timer's softirq; some of it with interrupts off.
  const auto act = [&] {
    device.capacity = random() % 6;
    for (unsigned n = random() % 5; n > 0 && !device.queue.empty(); --n) {
      device.end(random() % device.queue.size(), random() % 16 == 0 ? EIO : 0);
    }
    if (random() % 2 != 0) device.unblock();
    device.refuse = random() % 8 == 0 ? EINVAL : 0;
  };
  timer.fn = [&] {
    if (random() % 2 != 0) {
      kernel::Kernel::IrqOff off(board.kernel, kernel::Activity::driver);
      act();
    } else {
      act();
    }
    if (!stop) board.kernel.mod_timer(timer, hw::kPsPerMs);
  };
  board.kernel.kthread_run("irq/device", [&] {
    while (!stop) {
      act();
      board.kernel.charge(kernel::Activity::driver, random() % 200000);
      board.kernel.sync();
      board.kernel.yield();
    }
  });
  std::uint64_t backlogged = 0, refused = 0;
  for (int s = 0; s < kSubmitters; ++s) {
    board.kernel.kthread_run("submitter", [&] {
      if (!tfm) tfm = aes();
      for (int i = 0; i < kEach; ++i) {
        One& one = make(*tfm, 64, random() % 4 != 0);
        ++outstanding;
        one.answer = api.crypto_skcipher_encrypt(one.request);
        if (one.answer == -EBUSY) {
          ++backlogged;
        } else if (one.answer != -EINPROGRESS) {
          EXPECT_TRUE(one.answer == -ENOSPC || one.answer == -EINVAL) << one.answer;
          ++refused;
          --outstanding;
        }
        if (random() % 3 != 0) board.kernel.yield();
      }
      --running;
    });
  }
  board.run([&] {
    board.kernel.mod_timer(timer, hw::kPsPerMs);
    while (running != 0 || outstanding != 0) sleep_ticks(1);
    stop = true;
    sleep_ticks(3);
    EXPECT_EQ(api.backlog(), 0u);
    EXPECT_GT(backlogged, 100u);
    EXPECT_GT(refused, 10u);
    EXPECT_EQ(api.stats().backlogged, backlogged);
    EXPECT_EQ(api.stats().ended_twice, 0u);
    for (const One& one : all) {
      Answers callbacks = one.callbacks;
      if (one.answer == -EBUSY) {
        ASSERT_EQ(callbacks.size(), 2u);
        EXPECT_EQ(callbacks.front(), -EINPROGRESS);
        callbacks.erase(callbacks.begin());
      }
      if (one.answer == -EBUSY || one.answer == -EINPROGRESS) {
        ASSERT_EQ(callbacks.size(), 1u);
        EXPECT_EQ(result(one), callbacks[0] == 0 ? expected(one) : one.before);
      } else {
        EXPECT_TRUE(callbacks.empty());
        EXPECT_EQ(result(one), one.before);
      }
    }
    tfm.reset();
  });
}

}  // namespace
}  // namespace cesasim::driver
