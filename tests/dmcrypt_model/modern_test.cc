// SPDX-License-Identifier: Apache-2.0
// dm-crypt of Linux 6.x: right bytes with every option and size, whatever the driver does; order,
// splitting, refusal; errors reach the bio and no plaintext reaches the disk.
#include "dmcrypt_model/modern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>

#include "tests/dmcrypt_model/bios.h"
#include "tests/driver/crypto_api/skcipher_device.h"
#include "tests/support/splitmix_plaintext.h"

namespace cesasim::dmcrypt {
namespace {

using test::Bios;
using test::Board;
using test::Bytes;
using Device = test::SkcipherDevice;

constexpr hw::Ps kMs = hw::kPsPerMs;

/// The disk's queue, with a record of what is submitted to it.
class Recorder : public kernel::BlockDevice {
 public:
  struct Entry {
    BioOp op;
    std::uint64_t sector;
    std::uint32_t size;
    std::string thread;
    unsigned unplugs;  ///< before it
  };
  Recorder(kernel::Kernel& kernel, kernel::BlockDevice& lower) : kernel_(kernel), lower_(lower) {}
  void submit_bio(Bio& bio) override {
    entries.push_back({bio.op, bio.sector, bio.size, kernel_.current().name(), unplugs});
    if (fail != 0) {
      bio.end_io(bio, fail);
      return;
    }
    lower_.submit_bio(bio);
  }
  std::uint64_t sectors() const override { return lower_.sectors(); }
  void unplug() override {
    ++unplugs;
    lower_.unplug();
  }
  std::vector<Entry> of(BioOp op) const {
    std::vector<Entry> out;
    for (const Entry& e : entries) {
      if (e.op == op) out.push_back(e);
    }
    return out;
  }

  std::vector<Entry> entries;
  unsigned unplugs = 0;
  int fail = 0;

 private:
  kernel::Kernel& kernel_;
  kernel::BlockDevice& lower_;
};

/// A unit as dm-crypt's format has it, by OpenSSL alone: no code of the model.
Bytes reference(const CryptTable& table, bool encrypt, std::uint64_t sector, const Bytes& unit) {
  std::uint64_t n = sector + table.iv_offset;
  if (table.iv_large_sectors) n = n * 512 / table.sector_size;
  const std::string name = table.cipher.str();
  Bytes iv(16);
  const auto put_le = [&](std::uint64_t value, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i) iv[i] = static_cast<std::uint8_t>(value >> (8 * i));
  };
  const auto run = [](const EVP_CIPHER* cipher, bool enc, const Bytes& key, const Bytes& v,
                      const Bytes& in) {
    std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> ctx(EVP_CIPHER_CTX_new(),
                                                                        &EVP_CIPHER_CTX_free);
    Bytes out(in.size());
    int bytes = 0;
    if (EVP_CipherInit_ex(ctx.get(), cipher, nullptr, key.data(), v.data(), enc) != 1 ||
        EVP_CIPHER_CTX_set_padding(ctx.get(), 0) != 1 ||
        EVP_CipherUpdate(ctx.get(), out.data(), &bytes, in.data(), static_cast<int>(in.size())) !=
            1) {
      throw std::runtime_error("OpenSSL");
    }
    return out;
  };
  const std::size_t key_bits = table.key.size() * 8;
  if (name == "aes-cbc-plain") {
    put_le(n & 0xffffffff, 4);
    return run(EVP_aes_128_cbc(), encrypt, table.key, iv, unit);
  }
  if (name == "aes-cbc-essiv:sha256") {
    put_le(n, 8);
    Bytes salt(32);
    EVP_Digest(table.key.data(), table.key.size(), salt.data(), nullptr, EVP_sha256(), nullptr);
    iv = run(EVP_aes_256_ecb(), true, salt, Bytes(16), iv);
    return run(key_bits == 128 ? EVP_aes_128_cbc() : EVP_aes_256_cbc(), encrypt, table.key, iv,
               unit);
  }
  if (name == "aes-cbc-benbi") {
    const std::uint64_t value = n * 32 + 1;  // in blocks of 16 bytes
    for (std::size_t i = 0; i < 8; ++i) iv[15 - i] = static_cast<std::uint8_t>(value >> (8 * i));
    return run(EVP_aes_128_cbc(), encrypt, table.key, iv, unit);
  }
  if (name == "aes-xts-plain64") {
    put_le(n, 8);
    return run(key_bits == 256 ? EVP_aes_128_xts() : EVP_aes_256_xts(), encrypt, table.key, iv,
               unit);
  }
  if (name == "des3_ede-cbc-plain64") {
    put_le(n, 8);
    return run(EVP_des_ede3_cbc(), encrypt, table.key, iv, unit);
  }
  if (name == "aes-ecb") return run(EVP_aes_128_ecb(), encrypt, table.key, iv, unit);
  throw std::runtime_error("no reference for " + name);
}

class ModernTest : public testing::Test {
 protected:
  void build(unsigned cores = 1, bool async = false) {
    board = std::make_unique<Board>(cores);
    api = std::make_unique<driver::SkcipherApi>(board->kernel, test::test_driver_costs(),
                                                test::test_cipher_costs());
    if (async) device = std::make_unique<Device>(board->kernel, *api);
    recorder = std::make_unique<Recorder>(board->kernel, board->queue);
    crypt = std::make_unique<ModernPath>(board->kernel, table, test::test_dmcrypt_costs(),
                                         test::test_cipher_costs(), *recorder, *api, settings);
    bios = std::make_unique<Bios>(*board);
  }
  /// Ends what the device has, in random order, whenever it looks; every `busy`-th time it does
  /// not.
  void run_device(unsigned seed, bool in_softirq = false) {
    random.seed(seed);
    const auto act = [this] {
      while (!device->queue.empty() && random() % 8 != 0) {
        device->end(random() % device->queue.size(),
                    error_every != 0 && random() % error_every == 0 ? EIO : 0);
      }
      if (random() % 2 == 0) device->unblock();
    };
    if (in_softirq) {
      timer.fn = [this, act] {
        act();
        board->kernel.mod_timer(timer, kMs);
      };
      board->kernel.kthread_run("start", [this] { board->kernel.mod_timer(timer, kMs); });
      return;
    }
    board->kernel.kthread_run("irq/device", [this, act] {
      for (;;) {
        act();
        board->kernel.schedule_timeout(kMs);
      }
    });
  }
  void TearDown() override {
    crypt.reset();  // its transform goes before the driver
  }
  Bytes on_disk(std::uint64_t sector, std::size_t bytes) {
    Bytes out(bytes);
    board->soc.disk().store().read(table.start + sector, out.data(),
                                   static_cast<std::uint32_t>(bytes / 512));
    return out;
  }
  Bytes encrypted(std::uint64_t sector, const Bytes& plain) { return units(true, sector, plain); }
  Bytes units(bool encrypt, std::uint64_t sector, const Bytes& in) {
    Bytes out;
    const std::size_t unit = table.sector_size;
    for (std::size_t at = 0; at < in.size(); at += unit) {
      const Bytes one = reference(table, encrypt, sector + at / 512,
                                  Bytes(in.begin() + static_cast<std::ptrdiff_t>(at),
                                        in.begin() + static_cast<std::ptrdiff_t>(at + unit)));
      out.insert(out.end(), one.begin(), one.end());
    }
    return out;
  }
  void sleep(hw::Ps ps) { board->kernel.schedule_timeout(ps); }
  Bytes data(std::size_t bytes, unsigned seed = 1) {
    std::mt19937 r(seed);
    return test::random_bytes(r, bytes);
  }

  CryptTable table = test::crypt_table();
  PathSettings settings;
  std::mt19937 random;
  unsigned error_every = 0;
  kernel::Timer timer;
  std::unique_ptr<Board> board;
  std::unique_ptr<driver::SkcipherApi> api;
  std::unique_ptr<Device> device;
  std::unique_ptr<Recorder> recorder;
  std::unique_ptr<ModernPath> crypt;
  std::unique_ptr<Bios> bios;
};

// --- the real kernel's bytes ------------------------------------------------------------------

struct VectorCase {
  const char* name;
  bool async;
};
class ModernVectors : public ModernTest, public testing::WithParamInterface<VectorCase> {};
INSTANTIATE_TEST_SUITE_P(All, ModernVectors,
                         testing::Values(VectorCase{"s1-cbc-plain", false},
                                         VectorCase{"s1-cbc-plain", true},
                                         VectorCase{"s2-cbc-essiv", false},
                                         VectorCase{"s2-cbc-essiv", true},
                                         VectorCase{"s3-xts-plain64", false}));

/// What Linux 6.1 wrote: written here it is the same bytes; read from the disk it is the plaintext.
TEST_P(ModernVectors, BothDirections) {
  std::ifstream file("tests/vectors/vectors.json");
  ASSERT_TRUE(file) << "tests/vectors/vectors.json";
  const auto all = nlohmann::json::parse(file);
  nlohmann::json vector;
  for (const auto& v : all["vectors"]) {
    if (v["name"] == GetParam().name) vector = v;
  }
  ASSERT_FALSE(vector.is_null());
  const Bytes plain = test::splitmix_plaintext(0x123456789abcdef, 2097152);
  const auto sha256 = [](const Bytes& bytes) {
    std::uint8_t digest[32];
    EVP_Digest(bytes.data(), bytes.size(), digest, nullptr, EVP_sha256(), nullptr);
    std::string hex;
    for (const std::uint8_t b : digest) {
      char text[3];
      std::snprintf(text, sizeof text, "%02x", b);
      hex += text;
    }
    return hex;
  };
  ASSERT_EQ(sha256(plain), all["plaintext"]["sha256"].get<std::string>());
  table = CryptTable::parse(vector["dmsetup_table"].get<std::string>());
  build(2, GetParam().async);
  if (device) run_device(1);
  board->run([&] {
    Bytes back(plain.size());
    EXPECT_EQ(board->write(*crypt, 0, std::span(plain).first(1500 * 512)), 0);
    EXPECT_EQ(board->write(*crypt, 1500, std::span(plain).subspan(1500 * 512)), 0);
    const Bytes ciphertext = on_disk(0, plain.size());
    EXPECT_EQ(sha256(ciphertext), vector["ciphertext_sha256"].get<std::string>());
    // The other direction from the published bytes themselves.
    std::ifstream first("tests/vectors/" + vector["first_64k_file"].get<std::string>(),
                        std::ios::binary);
    Bytes theirs((std::istreambuf_iterator<char>(first)), std::istreambuf_iterator<char>());
    ASSERT_EQ(theirs.size(), 65536u);
    board->soc.disk().store().write(table.start + 2048, theirs.data(), 128);
    board->soc.disk().store().write(table.start, theirs.data(), 128);
    EXPECT_EQ(board->read(*crypt, 0, back), 0);
    const std::vector<std::uint8_t> head(back.begin(), back.begin() + 65536);
    EXPECT_TRUE(std::equal(head.begin(), head.end(), plain.begin()));
    back.erase(back.begin() + 2048 * 512, back.begin() + 2176 * 512);
    Bytes rest = plain;
    rest.erase(rest.begin() + 2048 * 512, rest.begin() + 2176 * 512);
    EXPECT_EQ(back, rest);
  });
  EXPECT_EQ(std::string(crypt->driver_name()), GetParam().async ? "device" : "generic");
}

// --- options ------------------------------------------------------------------------------------

/// Bits: same_cpu_crypt, submit_from_crypt_cpus, no_read_workqueue, no_write_workqueue, a driver.
class ModernFlags : public ModernTest, public testing::WithParamInterface<unsigned> {};
INSTANTIATE_TEST_SUITE_P(All, ModernFlags, testing::Range(0u, 32u));

TEST_P(ModernFlags, RightDataFromTwoThreads) {
  const unsigned bits = GetParam();
  table.same_cpu_crypt = (bits & 1) != 0;
  table.submit_from_crypt_cpus = (bits & 2) != 0;
  table.no_read_workqueue = (bits & 4) != 0;
  table.no_write_workqueue = (bits & 8) != 0;
  const bool async = (bits & 16) != 0;
  build(2, async);
  if (async) {
    device->capacity = 5;
    run_device(bits, bits % 3 == 0);
  }
  unsigned running = 2;
  Bytes image = data(2048 * 512);
  for (unsigned t = 0; t < 2; ++t) {
    board->kernel.kthread_run("writer", [&, t] {
      std::mt19937 layout(t);
      std::vector<std::uint64_t> starts;
      for (std::uint64_t s = 0; s < 1024; s += 64) starts.push_back(t * 1024 + s);
      std::shuffle(starts.begin(), starts.end(), layout);
      for (const std::uint64_t s : starts) {
        bios->write(*crypt, s,
                    Bytes(image.begin() + static_cast<std::ptrdiff_t>(s * 512),
                          image.begin() + static_cast<std::ptrdiff_t>((s + 64) * 512)),
                    &layout);
      }
      --running;
    });
  }
  board->run([&] {
    while (running != 0) sleep(kMs);
    bios->wait();
    for (const auto& one : bios->all) EXPECT_EQ(one.error, 0);
    bios->check_and_free();
    EXPECT_EQ(on_disk(0, image.size()), encrypted(0, image));
    std::mt19937 layout(7);
    for (std::uint64_t s = 0; s < 2048; s += 128) {
      bios->read(*crypt, s, 65536, &layout);
    }
    bios->wait();
    std::uint64_t s = 0;
    for (const auto& one : bios->all) {
      EXPECT_EQ(one.error, 0);
      EXPECT_TRUE(bios->data(one) ==
                  Bytes(image.begin() + static_cast<std::ptrdiff_t>(s * 512),
                        image.begin() + static_cast<std::ptrdiff_t>((s + 128) * 512)));
      s += 128;
    }
    bios->check_and_free();
    EXPECT_EQ(api->backlog(), 0u);
  });
  for (const Recorder::Entry& e : recorder->of(BioOp::write)) {
    if (!table.submit_from_crypt_cpus && !table.no_write_workqueue) {
      EXPECT_EQ(e.thread, "dmcrypt_write");
    }
    if (table.no_write_workqueue && !async) {
      EXPECT_EQ(e.thread, "writer");
    }
  }
  if (async) {
    EXPECT_GT(api->stats().backlogged, 0u);
  }
}

/// The inline read runs in the disk's softirq; without the option in kcryptd.
TEST_F(ModernTest, NoReadWorkqueueDecryptsInTheSoftirq) {
  table.no_read_workqueue = true;
  build();
  board->run([&] {
    Bios::One& one = bios->read(*crypt, 0, 4096);
    bios->wait();
    EXPECT_TRUE(one.in_interrupt);
    bios->check_and_free();
  });
}

TEST_F(ModernTest, ReadsEndInKcryptdByDefault) {
  build();
  board->run([&] {
    Bios::One& one = bios->read(*crypt, 0, 4096);
    bios->wait();
    EXPECT_FALSE(one.in_interrupt);
    EXPECT_EQ(one.thread.substr(0, 7), "kcryptd");
    bios->check_and_free();
  });
}

/// A softirq cannot wait for a full driver: the rest of the read goes to kcryptd.
TEST_F(ModernTest, InlineReadMeetsAFullDriver) {
  table.no_read_workqueue = true;
  build(1, true);
  device->capacity = 2;
  const Bytes ciphertext = data(16384);
  board->soc.disk().store().write(table.start, ciphertext.data(), 32);
  board->run([&] {
    Bios::One& one = bios->read(*crypt, 0, 16384);
    sleep(20 * kMs);
    EXPECT_EQ(device->queue.size(), 2u);
    EXPECT_EQ(api->backlog(), 1u);
    EXPECT_EQ(one.ends, 0u);
    for (int i = 0; i < 100 && one.ends == 0; ++i) {
      while (!device->queue.empty()) device->end(device->queue.size() - 1);
      sleep(kMs);
    }
    EXPECT_EQ(one.error, 0);
    EXPECT_EQ(bios->data(one), units(false, 0, ciphertext));
    EXPECT_EQ(device->order.size(), 32u);
    bios->check_and_free();
  });
}

// --- order and splitting ------------------------------------------------------------------------

/// Whatever order the writes come and end in, the write thread sends them in the disk's, at once.
TEST_F(ModernTest, WritesAreSorted) {
  build(1, true);
  board->run([&] {
    const std::uint64_t sectors[] = {640, 8, 320, 72, 1000, 16, 500};
    for (const std::uint64_t s : sectors) bios->write(*crypt, s, data(4096));
    sleep(5 * kMs);
    ASSERT_EQ(device->queue.size(), 7 * 8u);
    const unsigned unplugs = recorder->unplugs;
    std::mt19937 r(3);
    // One core, and this thread does not sleep: all end before the write thread runs.
    while (!device->queue.empty()) device->end(r() % device->queue.size());
    bios->wait();
    const auto writes = recorder->of(BioOp::write);
    ASSERT_EQ(writes.size(), 7u);
    for (std::size_t i = 0; i < writes.size(); ++i) {
      if (i > 0) {
        EXPECT_LT(writes[i - 1].sector, writes[i].sector);
      }
      EXPECT_EQ(writes[i].thread, "dmcrypt_write");
      EXPECT_EQ(writes[i].unplugs, unplugs) << "one plug around all of them";
    }
    EXPECT_EQ(recorder->unplugs, unplugs + 1);
    bios->check_and_free();
  });
}

TEST_F(ModernTest, SubmitFromCryptCpusKeepsTheOrderOfEncryption) {
  table.submit_from_crypt_cpus = true;
  build();
  board->run([&] {
    for (const std::uint64_t s : {640u, 8u, 320u}) bios->write(*crypt, s, data(4096));
    bios->wait();
    const auto writes = recorder->of(BioOp::write);
    ASSERT_EQ(writes.size(), 3u);
    EXPECT_EQ(writes[0].sector, table.start + 640);
    EXPECT_EQ(writes[1].sector, table.start + 8);
    EXPECT_EQ(writes[2].thread.substr(0, 7), "kcryptd");
    bios->check_and_free();
  });
}

std::vector<std::uint32_t> sizes(const std::vector<Recorder::Entry>& entries) {
  std::vector<std::uint32_t> out;
  for (const auto& e : entries) out.push_back(e.size);
  return out;
}

TEST_F(ModernTest, WritesAreCutAtThePool) {
  build();
  const Bytes image = data(600 * 4096);
  board->run([&] {
    EXPECT_EQ(board->write(*crypt, 24, image), 0);
    EXPECT_EQ(sizes(recorder->of(BioOp::write)),
              (std::vector<std::uint32_t>{1048576, 1048576, 88 * 4096}));
    EXPECT_EQ(on_disk(24, image.size()), encrypted(24, image));
    Bytes back(image.size());
    EXPECT_EQ(board->read(*crypt, 24, back), 0);
    EXPECT_EQ(back, image);
    EXPECT_EQ(recorder->of(BioOp::read).size(), 1u);
    EXPECT_EQ(crypt->stats().bios, 2u);
  });
}

TEST_F(ModernTest, SizeLimits) {
  settings.max_write_size = 131072 + 100;  // rounded down to whole units
  settings.max_read_size = 65536;
  build();
  const Bytes image = data(300 * 1024);
  board->run([&] {
    std::mt19937 layout(5);
    bios->write(*crypt, 1, image, &layout);
    bios->wait();
    EXPECT_EQ(sizes(recorder->of(BioOp::write)),
              (std::vector<std::uint32_t>{131072, 131072, 45056}));
    EXPECT_EQ(on_disk(1, image.size()), encrypted(1, image));
    Bios::One& read = bios->read(*crypt, 1, image.size(), &layout);
    bios->wait();
    EXPECT_EQ(recorder->of(BioOp::read).size(), 5u);
    EXPECT_EQ(bios->data(read), image);
    bios->check_and_free();
  });
}

// --- unit sizes -----------------------------------------------------------------------------

using SizeCase = std::tuple<const char*, std::size_t, std::uint32_t, bool>;
class ModernSizes : public ModernTest, public testing::WithParamInterface<SizeCase> {};
INSTANTIATE_TEST_SUITE_P(All, ModernSizes,
                         testing::Combine(testing::Values("aes-xts-plain64"), testing::Values(64u),
                                          testing::Values(512u, 1024u, 2048u, 4096u),
                                          testing::Bool()));
INSTANTIATE_TEST_SUITE_P(Ciphers, ModernSizes,
                         testing::Values(SizeCase{"aes-cbc-essiv:sha256", 32, 4096, false},
                                         SizeCase{"aes-cbc-essiv:sha256", 16, 2048, true},
                                         SizeCase{"aes-cbc-benbi", 16, 512, false},
                                         SizeCase{"aes-cbc-benbi", 16, 4096, true},
                                         SizeCase{"aes-xts-plain64", 32, 4096, false},
                                         SizeCase{"des3_ede-cbc-plain64", 24, 1024, false},
                                         SizeCase{"aes-ecb", 16, 512, false}));

/// IVs count 512-byte sectors, or units with iv_large_sectors.
TEST_P(ModernSizes, EqualOpenSsl) {
  const auto& [cipher, key_bytes, unit, large] = GetParam();
  table = test::crypt_table(cipher, key_bytes);
  table.sector_size = unit;
  table.iv_large_sectors = large;
  build(2);
  const Bytes image = data(256 * 1024);
  board->run([&] {
    EXPECT_EQ(board->write(*crypt, 4096, image), 0);
    EXPECT_EQ(on_disk(4096, image.size()), encrypted(4096, image));
    Bytes back(image.size());
    EXPECT_EQ(board->read(*crypt, 4096, back), 0);
    EXPECT_EQ(back, image);
    EXPECT_EQ(api->stats().synchronous, 2 * image.size() / unit);
  });
}

TEST_F(ModernTest, MisalignedIsKilled) {
  table.sector_size = 4096;
  build();
  board->run([&] {
    EXPECT_EQ(board->write(*crypt, 8, data(512)), -EIO);
    EXPECT_EQ(board->write(*crypt, 1, data(4096)), -EIO);
    Bytes back(4096);
    EXPECT_EQ(board->read(*crypt, 4, back), -EIO);
    EXPECT_TRUE(recorder->entries.empty());
    // Whole units, but one lies across two pages.
    std::mt19937 layout(2);
    Bios::One* one = nullptr;
    do {
      one = &bios->make(BioOp::write, 8, data(8192), &layout);
      bios->submit(*one, *crypt);
    } while (one->bio.vecs.size() == 2);
    bios->wait();
    EXPECT_EQ(one->error, -EIO);
    EXPECT_EQ(board->write(*crypt, 8, data(4096)), 0);
    bios->check_and_free();
  });
}

TEST_F(ModernTest, ConstructorRefuses) {
  const auto refused = [&](const char* what) {
    if (!board) build();
    try {
      ModernPath path(board->kernel, table, test::test_dmcrypt_costs(), test::test_cipher_costs(),
                      board->queue, *api, settings);
      ADD_FAILURE() << "accepted; expected: " << what;
    } catch (const CipherSpecError& e) {
      EXPECT_THAT(e.what(), testing::HasSubstr(what));
    }
    table = test::crypt_table();
  };
  build();
  table.sector_size = 8192;
  refused("sector_size");
  table.sector_size = 1000;
  refused("sector_size");
  table.sector_size = 4096;
  table.sectors = 8193;
  refused("Device size is not multiple");
  table.sector_size = 4096;
  table.iv_offset = 3;
  refused("Invalid iv_offset");
  table.key.resize(20);
  refused("AES takes keys");
  EXPECT_EQ(sc_core::sc_get_status(), sc_core::SC_ELABORATION);
}

// --- where the result goes ----------------------------------------------------------------------

struct PlacementCase {
  const char* placement;
  bool driver_can;
  bool copies;
};
class ModernPlacement : public ModernTest, public testing::WithParamInterface<PlacementCase> {};
INSTANTIATE_TEST_SUITE_P(All, ModernPlacement,
                         testing::Values(PlacementCase{"native", true, false},
                                         PlacementCase{"native", false, true},
                                         PlacementCase{"in-place", true, true},
                                         PlacementCase{"out-of-place", true, false}));

TEST_P(ModernPlacement, CopiesOnlyWhereItMust) {
  settings.placement = GetParam().placement;
  board = std::make_unique<Board>(1);
  api = std::make_unique<driver::SkcipherApi>(board->kernel, test::test_driver_costs(),
                                              test::test_cipher_costs());
  device = std::make_unique<Device>(board->kernel, *api);
  device->can_out_of_place = GetParam().driver_can;
  crypt = std::make_unique<ModernPath>(board->kernel, table, test::test_dmcrypt_costs(),
                                       test::test_cipher_costs(), board->queue, *api, settings);
  bios = std::make_unique<Bios>(*board);
  run_device(1);
  const Bytes image = data(65536);
  board->run([&] {
    bios->write(*crypt, 0, image);
    bios->wait();
    bios->check_and_free();
    EXPECT_EQ(board->kernel.bytes_copied(), GetParam().copies ? 65536u : 0u);
    Bytes back(65536);
    EXPECT_EQ(board->read(*crypt, 0, back), 0);
    EXPECT_EQ(back, image);
    EXPECT_EQ(on_disk(0, 65536), encrypted(0, image));
    EXPECT_EQ(board->kernel.bytes_copied(), GetParam().copies ? 65536u : 0u);
  });
}

TEST_F(ModernTest, OutOfPlaceNeedsADriverThatCan) {
  settings.placement = "out-of-place";
  board = std::make_unique<Board>(1);
  api = std::make_unique<driver::SkcipherApi>(board->kernel, test::test_driver_costs(),
                                              test::test_cipher_costs());
  device = std::make_unique<Device>(board->kernel, *api);
  device->can_out_of_place = false;
  EXPECT_THROW(ModernPath(board->kernel, table, test::test_dmcrypt_costs(),
                          test::test_cipher_costs(), board->queue, *api, settings),
               CipherSpecError);
  EXPECT_EQ(device->sessions, 0) << "the session is given back";
}

// --- errors -------------------------------------------------------------------------------------

TEST_F(ModernTest, AFailedSectorFailsItsBioAndNothingIsWritten) {
  build(1, true);
  board->run([&] {
    Bios::One& bad = bios->write(*crypt, 0, data(8192, 1));
    Bios::One& good = bios->write(*crypt, 64, data(8192, 2));
    sleep(5 * kMs);
    ASSERT_EQ(device->queue.size(), 32u);
    device->end(5, EIO);
    while (!device->queue.empty()) device->end();
    bios->wait();
    EXPECT_EQ(bad.error, -EIO);
    EXPECT_EQ(good.error, 0);
    EXPECT_EQ(on_disk(0, 8192), Bytes(8192));
    EXPECT_EQ(on_disk(64, 8192), encrypted(64, good.written));
    EXPECT_EQ(crypt->stats().failed_sectors, 1u);
    EXPECT_EQ(crypt->stats().convert_errors, 1u);
    Bios::One& read = bios->read(*crypt, 64, 8192);
    sleep(20 * kMs);
    ASSERT_EQ(device->queue.size(), 16u);
    device->end(15, ETIMEDOUT);  // the last one first
    EXPECT_EQ(read.ends, 0u);
    while (!device->queue.empty()) device->end();
    bios->wait();
    EXPECT_EQ(read.error, -EIO);
    bios->check_and_free();
  });
}

/// A driver that refuses in the middle: the bio waits for what is in flight and fails.
TEST_F(ModernTest, ARefusalInTheMiddle) {
  build(1, true);
  device->capacity = 3;
  board->run([&] {
    Bios::One& one = bios->write(*crypt, 0, data(8192));
    sleep(5 * kMs);
    device->refuse = ENODEV;
    device->end();  // the backlogged one is refused, and the next when it comes
    sleep(5 * kMs);
    EXPECT_EQ(one.ends, 0u) << "two are still in the driver";
    while (!device->queue.empty()) device->end();
    bios->wait();
    EXPECT_EQ(one.error, -EIO);
    device->refuse = 0;
    EXPECT_TRUE(recorder->entries.empty());
    run_device(1);
    EXPECT_EQ(board->write(*crypt, 0, one.written), 0);
    EXPECT_EQ(on_disk(0, 8192), encrypted(0, one.written));
    bios->check_and_free();
  });
}

TEST_F(ModernTest, DeviceErrorsReachTheBio) {
  build();
  board->run([&] {
    recorder->fail = -EIO;
    EXPECT_EQ(board->write(*crypt, 0, data(65536)), -EIO);
    Bytes back(4096);
    EXPECT_EQ(board->read(*crypt, 0, back), -EIO);
    EXPECT_EQ(api->stats().synchronous, 128u) << "a failed read is not decrypted";
    recorder->fail = 0;
    EXPECT_EQ(board->write(*crypt, 0, data(65536)), 0);
  });
}

// --- memory -------------------------------------------------------------------------------------

/// No free page but the pool's 256, and four writers that want 256 each, with a driver that
/// reorders and fills: all get there.
TEST_F(ModernTest, FourWritersForOnePool) {
  table.sectors = 16384;
  build(2, true);
  device->capacity = 64;
  run_device(9);
  constexpr std::size_t kBytes = 1048576;
  unsigned running = 4;
  std::vector<Bytes> images;
  std::vector<hw::PhysAddr> pages;
  bool go = false;
  for (unsigned t = 0; t < 4; ++t) images.push_back(data(2 * kBytes, t));
  for (unsigned t = 0; t < 4; ++t) {
    board->kernel.kthread_run("writer", [&, t] {
      Bios::One* ones[2];
      for (unsigned i = 0; i < 2; ++i) {
        const Bytes part(images[t].begin() + static_cast<std::ptrdiff_t>(i * kBytes),
                         images[t].begin() + static_cast<std::ptrdiff_t>((i + 1) * kBytes));
        ones[i] = &bios->make(BioOp::write, (2 * t + i) * 2048, part, nullptr);
      }
      while (!go) sleep(kMs);
      for (unsigned i = 0; i < 2; ++i) bios->submit(*ones[i], *crypt);
      --running;
    });
  }
  board->run([&] {
    while (bios->outstanding != 8) sleep(kMs);
    while (const hw::PhysAddr page =
               board->kernel.alloc_page(Activity::fs, hw::AllocSite::page_cache)) {
      pages.push_back(page);
    }
    go = true;
    while (running != 0) sleep(kMs);
    bios->wait();
    for (const auto& one : bios->all) {
      EXPECT_EQ(one.error, 0);
      EXPECT_EQ(on_disk(one.bio.sector, kBytes), encrypted(one.bio.sector, one.written));
    }
    EXPECT_GT(crypt->page_waits(), 0u);
    for (const hw::PhysAddr page : pages) board->kernel.free_page(page, Activity::fs);
    bios->check_and_free();
  });
}

/// Slab and page allocator fail all the time: the reserves carry every bio to its end.
TEST_F(ModernTest, NothingFailsForLackOfMemory) {
  std::vector<hw::FaultRule> rules(2);
  rules[0].kind = hw::FaultKind::page_alloc;
  rules[0].probability = 1;
  rules[1].kind = hw::FaultKind::request_alloc;
  rules[1].probability = 1;
  hw::FaultPlan plan(rules, 1);
  table.no_read_workqueue = true;
  build(2, true);
  run_device(4, true);
  const Bytes image = data(1048576);
  board->run([&] {
    for (unsigned i = 0; i < 16; ++i) {
      const auto at = static_cast<std::ptrdiff_t>(i) * 65536;
      bios->make(BioOp::write, i * 128, Bytes(image.begin() + at, image.begin() + at + 65536),
                 nullptr);
    }
    for (unsigned i = 0; i < 16; ++i) {
      bios->make(BioOp::read, i * 128, Bytes(65536), nullptr);
    }
    board->kernel.set_faults(&plan);
    for (unsigned i = 0; i < 16; ++i) bios->submit(bios->all[i], *crypt);
    while (bios->outstanding != 16) sleep(kMs);
    EXPECT_EQ(on_disk(0, image.size()), encrypted(0, image));
    for (unsigned i = 16; i < 32; ++i) bios->submit(bios->all[i], *crypt);
    bios->wait();
    for (unsigned i = 16; i < 32; ++i) {
      EXPECT_EQ(bios->all[i].error, 0);
      EXPECT_EQ(bios->data(bios->all[i]), bios->all[i - 16].written);
    }
    board->kernel.set_faults(nullptr);
    bios->check_and_free();
  });
}

// --- everything at once -------------------------------------------------------------------------

/// Two cores, random bios, a driver that is full, late, out of order and wrong at random: every bio
/// ends once; without an error the data is right, with one a write has not touched the disk.
class ModernRandom : public ModernTest, public testing::WithParamInterface<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Seeds, ModernRandom, testing::Range(0u, 6u));

TEST_P(ModernRandom, RightOrReported) {
  const unsigned seed = GetParam();
  table.same_cpu_crypt = seed % 2 == 0;
  table.no_read_workqueue = seed % 3 == 0;
  table.no_write_workqueue = seed % 3 == 1;
  table.sector_size = seed % 2 == 0 ? 512 : 1024;
  build(2, true);
  device->capacity = 1 + seed * 7;
  error_every = 60;
  run_device(seed, seed % 2 == 1);
  unsigned running = 3;
  constexpr std::uint32_t kRegion = 64;  // sectors of one bio at most
  Bytes before = data(96 * kRegion * 512, 99);
  board->soc.disk().store().write(table.start, before.data(), 96 * kRegion);
  for (unsigned t = 0; t < 3; ++t) {
    board->kernel.kthread_run("client", [&, t] {
      std::mt19937 r(seed * 10 + t);
      for (unsigned i = 0; i < 32; ++i) {
        const std::uint64_t at = (t * 32 + i) * kRegion;
        const std::size_t bytes = 1024 * (1 + r() % (kRegion / 2));
        if (r() % 2 == 0) {
          bios->write(*crypt, at, test::random_bytes(r, bytes));
        } else {
          bios->read(*crypt, at, bytes);
        }
        if (r() % 4 == 0) sleep(kMs);
      }
      --running;
    });
  }
  unsigned failed = 0, right = 0;
  board->run([&] {
    while (running != 0) sleep(kMs);
    bios->wait();
    for (const auto& one : bios->all) {
      const std::uint64_t at = one.bio.sector;
      const Bytes old(before.begin() + static_cast<std::ptrdiff_t>(at * 512),
                      before.begin() + static_cast<std::ptrdiff_t>(at * 512 + one.bio.size));
      if (one.error != 0) {
        EXPECT_EQ(one.error, -EIO);
        EXPECT_EQ(on_disk(at, one.bio.size), old);
        ++failed;
      } else if (one.bio.op == BioOp::write) {
        EXPECT_EQ(on_disk(at, one.bio.size), encrypted(at, one.written));
        ++right;
      } else {
        EXPECT_EQ(bios->data(one), units(false, at, old));
        ++right;
      }
    }
    EXPECT_GT(failed, 5u);
    EXPECT_GT(right, 5u);
    EXPECT_GE(crypt->stats().failed_sectors, failed);
    EXPECT_EQ(api->backlog(), 0u);
    bios->check_and_free();
  });
}

}  // namespace
}  // namespace cesasim::dmcrypt
