// SPDX-License-Identifier: Apache-2.0
// What the paths do in which context: sleeping, overlapping, splitting, errors; and the faults
// that the OCF patch had in 2005, which stay.
#include <gtest/gtest.h>

#include <string>

#include "dmcrypt_model/path_ocf.h"
#include "dmcrypt_model/path_standard.h"
#include "machine/check/reference_cipher.h"
#include "tests/dmcrypt_model/bios.h"
#include "tests/driver/fake_driver.h"

namespace cesasim::dmcrypt {
namespace {

using driver::Cryptop;
using test::Bios;
using test::Board;
using test::Bytes;
using test::FakeDriver;

constexpr hw::Ps kMs = hw::kPsPerMs;
constexpr hw::Ps kS = hw::kPsPerS;

Bytes pattern(std::size_t bytes, std::uint8_t start = 1) {
  Bytes out(bytes);
  for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<std::uint8_t>(start + i * 3);
  return out;
}

class DmCryptTest : public testing::Test {
 protected:
  void build(const std::string& path, const std::string& driver, unsigned cores = 1) {
    board = std::make_unique<Board>(cores);
    if (path != "standard") board->add_ocf(driver::OcfPolicy::v2005, driver);
    crypt = &board->add_crypt(path, table);
    bios = std::make_unique<Bios>(*board);
  }
  /// A hardware driver that does what on_process says (by default: ends requests untouched).
  void build_fake(const std::string& path, driver::OcfPolicy policy = driver::OcfPolicy::v2010) {
    board = std::make_unique<Board>(1);
    board->crypto = std::make_unique<driver::Crypto>(board->kernel, test::test_ocf_costs(), policy);
    fake = std::make_unique<FakeDriver>(board->kernel, *board->crypto, 0);
    crypt = &board->add_crypt(path, table);
    bios = std::make_unique<Bios>(*board);
  }
  void TearDown() override {
    // The target closes its session: while the fake driver is still there.
    if (board) board->crypt.reset();
  }
  void sleep(hw::Ps ps) { board->kernel.schedule_timeout(ps); }
  Bytes on_disk(std::uint64_t sector, std::size_t bytes) {
    Bytes out(bytes);
    board->soc.disk().store().read(table.start + sector, out.data(),
                                   static_cast<std::uint32_t>(bytes / 512));
    return out;
  }
  Bytes reference(bool encrypt, std::uint64_t sector, const Bytes& in) {
    const ReferenceCipher cipher("aes-cbc-essiv:sha256", table.key, table.iv_offset);
    Bytes out(in.size());
    for (std::size_t at = 0; at < in.size(); at += 512) {
      encrypt ? cipher.encrypt(sector + at / 512, in.data() + at, out.data() + at)
              : cipher.decrypt(sector + at / 512, in.data() + at, out.data() + at);
    }
    return out;
  }

  CryptTable table = test::crypt_table();
  std::unique_ptr<Board> board;
  std::unique_ptr<FakeDriver> fake;
  CryptTarget* crypt = nullptr;
  std::unique_ptr<Bios> bios;
};

struct PathDriver {
  const char* path;
  const char* driver;
};
class DmCryptEvery : public DmCryptTest, public testing::WithParamInterface<PathDriver> {};
INSTANTIATE_TEST_SUITE_P(
    All, DmCryptEvery,
    testing::Values(PathDriver{"standard", ""}, PathDriver{"ocf-v1", "cryptosoft"},
                    PathDriver{"ocf-v3", "cryptosoft"}, PathDriver{"ocf-v3", "cesa_tdma"}),
    [](const auto& info) {
      std::string name = std::string(info.param.path) + "_" + info.param.driver;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

// --- contexts ---------------------------------------------------------------------------------

unsigned parallel_writes(Board& board, CryptTarget& crypt, Bios& bios) {
  unsigned running = 2;
  for (unsigned i = 0; i < 2; ++i) {
    board.kernel.kthread_run("writer", [&, i] {
      for (int n = 0; n < 4; ++n) bios.write(crypt, i * 4096, pattern(131072));
      --running;
    });
  }
  board.run([&] {
    while (running != 0) board.kernel.schedule_timeout(kMs);
    bios.wait();
    bios.check_and_free();
  });
  return static_cast<unsigned>(crypt.stats().max_parallel_writes);
}

TEST_F(DmCryptTest, StandardEncryptsInEverySubmitterAtOnce) {
  build("standard", "", 2);
  EXPECT_EQ(parallel_writes(*board, *crypt, *bios), 2u);
}

/// On one core a standard write never sleeps inside its conversion.
TEST_F(DmCryptTest, StandardOnOneCoreIsOneAtATime) {
  build("standard", "");
  EXPECT_EQ(parallel_writes(*board, *crypt, *bios), 1u);
}

/// "2 encrypts in parallel?!": the sleeping writer lets the second one in (the mail's claim v).
TEST_F(DmCryptTest, V1SleepsAndLetsAnotherWriterIn) {
  build("ocf-v1", "cryptosoft");
  EXPECT_EQ(parallel_writes(*board, *crypt, *bios), 2u);
}

TEST_F(DmCryptTest, V3SleepsAndLetsAnotherWriterIn) {
  build("ocf-v3", "cryptosoft");
  EXPECT_EQ(parallel_writes(*board, *crypt, *bios), 2u);
}

/// v3 counts per write: a writer goes on when its own sectors are done.
TEST_F(DmCryptTest, V3WritersDoNotWaitForEachOther) {
  build_fake("ocf-v3");
  std::vector<Cryptop*> held;
  fake->on_process = [&](Cryptop* crp) {
    held.push_back(crp);
    return 0;
  };
  unsigned submitted = 0;
  board->kernel.kthread_run("other", [&] {
    bios->write(*crypt, 0, pattern(4096));
    ++submitted;
  });
  board->run([&] {
    sleep(5 * kMs);
    ASSERT_EQ(held.size(), 8u);
    fake->on_process = [&](Cryptop* crp) {
      board->crypto->crypto_done(crp);
      return 0;
    };
    bios->write(*crypt, 100, pattern(4096));  // all of its own at once: does not sleep
    EXPECT_EQ(submitted, 0u);
    for (Cryptop* crp : held) board->crypto->crypto_done(crp);
    bios->wait();
    bios->check_and_free();
  });
  EXPECT_EQ(submitted, 1u);
  EXPECT_EQ(crypt->stats().timeouts, 0u);
}

/// v1 counts for the whole device: with two inside each also waits for the other's sectors.
TEST_F(DmCryptTest, V1WritersWaitForEachOther) {
  build_fake("ocf-v1");
  std::vector<Cryptop*> held;
  fake->on_process = [&](Cryptop* crp) {
    held.push_back(crp);
    return 0;
  };
  unsigned submitted = 0;
  for (unsigned i = 0; i < 2; ++i) {
    board->kernel.kthread_run("writer", [&, i] {
      bios->write(*crypt, 100 * i, pattern(4096));
      ++submitted;
    });
  }
  board->run([&] {
    sleep(5 * kMs);
    ASSERT_EQ(held.size(), 16u);
    for (std::size_t i = 8; i < 16; ++i) board->crypto->crypto_done(held[i]);
    sleep(5 * kMs);
    EXPECT_EQ(submitted, 0u);
    for (std::size_t i = 0; i < 8; ++i) board->crypto->crypto_done(held[i]);
    bios->wait();
    bios->check_and_free();
  });
  EXPECT_EQ(submitted, 2u);
}

/// Two reads come back from the disk: v3 posts the second before the first is decrypted.
TEST_F(DmCryptTest, V3PostsReadsWithoutWaiting) {
  build_fake("ocf-v3");
  std::vector<Cryptop*> held;
  fake->on_process = [&](Cryptop* crp) {
    held.push_back(crp);
    return 0;
  };
  board->run([&] {
    bios->read(*crypt, 0, 4096);
    bios->read(*crypt, 1000, 4096);
    sleep(20 * kMs);
    EXPECT_EQ(held.size(), 16u);
    EXPECT_EQ(fake->calls.front().thread, "kcryptd/0");
    for (Cryptop* crp : held) board->crypto->crypto_done(crp);
    bios->wait();
    bios->check_and_free();
  });
}

TEST_F(DmCryptTest, V1DecryptsOneReadAtATime) {
  build_fake("ocf-v1");
  std::vector<Cryptop*> held;
  fake->on_process = [&](Cryptop* crp) {
    held.push_back(crp);
    return 0;
  };
  board->run([&] {
    bios->read(*crypt, 0, 4096);
    bios->read(*crypt, 1000, 4096);
    sleep(20 * kMs);
    EXPECT_EQ(held.size(), 8u);
    for (std::size_t i = 0; i < 8; ++i) board->crypto->crypto_done(held[i]);
    sleep(5 * kMs);
    EXPECT_EQ(held.size(), 16u);
    EXPECT_EQ(bios->outstanding, 1u);
    for (std::size_t i = 8; i < 16; ++i) board->crypto->crypto_done(held[i]);
    bios->wait();
    bios->check_and_free();
  });
}

/// Where bios end: standard and v1 reads in kcryptd, v3 reads in OCF's callback.
TEST_F(DmCryptTest, ReadsEndInKcryptdOrInTheCallback) {
  build("ocf-v3", "cryptosoft");
  board->run([&] {
    auto& read = bios->read(*crypt, 0, 4096);
    bios->wait();
    EXPECT_EQ(read.thread, "crypto");
    EXPECT_FALSE(read.in_interrupt);
    auto& write = bios->write(*crypt, 0, pattern(4096));
    bios->wait();
    EXPECT_TRUE(write.in_interrupt);
    bios->check_and_free();
  });
}

TEST_F(DmCryptTest, StandardReadsEndInKcryptd) {
  build("standard", "");
  board->run([&] {
    auto& read = bios->read(*crypt, 0, 4096);
    bios->wait();
    EXPECT_EQ(read.thread, "kcryptd/0");
    bios->check_and_free();
  });
}

/// OCF is in place: a write copies each sector to the bounce page, a read copies nothing.
TEST_F(DmCryptTest, OcfCopiesOnWritesOnly) {
  build("ocf-v3", "cesa_tdma");
  board->run([&] {
    bios->write(*crypt, 0, pattern(131072));
    bios->wait();
    EXPECT_EQ(board->kernel.bytes_copied(), 131072u);
    bios->read(*crypt, 0, 131072);
    bios->wait();
    EXPECT_EQ(board->kernel.bytes_copied(), 131072u);
    EXPECT_EQ(bios->data(bios->all[1]), pattern(131072));
    bios->check_and_free();
  });
  EXPECT_EQ(board->crypto->stats().cs_ops, 512u);
}

TEST_F(DmCryptTest, StandardCopiesNothing) {
  build("standard", "");
  board->run([&] {
    bios->write(*crypt, 0, pattern(65536));
    bios->wait();
    bios->check_and_free();
  });
  EXPECT_EQ(board->kernel.bytes_copied(), 0u);
}

// --- splitting under memory pressure ------------------------------------------------------------

/// Sees the clones on their way to the disk.
class Recorder : public kernel::BlockDevice {
 public:
  explicit Recorder(kernel::BlockDevice& below) : below_(below) {}
  void submit_bio(kernel::Bio& bio) override {
    sizes.push_back(bio.size);
    below_.submit_bio(bio);
  }
  std::uint64_t sectors() const override { return below_.sectors(); }
  void unplug() override { below_.unplug(); }
  void blk_congestion_wait(hw::Ps timeout) override {
    ++congestion_waits;
    below_.blk_congestion_wait(timeout);
  }
  std::vector<std::uint32_t> sizes;
  unsigned congestion_waits = 0;

 private:
  kernel::BlockDevice& below_;
};

/// Only the reserve of 32 pages is left: a write of 64 pages goes out in parts of 8 or more.
TEST_F(DmCryptTest, MemoryPressureSplitsWrites) {
  hw::SocConfig soc = test::test_soc();
  soc.dram.size_mib = 1;
  board = std::make_unique<Board>(soc, test::test_kernel_costs(), test::test_kernel_settings());
  Recorder recorder(board->queue);
  board->crypt = std::make_unique<StandardPath>(board->kernel, table, test::test_dmcrypt_costs(),
                                                test::test_cipher_costs(), recorder);
  crypt = board->crypt.get();
  bios = std::make_unique<Bios>(*board);
  const Bytes data = pattern(262144);
  unsigned running = 2;
  board->run([&] {
    auto& one = bios->make(kernel::BioOp::write, 0, data, nullptr);
    auto& two = bios->make(kernel::BioOp::write, 4096, data, nullptr);
    std::vector<hw::PhysAddr> taken;
    while (const hw::PhysAddr page =
               board->kernel.alloc_page(kernel::Activity::fs, hw::AllocSite::page_cache)) {
      taken.push_back(page);
    }
    for (auto* bio : {&one, &two}) {
      board->kernel.kthread_run("writer", [&, bio] {
        bios->submit(*bio, *crypt);
        --running;
      });
    }
    bios->wait();
    EXPECT_EQ(running, 0u);
    EXPECT_EQ(one.error, 0);
    EXPECT_EQ(two.error, 0);
    for (hw::PhysAddr page : taken) board->kernel.free_page(page, kernel::Activity::fs);
    const std::size_t free = board->kernel.free_pages();
    bios->check_and_free();
    EXPECT_EQ(board->kernel.free_pages(), free + 128);
  });
  EXPECT_EQ(on_disk(0, data.size()), reference(true, 0, data));
  EXPECT_EQ(on_disk(4096, data.size()), reference(true, 4096, data));
  EXPECT_GT(crypt->stats().partial_clones, 0u);
  EXPECT_GE(recorder.sizes.size(), 4u);
  EXPECT_GE(recorder.congestion_waits, 2u);
  unsigned small = 0;
  for (std::uint32_t size : recorder.sizes) {
    EXPECT_LE(size, 32 * hw::kPageBytes);
    if (size < 8 * hw::kPageBytes) ++small;
  }
  EXPECT_LE(small, 2u) << "only the last part of a write may be smaller than 8 pages";
}

// --- errors -------------------------------------------------------------------------------------

TEST_P(DmCryptEvery, BeyondTheEndIsEio) {
  build(GetParam().path, GetParam().driver);
  board->run([&] {
    EXPECT_EQ(bios->write(*crypt, table.sectors - 8, pattern(4096)).error, 0);
    EXPECT_EQ(bios->write(*crypt, table.sectors - 7, pattern(4096)).error, -EIO);
    EXPECT_EQ(bios->read(*crypt, table.sectors, 512).error, -EIO);
    EXPECT_EQ(bios->read(*crypt, ~std::uint64_t{0}, 512).error, -EIO);
    bios->wait();
    bios->check_and_free();
  });
  EXPECT_EQ(board->soc.disk().store().written_sectors(), 8u);
}

TEST_P(DmCryptEvery, ADiskErrorReachesTheBio) {
  build(GetParam().path, GetParam().driver);
  board->run([&] {
    auto& good = bios->write(*crypt, 0, pattern(8192));
    bios->wait();
    EXPECT_EQ(good.error, 0);
    board->soc.disk().set_fault([](const hw::DiskCommand&) { return true; });
    auto& write = bios->write(*crypt, 16, pattern(131072));
    auto& read = bios->read(*crypt, 0, 8192);
    bios->wait();
    EXPECT_EQ(write.error, -EIO);
    EXPECT_EQ(read.error, -EIO);
    board->soc.disk().set_fault(nullptr);
    auto& again = bios->read(*crypt, 0, 8192);
    bios->wait();
    EXPECT_EQ(again.error, 0);
    EXPECT_EQ(bios->data(again), pattern(8192));
    bios->check_and_free();
  });
}

TEST_P(DmCryptEvery, AFlushPasses) {
  build(GetParam().path, GetParam().driver);
  board->run([&] {
    bios->write(*crypt, 0, pattern(4096));
    auto& flush = bios->make(kernel::BioOp::flush, 0, {}, nullptr);
    bios->submit(flush, *crypt);
    bios->wait();
    EXPECT_EQ(flush.error, 0);
    bios->check_and_free();
  });
  EXPECT_EQ(board->queue.stats().flushes, 1u);
}

/// Nothing is lost to the pools: as much memory after many bios as before.
TEST_P(DmCryptEvery, PagesComeBack) {
  build(GetParam().path, GetParam().driver);
  board->run([&] {
    auto round = [&] {
      for (int i = 0; i < 4; ++i)
        bios->write(*crypt, 256u * static_cast<unsigned>(i), pattern(131072));
      bios->wait();
      for (int i = 0; i < 2; ++i) bios->read(*crypt, 256u * static_cast<unsigned>(i), 131072);
      bios->wait();
      bios->check_and_free();
    };
    round();
    const std::size_t free = board->kernel.free_pages();
    for (int i = 0; i < 5; ++i) round();
    EXPECT_EQ(board->kernel.free_pages(), free);
  });
}

TEST_F(DmCryptTest, NoDriverTakesTheCipher) {
  board = std::make_unique<Board>(1);
  board->crypto = std::make_unique<driver::Crypto>(board->kernel, test::test_ocf_costs(),
                                                   driver::OcfPolicy::v2005);
  EXPECT_THROW(board->add_crypt("ocf-v3", table), CipherSpecError);
}

// --- the patch's faults ---------------------------------------------------------------------

class DmCryptOcf : public DmCryptTest, public testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(All, DmCryptOcf, testing::Values("ocf-v1", "ocf-v3"),
                         [](const auto& info) { return std::string(info.param).substr(4); });

/// Fault 2: crp_etype is never looked at. The plaintext in the bounce page reaches the disk.
TEST_P(DmCryptOcf, AFailedEncryptionWritesPlaintext) {
  build_fake(GetParam());
  fake->on_process = [&](Cryptop* crp) {
    crp->crp_etype = EIO;
    board->crypto->crypto_done(crp);
    return 0;
  };
  const Bytes data = pattern(4096);
  board->run([&] {
    auto& write = bios->write(*crypt, 0, data);
    bios->wait();
    EXPECT_EQ(write.error, 0);
    bios->check_and_free();
  });
  EXPECT_EQ(on_disk(0, 4096), data);
  EXPECT_EQ(board->crypto->stats().cs_errs, 8u);
  EXPECT_EQ(crypt->stats().ignored_errors, 8u);
}

/// ... and a failed decryption hands out the ciphertext as data.
TEST_P(DmCryptOcf, AFailedDecryptionReturnsCiphertext) {
  build_fake(GetParam());
  fake->on_process = [&](Cryptop* crp) {
    crp->crp_etype = EIO;
    board->crypto->crypto_done(crp);
    return 0;
  };
  const Bytes raw = pattern(4096, 77);
  board->run([&] {
    board->soc.disk().store().write(table.start, raw.data(), 8);
    auto& read = bios->read(*crypt, 0, 4096);
    bios->wait();
    EXPECT_EQ(read.error, 0);
    EXPECT_EQ(bios->data(read), raw);
    bios->check_and_free();
  });
}

/// Fault 1: the callback of the last sector ends the bio, whatever the others do.
TEST_F(DmCryptTest, V3EndsAReadEarlyWhenCompletionIsOutOfOrder) {
  build_fake("ocf-v3");
  std::vector<Cryptop*> held;
  fake->on_process = [&](Cryptop* crp) {
    held.push_back(crp);
    return 0;
  };
  board->run([&] {
    auto& read = bios->read(*crypt, 0, 4096);
    sleep(20 * kMs);
    ASSERT_EQ(held.size(), 8u);
    for (std::size_t i = 0; i < 7; ++i) EXPECT_NE(held[i]->crp_opaque, held[7]->crp_opaque);
    board->crypto->crypto_done(held[7]);
    EXPECT_EQ(read.ends, 1u);
    EXPECT_EQ(board->crypto->outstanding(), 7u);
    for (std::size_t i = 0; i < 7; ++i) board->crypto->crypto_done(held[i]);
    EXPECT_EQ(read.ends, 1u);
    bios->check_and_free();
  });
}

/// v1 waits for all of them.
TEST_F(DmCryptTest, V1DoesNotDependOnTheOrder) {
  build_fake("ocf-v1");
  std::vector<Cryptop*> held;
  fake->on_process = [&](Cryptop* crp) {
    held.push_back(crp);
    return 0;
  };
  board->run([&] {
    auto& read = bios->read(*crypt, 0, 4096);
    sleep(20 * kMs);
    ASSERT_EQ(held.size(), 8u);
    for (std::size_t i = 8; i-- > 1;) board->crypto->crypto_done(held[i]);
    sleep(5 * kMs);
    EXPECT_EQ(read.ends, 0u);
    board->crypto->crypto_done(held[0]);
    bios->wait();
    EXPECT_EQ(read.ends, 1u);
    bios->check_and_free();
  });
}

/// A callback never comes: after 30 s the write goes out as it is, without an error. The late
/// callback finds its structure (in the original: freed memory) and is counted.
TEST_F(DmCryptTest, V3GivesUpAfterThirtySeconds) {
  build_fake("ocf-v3");
  Cryptop* kept = nullptr;
  fake->on_process = [&](Cryptop* crp) {
    if (kept == nullptr) {
      kept = crp;
    } else {
      board->crypto->crypto_done(crp);
    }
    return 0;
  };
  board->run([&] {
    auto& write = bios->write(*crypt, 0, pattern(4096));
    bios->wait();
    EXPECT_GE(write.ended_at, 30 * kS);
    EXPECT_LT(write.ended_at, 31 * kS);
    EXPECT_EQ(write.error, 0);
    EXPECT_EQ(crypt->stats().timeouts, 1u);
    EXPECT_EQ(crypt->stats().freed_in_use, 1u);
    EXPECT_EQ(crypt->stats().late_callbacks, 0u);
    auto& next = bios->write(*crypt, 8, pattern(4096));  // not upset by the abandoned one
    bios->wait();
    EXPECT_LT(next.ended_at, 31 * kS);
    board->crypto->crypto_done(kept);
    EXPECT_EQ(crypt->stats().late_callbacks, 1u);
    for (int i = 0; i < 4; ++i) bios->write(*crypt, 16, pattern(4096));
    bios->wait();
    EXPECT_EQ(crypt->stats().timeouts, 1u);
    bios->check_and_free();
  });
}

/// Fault 9: a refused sector was counted before the call, so the wait runs its 30 s and only
/// then the error is seen, as -ENOMEM.
TEST_F(DmCryptTest, V3WaitsThirtySecondsForARefusedSector) {
  build_fake("ocf-v3");
  unsigned n = 0;
  fake->on_process = [&](Cryptop* crp) {
    if (++n == 3) return EINVAL;
    board->crypto->crypto_done(crp);
    return 0;
  };
  board->run([&] {
    auto& write = bios->write(*crypt, 0, pattern(4096));
    bios->wait();
    EXPECT_EQ(write.error, -ENOMEM);
    EXPECT_GE(write.ended_at, 30 * kS);
    EXPECT_EQ(crypt->stats().convert_errors, 1u);
    EXPECT_EQ(crypt->stats().leaked_requests, 1u);
    EXPECT_EQ(n, 3u);
    bios->check_and_free();
  });
  EXPECT_EQ(board->soc.disk().store().written_sectors(), 0u);
}

TEST_F(DmCryptTest, V1ReportsARefusedSectorAtOnce) {
  build_fake("ocf-v1");
  unsigned n = 0;
  fake->on_process = [&](Cryptop* crp) {
    if (++n == 3) return EINVAL;
    board->crypto->crypto_done(crp);
    return 0;
  };
  board->run([&] {
    auto& write = bios->write(*crypt, 0, pattern(4096));
    bios->wait();
    EXPECT_EQ(write.error, -ENOMEM);
    EXPECT_LT(write.ended_at, 10 * kMs);
    auto& next = bios->write(*crypt, 0, pattern(4096));
    bios->wait();
    EXPECT_EQ(next.error, 0);
    bios->check_and_free();
  });
}

/// A refused sector of a read: half a second of hoping, then -ENOMEM.
TEST_F(DmCryptTest, V3PausesAfterARefusedRead) {
  build_fake("ocf-v3");
  unsigned n = 0;
  fake->on_process = [&](Cryptop* crp) {
    if (++n == 3) return EINVAL;
    board->crypto->crypto_done(crp);
    return 0;
  };
  board->run([&] {
    auto& read = bios->read(*crypt, 0, 4096);
    bios->wait();
    EXPECT_EQ(read.error, -ENOMEM);
    EXPECT_GE(read.ended_at, kS / 2);
    EXPECT_LT(read.ended_at, kS);
    bios->check_and_free();
  });
}

/// Fault 7: with the limit of 1000 requests the fourth bio of 128 KiB fails.
TEST_F(DmCryptTest, TheFourthLargeReadMeetsTheLimitOf2010) {
  build_fake("ocf-v3");
  std::vector<Cryptop*> held;
  fake->on_process = [&](Cryptop* crp) {
    held.push_back(crp);
    return 0;
  };
  board->run([&] {
    for (unsigned i = 0; i < 4; ++i) bios->read(*crypt, 1000 * i, 131072);
    sleep(2 * kS);
    EXPECT_EQ(held.size(), 1000u);
    EXPECT_EQ(board->crypto->stats().cs_drops, 1u);
    EXPECT_EQ(bios->outstanding, 3u);
    unsigned failed = 0;
    for (const auto& one : bios->all) {
      if (one.ends == 1 && one.error == -ENOMEM) ++failed;
    }
    EXPECT_EQ(failed, 1u);
    for (Cryptop* crp : held) board->crypto->crypto_done(crp);
    bios->wait();
    bios->check_and_free();
  });
}

TEST_F(DmCryptTest, OfTheOriginalsCoreNot) {
  build_fake("ocf-v3", driver::OcfPolicy::v2005);
  std::vector<Cryptop*> held;
  fake->on_process = [&](Cryptop* crp) {
    held.push_back(crp);
    return 0;
  };
  board->run([&] {
    for (unsigned i = 0; i < 4; ++i) bios->read(*crypt, 1000 * i, 131072);
    sleep(2 * kS);
    EXPECT_EQ(held.size(), 1024u);
    for (Cryptop* crp : held) board->crypto->crypto_done(crp);
    bios->wait();
    for (const auto& one : bios->all) EXPECT_EQ(one.error, 0);
    bios->check_and_free();
  });
}

/// Fault 3: the new session that EAGAIN brings is thrown away with the request, so every sector
/// from then on is answered so, and none is ciphered.
TEST_P(DmCryptOcf, AMovedSessionIsLost) {
  build_fake(GetParam());
  FakeDriver other(board->kernel, *board->crypto, 0);
  const Bytes data = pattern(4096);
  board->run([&] {
    board->crypto->crypto_unregister_all(fake->id);
    for (unsigned i = 0; i < 2; ++i) {
      auto& write = bios->write(*crypt, 8 * i, data);
      bios->wait();
      EXPECT_EQ(write.error, 0);
    }
    bios->check_and_free();
  });
  EXPECT_EQ(crypt->stats().ignored_errors, 16u);
  EXPECT_EQ(other.calls.size(), 0u);
  EXPECT_EQ(other.sessions, 16u);
  EXPECT_EQ(on_disk(0, 4096), data);
  EXPECT_EQ(on_disk(8, 4096), data);
  board->crypt.reset();
}

/// No memory for a request: -ENOMEM, for ocf-v3 after its 30 s.
TEST_P(DmCryptOcf, NoMemoryForARequest) {
  build_fake(GetParam());
  hw::FaultRule rule;
  rule.name = "third";
  rule.kind = hw::FaultKind::request_alloc;
  rule.nth = 5;  // two objects a request
  rule.times = 1;
  hw::FaultPlan plan({rule}, 1);
  board->kernel.set_faults(&plan);
  const bool v3 = GetParam() == std::string("ocf-v3");
  board->run([&] {
    auto& write = bios->write(*crypt, 0, pattern(4096));
    bios->wait();
    EXPECT_EQ(write.error, -ENOMEM);
    EXPECT_EQ(write.ended_at >= 30 * kS, v3);
    bios->check_and_free();
  });
  EXPECT_EQ(plan.fired(), 1u);
  EXPECT_EQ(board->soc.disk().store().written_sectors(), 0u);
  EXPECT_EQ(crypt->stats().leaked_requests, 0u);
}

}  // namespace
}  // namespace cesasim::dmcrypt
