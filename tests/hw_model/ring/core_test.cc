// SPDX-License-Identifier: Apache-2.0
// The ring as its driver sees it: every rule of docs/ring.md that is not about time alone.
#include "hw_model/ring/core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/driver/vectors.h"
#include "tests/hw_model/ring/ring_bench.h"

namespace cesasim::test {
namespace {

namespace c = hw::ring_control;
namespace irq = hw::ring_bit::irq;
namespace config = hw::ring_bit::config;
namespace status = hw::ring_bit::status;
using namespace hw::ring_reg;  // NOLINT(google-build-using-namespace)
using hw::Ps;
using hw::RingCompletion;
using hw::RingDescriptor;
using hw::RingListEntry;
using hw::RingStatus;

Bytes bytes(std::initializer_list<unsigned> list) { return {list.begin(), list.end()}; }

class Ring : public testing::Test {
 protected:
  explicit Ring(const hw::RingParams& params = bench_params(),
                const RingDriver::Options& options = {})
      : m(params), d(m, 0, options) {
    d.load_key(0, kKey);
  }

  RingCompletion only(const std::vector<RingCompletion>& all) {
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? RingCompletion{} : all[0];
  }
  /// Submits, runs to the end and takes the only completion.
  RingCompletion run(const RingDescriptor& descriptor) {
    d.submit(descriptor);
    m.run();
    return only(d.take());
  }
  void list(hw::PhysAddr at, const std::vector<RingListEntry>& entries) {
    for (const RingListEntry& e : entries) {
      e.encode(std::span<std::uint8_t, 16>(m.mem.at(at), 16));
      at += 16;
    }
  }
  std::uint64_t guest_errors() const { return m.core->stats().guest_errors; }
  /// The ring works: a request in and a right result out.
  void expect_alive() {
    const Bytes iv = pattern(16, 77), data = pattern(64, 78);
    m.mem.put(kData + 0x90000, data);
    const auto completion = run(cbc_request(kData + 0x90000, kData + 0x91000, 64, iv));
    EXPECT_EQ(completion.status, RingStatus::ok);
    EXPECT_EQ(m.mem.get(kData + 0x91000, 64), openssl("AES-128-CBC", kKey, iv, data, true));
  }
  void reset() {
    d.write(kCommand, 1);
    m.run();
    EXPECT_EQ(d.read(kCommand), 0u);
    d.enable();
  }

  const Bytes kKey = pattern(16, 1);
  PlainRing m;
  RingDriver d;
};

// ---- results ----

// NIST SP 800-38A, F.2.1.
TEST_F(Ring, PublishedVectorInPlaceWithTheChainingValueWrittenBack) {
  d.load_key(1, bytes({0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09,
                       0xcf, 0x4f, 0x3c}));
  const Bytes plain = bytes({0x6b, 0xc1, 0xbe, 0xe2, 0x2e, 0x40, 0x9f, 0x96, 0xe9, 0x3d, 0x7e,
                             0x11, 0x73, 0x93, 0x17, 0x2a, 0xae, 0x2d, 0x8a, 0x57, 0x1e, 0x03,
                             0xac, 0x9c, 0x9e, 0xb7, 0x6f, 0xac, 0x45, 0xaf, 0x8e, 0x51});
  const Bytes expected = bytes({0x76, 0x49, 0xab, 0xac, 0x81, 0x19, 0xb2, 0x46, 0xce, 0xe9, 0x8e,
                                0x9b, 0x12, 0xe9, 0x19, 0x7d, 0x50, 0x86, 0xcb, 0x9b, 0x50, 0x72,
                                0x19, 0xee, 0x95, 0xdb, 0x11, 0x3a, 0x91, 0x76, 0x78, 0xb2});
  m.mem.put(kData, plain);
  Bytes iv(16);
  for (unsigned i = 0; i < 16; ++i) iv[i] = static_cast<std::uint8_t>(i);
  RingDescriptor r = cbc_request(kData, kData, 32, iv, 16, c::kIvOut);
  r.cookie = 0xC00C1E;
  r.key = 1;
  r.iv_out = kData + 0x100;
  const RingCompletion done = run(r);
  EXPECT_EQ(done.status, RingStatus::ok);
  EXPECT_EQ(done.cookie, 0xC00C1Eu);
  EXPECT_EQ(done.bytes_written, 32u);
  EXPECT_EQ(done.index, 0);
  EXPECT_EQ(done.engine, 0);
  EXPECT_EQ(m.mem.get(kData, 32), expected);
  EXPECT_EQ(m.mem.get(kData + 0x100, 16), Bytes(expected.begin() + 16, expected.end()));
  EXPECT_EQ(d.cause(), irq::kDone);
  EXPECT_TRUE(m.core->irq(0));
  d.clear(irq::kDone);
  EXPECT_FALSE(m.core->irq(0));
  EXPECT_EQ(m.core->stats().interrupts, 1u);
  EXPECT_EQ(m.core->stats().completed, 1u);
  EXPECT_EQ(guest_errors(), 0u) << m.core->stats().last_report;
}

// Every cipher, mode, direction and key size, over one and over several SRAM buffers, against
// OpenSSL; the key in a slot or in memory.
TEST_F(Ring, EveryAlgorithmAgreesWithOpenSsl) {
  struct Algorithm {
    std::uint32_t control;
    const char* name;
    unsigned key_bytes;
  };
  // Single DES is three times the same key in EDE.
  const Algorithm algorithms[] = {{c::kAes | c::key_size(16), "AES-128", 16},
                                  {c::kAes | c::key_size(24), "AES-192", 24},
                                  {c::kAes | c::key_size(32), "AES-256", 32},
                                  {c::kDes, "DES-EDE3", 8},
                                  {c::kDes3, "DES-EDE3", 24}};
  unsigned seed = 0;
  for (const Algorithm& a : algorithms) {
    for (const bool cbc : {false, true}) {
      for (const bool decrypt : {false, true}) {
        for (const bool slot : {false, true}) {
          for (const std::uint32_t n : {48u, 1024u, 5008u}) {
            const std::string name = std::string(a.name) + (cbc ? "-CBC" : "-ECB");
            SCOPED_TRACE(name + (decrypt ? " decrypt " : " encrypt ") + std::to_string(n));
            ++seed;
            const Bytes key = pattern(a.key_bytes, seed), iv = pattern(16, seed + 1000);
            const Bytes data = pattern(n, seed + 2000);
            const std::uint32_t block = a.name[0] == 'A' ? 16 : 8;
            m.mem.put(kData, data);
            RingDescriptor r;
            r.control = a.control | (cbc ? c::kCbc : c::kEcb) | (decrypt ? c::kDecrypt : 0);
            if (slot) {
              d.load_key(3, key);
              r.control |= c::kKeySlot;
              r.key = 3;
            } else {
              m.mem.put(kData + 0x3003, key);
              r.key = kData + 0x3003;
            }
            if (cbc) {
              r.control |= c::kIvOut;
              r.iv_out = kData + 0x3100;
            }
            std::copy(iv.begin(), iv.end(), r.iv.begin());
            r.length = n;
            r.source = kData;
            r.destination = kData + 0x4001;
            EXPECT_EQ(run(r).status, RingStatus::ok);
            Bytes whole = key;
            if (a.key_bytes == 8) {
              for (unsigned i = 0; i < 2; ++i) whole.insert(whole.end(), key.begin(), key.end());
            }
            const char* reference = name == "DES-EDE3-ECB" ? "DES-EDE3" : name.c_str();
            const Bytes expected = openssl(reference, whole, iv, data, !decrypt);
            EXPECT_EQ(m.mem.get(kData + 0x4001, n), expected);
            if (cbc) {
              const Bytes& chain = decrypt ? data : expected;
              EXPECT_EQ(m.mem.get(kData + 0x3100, block), Bytes(chain.end() - block, chain.end()));
            }
          }
        }
      }
    }
  }
  EXPECT_EQ(guest_errors(), 0u) << m.core->stats().last_report;
}

// IEEE 1619-2007 through registers and descriptors: key in a slot and in memory, in place and
// apart.
TEST_F(Ring, PublishedXtsVectors) {
  EXPECT_NE(m.read(hw::ring_unit_reg::kAlgorithms) & hw::ring_bit::algorithms::kXts, 0u);
  for (const XtsVector& v : kIeee1619Vectors) {
    const Bytes keys = from_hex(v.keys), unit = from_hex(v.data_unit);
    const Bytes plain = v.plain_text(), cipher_text = from_hex(v.cipher_text);
    for (const bool slot : {false, true}) {
      for (const bool decrypt : {false, true}) {
        for (const bool in_place : {false, true}) {
          const Bytes& in = decrypt ? cipher_text : plain;
          m.mem.put(kData, in);
          RingDescriptor r;
          r.control = c::kAes | c::kXts | c::key_size(static_cast<std::uint32_t>(keys.size() / 2)) |
                      (decrypt ? c::kDecrypt : 0) | (in_place ? c::kInPlace : 0);
          if (slot) {
            d.load_key(3, keys);
            r.control |= c::kKeySlot;
            r.key = 3;
          } else {
            m.mem.put(kData + 0x3003, keys);
            r.key = kData + 0x3003;
          }
          std::copy(unit.begin(), unit.end(), r.iv.begin());
          r.length = static_cast<std::uint32_t>(in.size());
          r.source = kData;
          if (!in_place) r.destination = kData + 0x4001;
          EXPECT_EQ(run(r).status, RingStatus::ok);
          EXPECT_EQ(m.mem.get(in_place ? kData : kData + 0x4001, in.size()),
                    decrypt ? plain : cipher_text);
        }
      }
    }
  }
  EXPECT_EQ(guest_errors(), 0u) << m.core->stats().last_report;
}

// A data unit over several SRAM buffers: the tweak goes on where the piece before left it.
TEST_F(Ring, XtsOverSeveralBuffersAgreesWithOpenSsl) {
  for (const unsigned key_bytes : {32u, 64u}) {
    for (const std::uint32_t n : {16u, 1008u, 1024u, 1040u, 5008u}) {
      SCOPED_TRACE(std::to_string(key_bytes) + " " + std::to_string(n));
      const Bytes key = pattern(key_bytes, n), iv = pattern(16, n + 1), data = pattern(n, n + 2);
      d.load_key(2, key);
      m.mem.put(kData, data);
      RingDescriptor r;
      r.control = c::kAes | c::kXts | c::key_size(key_bytes / 2) | c::kKeySlot | c::kInPlace;
      r.key = 2;
      std::copy(iv.begin(), iv.end(), r.iv.begin());
      r.length = n;
      r.source = kData;
      EXPECT_EQ(run(r).status, RingStatus::ok);
      EXPECT_EQ(m.mem.get(kData, n),
                openssl(key_bytes == 32 ? "AES-128-XTS" : "AES-256-XTS", key, iv, data, true));
    }
  }
}

// A slot with a key of another size, and a size that is none.
TEST_F(Ring, XtsNeedsBothKeys) {
  RingDescriptor r;
  r.control = c::kAes | c::kXts | c::key_size(32) | c::kKeySlot | c::kInPlace;
  r.key = 2;
  r.length = 512;
  r.source = kData;
  d.load_key(2, pattern(32, 1));
  EXPECT_EQ(run(r).status, RingStatus::key_error);
  const std::uint64_t before = guest_errors();
  m.write(hw::ring_unit_reg::kKeyCommand, hw::ring_bit::key_command::kLoad | 5u << 8 | 2);
  EXPECT_EQ(guest_errors(), before + 1);
}

// The tweak costs one block of the cipher, whatever the length.
TEST_F(Ring, TheTweakIsOneBlockMore) {
  const auto took = [&](std::uint32_t mode, std::uint32_t bytes) {
    d.load_key(1, pattern(mode == c::kXts ? 32 : 16, 1));
    RingDescriptor r;
    r.control = c::kAes | mode | c::key_size(16) | c::kKeySlot | c::kInPlace;
    r.key = 1;
    r.length = bytes;
    r.source = kData;
    const Ps before = m.core->engine(0).cipher_busy_ps();
    EXPECT_EQ(run(r).status, RingStatus::ok);
    return m.core->engine(0).cipher_busy_ps() - before;
  };
  const Ps block = static_cast<Ps>(bench_params().aes128_block_cycles * kTclk);
  for (const std::uint32_t bytes : {512u, 4096u}) {
    EXPECT_EQ(took(c::kXts, bytes), took(c::kCbc, bytes) + block);
  }
}

TEST_F(Ring, ListsOfOddPiecesWithEmptyEntries) {
  const Bytes iv = pattern(16, 2), data = pattern(3008, 3);
  m.mem.put(kData + 1, Bytes(data.begin(), data.begin() + 1));
  m.mem.put(kData + 0x101, Bytes(data.begin() + 1, data.begin() + 1500));
  m.mem.put(kData + 0x2003, Bytes(data.begin() + 1500, data.end()));
  list(kData + 0x8000, {{kData + 1, 1, 0},
                        {0, 0, 0},
                        {kData + 0x101, 1499, 0},
                        {kData + 0x2003, 1507, 0},
                        {kData + 0x2fff, 1, 0}});
  m.mem.put(kData + 0x2fff, Bytes(data.end() - 1, data.end()));
  list(kData + 0x8100, {{kData + 0x5000, 3000, 0}, {kData + 0x7001, 8, 0}});
  RingDescriptor r = cbc_request(kData + 0x8000, kData + 0x8100, 3008, iv);
  r.source_entries = 5;
  r.destination_entries = 2;
  EXPECT_EQ(run(r).status, RingStatus::ok);
  Bytes out = m.mem.get(kData + 0x5000, 3000);
  const Bytes tail = m.mem.get(kData + 0x7001, 8);
  out.insert(out.end(), tail.begin(), tail.end());
  EXPECT_EQ(out, openssl("AES-128-CBC", kKey, iv, data, true));
}

TEST_F(Ring, TheChainingValueIsWrittenOnceAfterTheLastPiece) {
  RingDescriptor r = cbc_request(kData, kData, 4096, pattern(16, 2), 16, c::kIvOut);
  r.iv_out = kData + 0x8000;
  m.mem.log_on = true;
  EXPECT_EQ(run(r).status, RingStatus::ok);
  std::vector<hw::PhysAddr> writes;
  for (const auto& a : m.mem.log) {
    if (a.write) writes.push_back(a.addr);
  }
  EXPECT_EQ(writes, (std::vector<hw::PhysAddr>{kData, kData + 1024, kData + 2048, kData + 3072,
                                               r.iv_out, d.cq()}));
}

TEST_F(Ring, InPlaceOverAListReadsTheListOnce) {
  const Bytes iv = pattern(16, 2), data = pattern(2048, 3);
  m.mem.put(kData, Bytes(data.begin(), data.begin() + 2000));
  m.mem.put(kData + 0x1000, Bytes(data.begin() + 2000, data.end()));
  list(kData + 0x8000, {{kData, 2000, 0}, {kData + 0x1000, 48, 0}});
  RingDescriptor r = cbc_request(kData + 0x8000, kData + 0x8000, 2048, iv);
  r.source_entries = 2;
  m.mem.log_on = true;
  EXPECT_EQ(run(r).status, RingStatus::ok);
  Bytes out = m.mem.get(kData, 2000);
  const Bytes tail = m.mem.get(kData + 0x1000, 48);
  out.insert(out.end(), tail.begin(), tail.end());
  EXPECT_EQ(out, openssl("AES-128-CBC", kKey, iv, data, true));
  EXPECT_EQ(std::count_if(m.mem.log.begin(), m.mem.log.end(),
                          [](const auto& a) { return a.addr == kData + 0x8000; }),
            1);
}

// ---- what ends a request early ----

struct Case {
  const char* name;
  RingStatus status;
  std::uint32_t written;  ///< bytes of the 2048 that arrived
  std::function<void(PlainRing&, RingDriver&, RingDescriptor&)> change;
};

void put_list(PlainRing& m, hw::PhysAddr at, const std::vector<RingListEntry>& entries) {
  for (const RingListEntry& e : entries) {
    e.encode(std::span<std::uint8_t, 16>(m.mem.at(at), 16));
    at += 16;
  }
}

const Case kCases[] = {
    {"reserved_bit", RingStatus::bad_descriptor, 0,
     [](auto&, auto&, RingDescriptor& r) { r.control |= 1u << 30; }},
    {"overlap", RingStatus::bad_descriptor, 0,
     [](auto&, auto&, RingDescriptor& r) { r.destination = r.source + 1; }},
    {"unknown_algorithm", RingStatus::bad_algorithm, 0,
     [](auto&, auto&, RingDescriptor& r) { r.control |= 0xF; }},
    {"unknown_mode", RingStatus::bad_algorithm, 0,
     [](auto&, auto&, RingDescriptor& r) { r.control |= c::kModeMask; }},
    {"length", RingStatus::bad_length, 0, [](auto&, auto&, RingDescriptor& r) { r.length = 2040; }},
    {"no_length", RingStatus::bad_length, 0, [](auto&, auto&, RingDescriptor& r) { r.length = 0; }},
    {"no_such_slot", RingStatus::key_error, 0, [](auto&, auto&, RingDescriptor& r) { r.key = 8; }},
    {"empty_slot", RingStatus::key_error, 0, [](auto&, auto&, RingDescriptor& r) { r.key = 7; }},
    {"slot_of_another_size", RingStatus::key_error, 0,
     [](auto&, auto&, RingDescriptor& r) { r.control |= c::key_size(32); }},
    {"list_max", RingStatus::list_long, 0,
     [](auto&, auto&, RingDescriptor& r) { r.source_entries = 257; }},
    {"list_ends_early", RingStatus::list_short, 1024,
     [](PlainRing& m, auto&, RingDescriptor& r) {
       put_list(m, kData + 0x8000, {{kData, 2000, 0}, {kData, 32, 0}});
       r.source = kData + 0x8000;
       r.source_entries = 2;
     }},
    {"destination_list_ends_early", RingStatus::list_short, 1024,
     [](PlainRing& m, auto&, RingDescriptor& r) {
       put_list(m, kData + 0x8000, {{r.destination, 1025, 0}});
       r.destination = kData + 0x8000;
       r.destination_entries = 1;
     }},
    {"list_of_nothing", RingStatus::list_short, 0,
     [](PlainRing& m, auto&, RingDescriptor& r) {
       put_list(m, kData + 0x8000, {{kData, 0, 0}, {kData, 0, 0}, {kData, 0, 0}});
       r.source = kData + 0x8000;
       r.source_entries = 3;
     }},
    {"list_with_too_many_bytes", RingStatus::list_long, 1024,
     [](PlainRing& m, auto&, RingDescriptor& r) {
       put_list(m, kData + 0x8000, {{kData, 2049, 0}});
       r.source = kData + 0x8000;
       r.source_entries = 1;
     }},
    {"source_list_with_an_entry_too_many", RingStatus::list_long, 1024,
     [](PlainRing& m, auto&, RingDescriptor& r) {
       put_list(m, kData + 0x8000, {{kData, 2048, 0}, {kData, 16, 0}});
       r.source = kData + 0x8000;
       r.source_entries = 2;
     }},
    {"list_with_an_entry_too_many", RingStatus::list_long, 1024,
     [](PlainRing& m, auto&, RingDescriptor& r) {
       put_list(m, kData + 0x8000, {{r.destination, 2048, 0}, {r.destination, 0, 0}});
       r.destination = kData + 0x8000;
       r.destination_entries = 2;
     }},
    {"list_entry_with_reserved_bits", RingStatus::bad_descriptor, 0,
     [](PlainRing& m, auto&, RingDescriptor& r) {
       put_list(m, kData + 0x8000, {{kData, 2048, 1}});
       r.source = kData + 0x8000;
       r.source_entries = 1;
     }},
    {"list_entry_past_the_address_space", RingStatus::bad_descriptor, 0,
     [](PlainRing& m, auto&, RingDescriptor& r) {
       put_list(m, kData + 0x8000, {{~hw::PhysAddr{0}, 2048, 0}});
       r.source = kData + 0x8000;
       r.source_entries = 1;
     }},
    {"key_on_the_bus", RingStatus::key_bus_error, 0,
     [](PlainRing& m, auto&, RingDescriptor& r) {
       r.control &= ~c::kKeySlot;
       r.key = kData + 0x9000;
       m.mem.refuse(kData + 0x9000, 1);
     }},
    {"source_on_the_bus", RingStatus::source_bus_error, 1024,
     [](PlainRing& m, auto&, RingDescriptor&) { m.mem.refuse(kData + 2047, 1); }},
    {"source_outside_memory", RingStatus::source_bus_error, 0,
     [](auto&, auto&, RingDescriptor& r) { r.source = 0xFFFF0000; }},
    {"source_list_on_the_bus", RingStatus::source_bus_error, 0,
     [](PlainRing& m, auto&, RingDescriptor& r) {
       r.source = kData + 0x8000;
       r.source_entries = 1;
       m.mem.refuse(kData + 0x8000, 1);
     }},
    {"destination_list_on_the_bus", RingStatus::destination_bus_error, 0,
     [](PlainRing& m, auto&, RingDescriptor& r) {
       r.destination = kData + 0x8000;
       r.destination_entries = 1;
       m.mem.refuse(kData + 0x8000, 1);
     }},
    {"destination_on_the_bus", RingStatus::destination_bus_error, 0,
     [](PlainRing& m, auto&, RingDescriptor& r) { m.mem.refuse(r.destination + 100, 1); }},
    {"second_piece_of_the_destination_on_the_bus", RingStatus::destination_bus_error, 1500,
     [](PlainRing& m, auto&, RingDescriptor& r) {
       put_list(m, kData + 0x8000, {{r.destination, 1500, 0}, {r.destination + 0x1000, 548, 0}});
       m.mem.refuse(r.destination + 0x1000, 1);
       r.destination = kData + 0x8000;
       r.destination_entries = 2;
     }},
    {"chaining_value_on_the_bus", RingStatus::iv_bus_error, 2048,
     [](PlainRing& m, auto&, RingDescriptor& r) {
       r.control |= c::kIvOut;
       r.iv_out = kData + 0x9000;
       m.mem.refuse(kData + 0x9000, 1);
     }},
};

class Refusal : public Ring, public testing::WithParamInterface<Case> {};

TEST_P(Refusal, IsReportedAndHurtsNobodyElse) {
  const Bytes iv = pattern(16, 2), data = pattern(4096, 3);
  m.mem.put(kData, data);
  const Bytes blank(4096, 0xEE);
  m.mem.put(kData + 0x4000, blank);
  const Bytes expected =
      openssl("AES-128-CBC", kKey, iv, Bytes(data.begin(), data.begin() + 2048), true);
  d.write(kCoalesceCount, 100);  // a failure does not wait for others

  RingDescriptor bad = cbc_request(kData, kData + 0x4000, 2048, iv);
  bad.cookie = 0xBAD;
  GetParam().change(m, d, bad);
  const RingDescriptor before = cbc_request(kData + 0x10000, kData + 0x11000, 2048, iv);
  RingDescriptor after = cbc_request(kData + 0x10000, kData + 0x12000, 2048, iv);
  m.mem.put(kData + 0x10000, Bytes(data.begin(), data.begin() + 2048));
  d.put(before);
  d.put(bad);
  d.submit(after);
  m.run();

  const auto done = d.take();
  ASSERT_EQ(done.size(), 3u);
  EXPECT_EQ(done[0].status, RingStatus::ok);
  EXPECT_EQ(hw::ring_status_name(done[1].status), hw::ring_status_name(GetParam().status));
  EXPECT_EQ(done[1].cookie, 0xBADu);
  EXPECT_EQ(done[1].index, 1);
  EXPECT_EQ(done[2].status, RingStatus::ok);
  EXPECT_EQ(m.mem.get(kData + 0x11000, 2048), expected);
  EXPECT_EQ(m.mem.get(kData + 0x12000, 2048), expected);
  EXPECT_EQ(d.read(kError), static_cast<std::uint32_t>(GetParam().status) | 1u << 16);
  EXPECT_EQ(d.cause(), irq::kDone | irq::kFailed);
  EXPECT_EQ(m.core->stats().failed, 1u);
  EXPECT_EQ(guest_errors(), 1u) << m.core->stats().last_report;
  EXPECT_THAT(m.core->stats().last_report,
              testing::HasSubstr(hw::ring_status_name(GetParam().status)));

  // What the completion says was written was, and nothing after it.
  EXPECT_EQ(done[1].bytes_written, GetParam().written);
  const std::uint32_t n = std::min(1500u, GetParam().written);
  EXPECT_EQ(m.mem.get(kData + 0x4000, n), Bytes(expected.begin(), expected.begin() + n));
  if (GetParam().written < 1500) {
    EXPECT_EQ(m.mem.get(kData + 0x4000 + n, 4096 - n), Bytes(4096 - n, 0xEE));
  }
  m.mem.refuse_none();
  d.write(kCoalesceCount, 1);
  expect_alive();
}
INSTANTIATE_TEST_SUITE_P(Every, Refusal, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

// ---- indexes ----

TEST_F(Ring, IndexesRunThroughTheirWrapAThousandTimesOverTheRing) {
  const Bytes iv = pattern(16, 2), data = pattern(64, 3);
  const Bytes expected = openssl("AES-128-CBC", kKey, iv, data, true);
  m.mem.put(kData, data);
  std::uint32_t next = 0;
  // 70000 requests: the ring of 64 wraps a thousand times, the indexes of 16 bits once.
  while (next < 70000) {
    for (unsigned i = d.free_slots(); i > 0; --i) {
      RingDescriptor r = cbc_request(kData, kData + 64 * (next % 64 + 1), 64, iv);
      r.cookie = next++;
      d.put(r);
    }
    d.doorbell();
    const std::uint32_t first = next - 64;
    m.run();
    std::uint32_t cookie = first;
    for (const RingCompletion& done : d.take()) {
      ASSERT_EQ(done.cookie, cookie);
      ASSERT_EQ(done.index, static_cast<std::uint16_t>(cookie));
      ASSERT_EQ(done.status, RingStatus::ok);
      ASSERT_EQ(m.mem.get(kData + 64 * (cookie % 64 + 1), 64), expected);
      m.mem.put(kData + 64 * (cookie % 64 + 1), Bytes(64));
      ++cookie;
    }
    ASSERT_EQ(cookie, next);
  }
  EXPECT_EQ(m.core->stats().completed, next);
  EXPECT_EQ(guest_errors(), 0u) << m.core->stats().last_report;
}

TEST_F(Ring, AFullRingTakesEverySlotAndNoMore) {
  const Bytes iv = pattern(16, 2);
  for (unsigned i = 0; i < 64; ++i) d.put(cbc_request(kData, kData, 64, iv));
  EXPECT_EQ(d.free_slots(), 0u);
  d.write(kSqProducer, 65);
  EXPECT_EQ(d.cause(), irq::kIndexError);
  EXPECT_EQ(d.read(kSqProducer), 0u) << "dropped";
  d.clear(irq::kIndexError);
  d.doorbell();
  EXPECT_EQ(d.cause(), 0u);
  EXPECT_EQ(d.read(kSqProducer), 64u);
  m.run();
  EXPECT_EQ(d.take().size(), 64u);
  EXPECT_EQ(d.free_slots(), 64u);
  d.write(kSqProducer, 63);
  EXPECT_EQ(d.cause() & irq::kIndexError, irq::kIndexError) << "backwards";
  EXPECT_EQ(d.read(kSqProducer), 64u);
  EXPECT_EQ(guest_errors(), 2u);
  EXPECT_THAT(m.core->stats().last_report, testing::HasSubstr("doorbell 63"));
  expect_alive();
}

TEST_F(Ring, ADoorbellIsAPositionSoRepeatingItChangesNothing) {
  const Bytes iv = pattern(16, 2);
  d.put(cbc_request(kData, kData, 64, iv));
  for (unsigned i = 0; i < 5; ++i) d.doorbell();
  m.run();
  d.doorbell();
  m.run();
  EXPECT_EQ(d.take().size(), 1u);
  EXPECT_EQ(m.core->stats().descriptors, 1u);
  EXPECT_EQ(guest_errors(), 0u);
}

TEST_F(Ring, ALostDoorbellHealsWithTheNext) {
  const Bytes iv = pattern(16, 2);
  d.put(cbc_request(kData, kData, 64, iv));
  m.run();
  EXPECT_TRUE(d.take().empty()) << "the device knows nothing of it";
  EXPECT_EQ(d.read(kSqConsumer), 0u);
  d.doorbell();  // the watchdog's
  m.run();
  EXPECT_EQ(d.take().size(), 1u);
}

TEST_F(Ring, AcknowledgingWhatIsNotThereIsAnError) {
  d.write(kCqConsumer, 1);
  EXPECT_EQ(d.cause(), irq::kIndexError);
  EXPECT_EQ(d.read(kCqConsumer), 0u);
  EXPECT_EQ(guest_errors(), 1u);
}

class Shadowed : public Ring {
 protected:
  Shadowed() : Ring(bench_params(), {.config = config::kShadow}) {}
};

TEST_F(Shadowed, ALostDoorbellHealsWhileTheRingIsBusy) {
  const Bytes iv = pattern(16, 2);
  d.put(cbc_request(kData, kData, 64, iv));
  d.store_shadow();
  d.doorbell();
  m.run_for(8 * kTclk);  // the first fetch is under way
  d.put(cbc_request(kData, kData, 64, iv));
  d.store_shadow();       // and no doorbell
  m.run_for(17 * kTclk);  // the second fetch is under way, found by the shadow
  EXPECT_EQ(d.read(kSqProducer), 2u);
  EXPECT_EQ(d.read(kSqConsumer), 1u);
  d.put(cbc_request(kData, kData, 64, iv));
  d.store_shadow();
  m.run();
  EXPECT_EQ(d.take().size(), 3u);
  EXPECT_EQ(m.core->stats().doorbells, 1u);
  EXPECT_EQ(m.core->stats().shadow_reads, 3u) << "and a last one that finds nothing";
}

TEST_F(Shadowed, AtRestAnyDoorbellHeals) {
  const Bytes iv = pattern(16, 2);
  d.put(cbc_request(kData, kData, 64, iv));
  d.store_shadow();
  m.run();
  EXPECT_TRUE(d.take().empty());
  d.write(kSqProducer, 0);  // the old value
  m.run();
  EXPECT_EQ(d.take().size(), 1u);
  EXPECT_EQ(d.read(kSqProducer), 1u);
}

TEST_F(Shadowed, ADoorbellOvertakenByTheShadowIsIgnored) {
  const Bytes iv = pattern(16, 2);
  for (unsigned i = 0; i < 3; ++i) d.put(cbc_request(kData, kData, 64, iv));
  d.store_shadow();
  d.write(kSqProducer, 1);
  m.run();
  EXPECT_EQ(d.take().size(), 3u);
  d.write(kSqProducer, 2);
  m.run();
  EXPECT_EQ(d.read(kSqProducer), 3u);
  EXPECT_EQ(guest_errors(), 0u) << m.core->stats().last_report;
  d.write(kSqProducer, 3 - 65 + 65536);
  EXPECT_EQ(d.cause() & irq::kIndexError, irq::kIndexError) << "too far behind";
}

TEST_F(Shadowed, AShadowPastTheRingIsAnErrorAndIgnored) {
  m.mem.at(d.shadow())[0] = 65;
  d.write(kSqProducer, 0);
  m.run();
  EXPECT_EQ(d.cause(), irq::kIndexError);
  EXPECT_EQ(d.read(kSqProducer), 0u);
  EXPECT_EQ(m.core->stats().descriptors, 0u);
  m.mem.at(d.shadow())[0] = 0;
  expect_alive();  // rings without storing the shadow: one that is behind is no error
  EXPECT_EQ(guest_errors(), 1u) << m.core->stats().last_report;
}

TEST_F(Shadowed, ABusErrorOnTheShadowStopsTheRing) {
  m.mem.refuse(d.shadow(), 4);
  d.write(kSqProducer, 0);
  m.run();
  EXPECT_EQ(d.cause(), irq::kFetchError);
  EXPECT_EQ(d.read(kStatus) & status::kStopped, status::kStopped);
}

// ---- the completion ring ----

class SmallCompletionRing : public Ring {
 protected:
  SmallCompletionRing() : Ring(bench_params(), {.sq_log2 = 6, .cq_log2 = 2}) {}
};

TEST_F(SmallCompletionRing, NeverOverflowsAndTellsThatItWaits) {
  const Bytes iv = pattern(16, 2), data = pattern(64, 3);
  for (unsigned i = 0; i < 11; ++i) {
    m.mem.put(kData + 64 * i, data);
    RingDescriptor r = cbc_request(kData + 64 * i, kData + 64 * i, 64, iv);
    r.cookie = i;
    d.put(r);
  }
  d.doorbell();
  std::uint32_t cookie = 0;
  for (const unsigned expected : {4u, 4u, 3u}) {
    while (m.step()) {
      if (d.cause() & irq::kCqFull) {
        EXPECT_EQ(d.read(kCqProducer), cookie + 4) << "told while entries were in flight";
      }
    }
    const bool waits = cookie + expected < 11;
    EXPECT_EQ(d.read(kStatus) & status::kCqFull, waits ? status::kCqFull : 0);
    EXPECT_EQ(d.cause() & irq::kCqFull, waits ? irq::kCqFull : 0);
    EXPECT_EQ(d.read(kCqProducer), cookie + expected);
    d.clear(0xFF);
    const auto done = d.take(/*acknowledge=*/false);
    ASSERT_EQ(done.size(), expected);
    for (const auto& one : done) EXPECT_EQ(one.cookie, cookie++);
    m.run();
    EXPECT_EQ(d.read(kCqProducer), cookie) << "nothing moves before the acknowledgement";
    d.acknowledge();
  }
  m.run();
  EXPECT_EQ(m.core->stats().completed, 11u);
  EXPECT_EQ(guest_errors(), 0u);
}

// A driver that polls the memory can see an entry before its write has ended.
TEST_F(Ring, APollingDriverMayBeFasterThanTheInterrupt) {
  d.submit(cbc_request(kData, kData, 64, pattern(16, 2)));
  std::vector<RingCompletion> done;
  while (done.empty()) {
    ASSERT_TRUE(m.step());
    done = d.take();
  }
  EXPECT_EQ(d.read(kCqConsumer), 1u);
  EXPECT_EQ(d.read(kCqProducer), 0u);
  m.run();
  EXPECT_EQ(d.read(kCqProducer), 1u);
  EXPECT_EQ(d.cause(), 0u) << "nothing is left to announce";
  EXPECT_EQ(guest_errors(), 0u) << m.core->stats().last_report;
  expect_alive();
}

class WithIndexes : public Ring {
 protected:
  WithIndexes() : Ring(bench_params(), {.config = config::kIndexWriteback}) {}
};

TEST_F(WithIndexes, EachWriteIsOrderedBeforeTheNext) {
  const Bytes iv = pattern(16, 2);
  RingDescriptor r = cbc_request(kData, kData + 0x1000, 64, iv, 16, c::kIvOut);
  r.iv_out = kData + 0x2000;
  m.mem.log_on = true;
  d.submit(r);
  std::vector<Ps> visible;
  while (m.step()) {
    const bool index = m.mem.at(d.index())[4] == 1;
    // The register and the line follow the memory, never the other way round.
    EXPECT_TRUE(d.read(kCqProducer) == 0 || index);
    EXPECT_TRUE(!m.core->irq(0) || d.read(kCqProducer) == 1u);
  }
  std::vector<Memory::Access> writes;
  for (const auto& a : m.mem.log) {
    if (a.write) writes.push_back(a);
  }
  ASSERT_EQ(writes.size(), 4u);
  EXPECT_EQ(writes[0].addr, kData + 0x1000);
  EXPECT_EQ(writes[1].addr, r.iv_out);
  EXPECT_EQ(writes[2].addr, d.cq());
  EXPECT_EQ(writes[3].addr, d.index());
  for (unsigned i = 1; i < 4; ++i) EXPECT_GE(writes[i].start, writes[i - 1].end);
  EXPECT_EQ(m.now, writes[3].end) << "the interrupt comes last";
  EXPECT_EQ(m.mem.get(d.index(), 8), bytes({1, 0, 0, 0, 1, 0, 0, 0}));
}

// Also when many completions are ready at once: an interrupt must not find an old index.
TEST_F(WithIndexes, MemoryIsNeverBehindTheRegisterOrTheLine) {
  RingDescriptor bad = cbc_request(kData, kData, 64, pattern(16, 2));
  bad.length = 1;
  for (unsigned i = 0; i < 30; ++i) d.put(bad);
  d.doorbell();
  while (m.step()) EXPECT_GE(m.mem.at(d.index())[4], d.read(kCqProducer));
  EXPECT_EQ(m.mem.at(d.index())[4], 30);
  EXPECT_EQ(d.take().size(), 30u);
}

TEST_F(WithIndexes, ABusErrorOnTheIndexesSilencesTheRing) {
  m.mem.refuse(d.index(), 8);
  d.submit(cbc_request(kData, kData, 64, pattern(16, 2)));
  m.run();
  EXPECT_EQ(d.cause(), irq::kWritebackError);
  EXPECT_EQ(d.read(kCqProducer), 0u);
}

// ---- errors that stop the ring ----

TEST_F(Ring, ABusErrorOnADescriptorStopsTheFetchAndNothingElse) {
  const Bytes iv = pattern(16, 2);
  for (unsigned i = 0; i < 10; ++i) d.put(cbc_request(kData, kData, 2048, iv));
  m.mem.refuse(d.sq() + 64 * 5, 64);
  d.doorbell();
  m.run();
  EXPECT_EQ(d.cause(), irq::kDone | irq::kFetchError);
  EXPECT_EQ(d.read(kStatus), status::kRunning | status::kStopped);
  const auto done = d.take();
  EXPECT_EQ(d.read(kSqConsumer), done.size()) << "what was taken completed";
  EXPECT_GE(done.size(), 4u);
  EXPECT_LE(done.size(), 5u);
  d.doorbell();
  m.run();
  EXPECT_TRUE(d.take().empty());
  d.write(kConfig, 0);
  m.run();
  EXPECT_FALSE(d.running());
  d.clear(0xFF);
  d.write(kConfig, config::kEnable);
  EXPECT_EQ(d.cause(), irq::kConfigError) << "only a reset leads out";
  m.mem.refuse_none();
  reset();
  expect_alive();
}

TEST_F(Ring, ABusErrorOnACompletionSilencesTheRing) {
  const Bytes iv = pattern(16, 2);
  for (unsigned i = 0; i < 20; ++i) d.put(cbc_request(kData, kData, 256, iv));
  m.mem.refuse(d.cq() + 16 * 3, 16);
  d.doorbell();
  m.run();
  EXPECT_EQ(d.cause(), irq::kDone | irq::kWritebackError);
  EXPECT_EQ(d.read(kStatus), status::kRunning | status::kStopped);
  EXPECT_EQ(d.take().size(), 3u);
  EXPECT_EQ(m.core->stats().completed, 3u);
  EXPECT_EQ(guest_errors(), 1u) << "once, not for each request";
  m.mem.refuse_none();
  reset();
  expect_alive();
}

// A reset, or a completion that the bus refuses, at any instant: no request is used after it was
// given back (AddressSanitizer sees that) and none is given back twice, or two of the requests
// that come next would be one.
TEST(RingRequests, AreGivenBackOnceHoweverTheyEnd) {
  const Bytes key = pattern(16, 1);
  constexpr unsigned kBatch = 10;
  const auto bytes_of = [](unsigned i) { return 64u << (i % 4); };
  for (const std::uint32_t order : {std::uint32_t{0}, config::kOutOfOrder}) {
    PlainRing m(bench_params(/*engines=*/2));
    RingDriver d(m, 0, {.config = order});
    d.load_key(0, key);
    for (unsigned i = 0; i < kBatch; ++i) m.mem.put(kData + 0x2000 * i, pattern(bytes_of(i), i));
    const auto submit = [&](bool some_wrong) {
      for (unsigned i = 0; i < kBatch; ++i) {
        const hw::PhysAddr at = kData + 0x2000 * i;
        m.mem.put(at + 0x1000, Bytes(bytes_of(i)));
        RingDescriptor r = cbc_request(at, at + 0x1000, bytes_of(i), pattern(16, 100 + i));
        if (some_wrong && i % 4 == 2) r.length = 7;
        r.cookie = i;
        d.submit(r);
      }
    };
    const auto reset = [&] {
      d.write(kCommand, 1);
      m.run();
      d.enable();
      d.clear(0xFF);
    };
    bool ended = false;
    for (unsigned steps = 0; !ended; ++steps) {
      SCOPED_TRACE("order " + std::to_string(order) + ", steps " + std::to_string(steps));
      submit(true);
      if (steps % 2 == 1) m.mem.refuse(d.cq() + 16 * (steps % kBatch), 16);
      for (unsigned s = 0; s < steps && !ended; ++s) ended = !m.step();
      m.mem.refuse_none();
      reset();
      submit(false);
      m.run();
      std::set<std::uint64_t> cookies;
      for (const RingCompletion& c : d.take()) {
        EXPECT_EQ(c.status, RingStatus::ok);
        cookies.insert(c.cookie);
      }
      EXPECT_EQ(cookies.size(), kBatch);
      for (unsigned i = 0; i < kBatch; ++i) {
        EXPECT_EQ(m.mem.get(kData + 0x2000 * i + 0x1000, bytes_of(i)),
                  openssl("AES-128-CBC", key, pattern(16, 100 + i), pattern(bytes_of(i), i), true))
            << i;
      }
      if (testing::Test::HasFailure()) return;
    }
    EXPECT_GT(m.core->stats().abandoned, 100u);
  }
}

// ---- enable, disable, reset ----

TEST_F(Ring, EnableIsRefusedWithSettingsThatCannotBe) {
  const auto refused = [&](auto change) {
    d.write(kCommand, 1);
    m.run();
    d.enable();
    d.write(kConfig, 0);
    m.run();
    EXPECT_FALSE(d.running());
    d.clear(0xFF);
    change();
    EXPECT_EQ(d.read(kConfig) & config::kEnable, 0u);
    EXPECT_EQ(d.cause(), irq::kConfigError);
    EXPECT_FALSE(d.running());
  };
  const auto with = [&](std::uint32_t reg, std::uint32_t value, std::uint32_t bits = 0) {
    refused([&] {
      d.write(reg, value);
      d.write(kConfig, config::kEnable | bits);
    });
  };
  with(kSqSize, 0);
  with(kSqSize, 13);
  with(kCqSize, 0);
  with(kCqSize, 15);
  with(kSqBaseLo, 0);
  with(kCqBaseLo, 0);
  with(kShadowLo, 0, config::kShadow);
  with(kIndexLo, 0, config::kIndexWriteback);
  refused([&] {
    d.write(kSqBaseLo, 0xFFFFFFC0);
    d.write(kSqBaseHi, 0xFFFFFFFF);
    d.write(kConfig, config::kEnable);
  });
  EXPECT_EQ(guest_errors(), 9u);
  reset();
  expect_alive();
}

TEST_F(Ring, SettingsAreLockedWhileItRuns) {
  const std::uint32_t base = d.read(kSqBaseLo);
  d.write(kSqBaseLo, 0x40);
  EXPECT_EQ(d.read(kSqBaseLo), base);
  d.write(kConfig, config::kEnable | config::kOutOfOrder);
  EXPECT_EQ(d.read(kConfig), config::kEnable);
  EXPECT_EQ(guest_errors(), 2u);
  expect_alive();
}

TEST_F(Ring, DisableWhileBusyCompletesWhatWasFetchedAndGoesOnLater) {
  const Bytes iv = pattern(16, 2);
  for (unsigned i = 0; i < 40; ++i) d.put(cbc_request(kData, kData, 512, iv));
  d.doorbell();
  m.run_for(1000 * kTclk);
  d.write(kConfig, 0);
  EXPECT_EQ(d.read(kStatus) & (status::kRunning | status::kDraining),
            status::kRunning | status::kDraining);
  d.clear(0xFF);
  d.write(kConfig, config::kEnable);
  EXPECT_EQ(d.cause(), irq::kConfigError) << "not before it has drained";
  EXPECT_EQ(d.read(kConfig), 0u);
  d.doorbell();
  EXPECT_EQ(d.cause() & irq::kIndexError, irq::kIndexError);
  m.run();
  EXPECT_EQ(d.read(kStatus), 0u);
  EXPECT_EQ(d.cause() & irq::kDrained, irq::kDrained);
  const auto first = d.take();
  EXPECT_EQ(first.size(), d.read(kSqConsumer));
  EXPECT_GT(first.size(), 0u);
  EXPECT_LT(first.size(), 40u);
  d.write(kConfig, config::kEnable);
  m.run();
  EXPECT_EQ(first.size() + d.take().size(), 40u) << "goes on where it stood";
}

TEST_F(Ring, DisableOfAnIdleRingDrainsAtOnce) {
  d.write(kConfig, 0);
  m.run();
  EXPECT_EQ(d.cause(), irq::kDrained);
  EXPECT_FALSE(d.running());
  EXPECT_EQ(m.now, 0u);
}

// At many instants of a busy run: after the reset has completed the device touches nothing.
TEST_F(Ring, ResetWhileBusyAtAnyInstant) {
  const Bytes iv = pattern(16, 2);
  for (unsigned at = 0; at < 3000; at += 37) {
    SCOPED_TRACE(at);
    for (unsigned i = 0; i < 8; ++i) {
      RingDescriptor r = cbc_request(kData + 0x4000 * i, kData + 0x4000 * i + 0x2000, 3072, iv);
      d.put(r);
    }
    d.doorbell();
    m.run_for(at * kTclk);
    d.write(kIntMask, 0xFF);
    d.write(kCommand, 1);
    const Ps asked = m.now;
    EXPECT_EQ(d.read(kSqProducer), 0u);
    EXPECT_EQ(d.read(kStatus), 0u);
    EXPECT_EQ(d.read(kIntCause), 0u);
    EXPECT_FALSE(m.core->irq(0));
    EXPECT_EQ(d.read(kSqSize), 0u);
    m.mem.log.clear();
    m.mem.log_on = true;
    m.run();
    m.mem.log_on = false;
    EXPECT_TRUE(m.mem.log.empty()) << "a transfer began after the reset";
    // The longest thing under way is the cipher with a whole buffer.
    EXPECT_LE(m.now - asked, (32 + 64 * 11 + 4) * kTclk);
    EXPECT_EQ(d.read(kCommand), 0u);
    EXPECT_EQ(m.read(hw::ring_unit_reg::kStatus), 0u) << "no engine holds anything";
    EXPECT_EQ(d.read(kCoalesceCount), 1u);
    d.enable();
  }
  expect_alive();
  EXPECT_EQ(guest_errors(), 0u) << m.core->stats().last_report;
}

TEST_F(Ring, EnableDuringAResetIsRefused) {
  d.submit(cbc_request(kData, kData, 1024, pattern(16, 2)));
  m.run_for(200 * kTclk);
  d.write(kCommand, 1);
  EXPECT_EQ(d.read(kCommand), 1u);
  d.enable();
  EXPECT_EQ(d.cause(), irq::kConfigError);
  EXPECT_FALSE(d.running());
  m.run();
  d.enable();
  expect_alive();
}

TEST_F(Ring, UnitResetForgetsTheKeysToo) {
  d.submit(cbc_request(kData, kData, 1024, pattern(16, 2)));
  m.run_for(200 * kTclk);
  m.write(hw::ring_unit_reg::kControl, 1);
  EXPECT_EQ(m.read(hw::ring_unit_reg::kControl), 1u);
  m.run();
  EXPECT_EQ(m.read(hw::ring_unit_reg::kControl), 0u);
  EXPECT_EQ(m.read(hw::ring_unit_reg::kKeyValid), 0u);
  d.enable();
  EXPECT_EQ(run(cbc_request(kData, kData, 64, pattern(16, 2))).status, RingStatus::key_error);
}

// ---- several rings, several engines ----

TEST(Rings, ResetOfOneLeavesTheOtherAlone) {
  PlainRing m(bench_params(1, 2));
  RingDriver a(m, 0), b(m, 1);
  const Bytes key = pattern(16, 1), iv = pattern(16, 2), data = pattern(1024, 3);
  a.load_key(0, key);
  for (unsigned i = 0; i < 10; ++i) {
    a.put(cbc_request(kData, kData + 0x1000, 1024, iv));
    m.mem.put(kData + 0x2000 + 0x400 * i, data);
    b.put(cbc_request(kData + 0x2000 + 0x400 * i, kData + 0x2000 + 0x400 * i, 1024, iv));
  }
  a.doorbell();
  b.doorbell();
  m.run_for(3000 * kTclk);
  a.write(kCommand, 1);
  m.run();
  EXPECT_EQ(b.take().size(), 10u);
  for (unsigned i = 0; i < 10; ++i) {
    EXPECT_EQ(m.mem.get(kData + 0x2000 + 0x400 * i, 1024),
              openssl("AES-128-CBC", key, iv, data, true));
  }
  EXPECT_EQ(b.cause(), irq::kDone);
  EXPECT_EQ(m.read(hw::ring_unit_reg::kIntSummary), 2u);
}

TEST(Rings, TakeTurnsAndNoneStarves) {
  PlainRing m(bench_params(2, 4));
  std::vector<RingDriver> rings;
  for (unsigned i = 0; i < 4; ++i) rings.emplace_back(m, i);
  rings[0].load_key(0, pattern(16, 1));
  const Bytes iv = pattern(16, 2);
  // The first ring has been busy for long when the others come.
  for (unsigned i = 0; i < 64; ++i) rings[0].put(cbc_request(kData, kData, 512, iv));
  rings[0].doorbell();
  m.run_for(2000 * kTclk);
  const unsigned head_start = rings[0].read(kCqProducer);
  for (unsigned r = 1; r < 4; ++r) {
    for (unsigned i = 0; i < 40; ++i) rings[r].put(cbc_request(kData, kData, 512, iv));
    rings[r].doorbell();
  }
  while (rings[1].read(kCqProducer) < 30) ASSERT_TRUE(m.step());
  for (unsigned r = 1; r < 4; ++r) EXPECT_NEAR(rings[r].read(kCqProducer), 30.0, 2.0) << r;
  EXPECT_NEAR(rings[0].read(kCqProducer) - head_start, 30.0, 8.0);
  m.run();
  EXPECT_EQ(rings[0].take().size(), 64u);
  for (unsigned r = 1; r < 4; ++r) EXPECT_EQ(rings[r].take().size(), 40u);
}

struct Order {
  std::vector<std::uint32_t> cookies;
  std::set<unsigned> engines;
  unsigned overtakes = 0;
};

Order order_of_completions(std::uint32_t ring_config, unsigned engines) {
  PlainRing m(bench_params(engines));
  RingDriver d(m, 0, {.config = ring_config});
  d.load_key(0, pattern(16, 1));
  const Bytes iv = pattern(16, 2);
  for (std::uint32_t i = 0; i < 64; ++i) {
    // A long one and some short ones, again and again.
    RingDescriptor r =
        cbc_request(kData + 0x4000 * i, kData + 0x4000 * i, i % 5 == 0 ? 8192 : 64, iv);
    r.cookie = i;
    d.put(r);
  }
  d.doorbell();
  m.run();
  Order o;
  std::uint32_t highest = 0;
  for (const RingCompletion& done : d.take()) {
    o.cookies.push_back(done.cookie);
    o.engines.insert(done.engine);
    if (done.cookie < highest) ++o.overtakes;
    highest = std::max(highest, done.cookie);
  }
  EXPECT_EQ(std::set<std::uint32_t>(o.cookies.begin(), o.cookies.end()).size(), 64u);
  return o;
}

TEST(Rings, OutOfOrderReordersAndInOrderNever) {
  const Order out = order_of_completions(config::kOutOfOrder, 2);
  EXPECT_EQ(out.cookies.size(), 64u);
  EXPECT_EQ(out.engines.size(), 2u);
  EXPECT_GT(out.overtakes, 5u);
  const Order in = order_of_completions(0, 2);
  EXPECT_EQ(in.cookies.size(), 64u);
  EXPECT_EQ(in.engines.size(), 2u) << "both engines work for an ordered ring too";
  EXPECT_EQ(in.overtakes, 0u);
  EXPECT_EQ(order_of_completions(config::kOutOfOrder, 1).overtakes, 0u)
      << "one engine keeps the order";
}

TEST(Rings, WorkGoesToTheLeastLoadedEngine) {
  PlainRing m(bench_params(2));
  RingDriver d(m);
  d.load_key(0, pattern(16, 1));
  const Bytes iv = pattern(16, 2);
  d.put(cbc_request(kData, kData, 8192, iv));
  for (unsigned i = 1; i < 4; ++i)
    d.put(cbc_request(kData + 0x4000 * i, kData + 0x4000 * i, 64, iv));
  d.doorbell();
  m.run();
  const auto done = d.take();
  ASSERT_EQ(done.size(), 4u);
  EXPECT_EQ(done[0].engine, 0);
  for (unsigned i = 1; i < 4; ++i) EXPECT_EQ(done[i].engine, 1) << i;
}

TEST(Rings, ATrackedRequestLimitOfOneSerialises) {
  hw::RingParams p = bench_params(2);
  p.tracked_requests = 1;
  PlainRing m(p);
  RingDriver d(m);
  d.load_key(0, pattern(16, 1));
  for (unsigned i = 0; i < 8; ++i) d.put(cbc_request(kData, kData, 64, pattern(16, 2)));
  d.doorbell();
  while (m.step()) EXPECT_LE(status::in_flight(d.read(kStatus)), 1u);
  EXPECT_EQ(d.take().size(), 8u);
}

// ---- interrupts ----

TEST_F(Ring, CoalescingByCount) {
  d.write(kCoalesceCount, 4);
  d.write(kIntMask, irq::kDone);
  const Bytes iv = pattern(16, 2);
  for (unsigned i = 0; i < 10; ++i) d.put(cbc_request(kData, kData, 64, iv));
  d.doorbell();
  std::vector<unsigned> raised_at;
  while (m.step()) {
    if (!m.core->irq(0)) continue;
    raised_at.push_back(d.read(kCqProducer));
    d.clear(irq::kDone);
  }
  EXPECT_EQ(raised_at, (std::vector<unsigned>{4, 8}));
  EXPECT_EQ(m.core->stats().interrupts, 2u);
  EXPECT_EQ(d.take().size(), 10u);
  // What the driver has taken needs no announcement.
  for (unsigned i = 0; i < 3; ++i) d.put(cbc_request(kData, kData, 64, iv));
  d.doorbell();
  m.run();
  EXPECT_FALSE(m.core->irq(0)) << "3 of 4: the two from before were taken";
  d.write(kCoalesceCount, 3);
  EXPECT_TRUE(m.core->irq(0)) << "a new limit applies at once";
}

TEST_F(Ring, CoalescingByTimeFromTheOldestOne) {
  d.write(kCoalesceCount, 0);
  d.write(kCoalesceTime, 1000);
  d.write(kIntMask, irq::kDone);
  const Bytes iv = pattern(16, 2);
  d.put(cbc_request(kData, kData, 64, iv));
  d.submit(cbc_request(kData, kData, 64, iv));
  while (d.read(kCqProducer) < 1) ASSERT_TRUE(m.step());
  const Ps first = m.now;
  while (d.read(kCqProducer) < 2) ASSERT_TRUE(m.step());
  EXPECT_FALSE(m.core->irq(0));
  EXPECT_GT(m.now, first);
  m.run_until(first + 1000 * kTclk - 1);
  EXPECT_FALSE(m.core->irq(0));
  m.run_for(1);
  EXPECT_TRUE(m.core->irq(0));
  d.clear(irq::kDone);
  m.run_for(5000 * kTclk);
  EXPECT_FALSE(m.core->irq(0)) << "one interrupt for both";
  EXPECT_EQ(m.core->stats().interrupts, 1u);

  // Taken before the time is over: no interrupt at all.
  d.take();
  d.submit(cbc_request(kData, kData, 64, iv));
  while (d.read(kCqProducer) < 3) ASSERT_TRUE(m.step());
  EXPECT_EQ(d.take().size(), 1u);
  m.run();
  EXPECT_EQ(m.core->stats().interrupts, 1u);
}

TEST_F(Ring, WhicheverComesFirstAndAtOnceWhereAsked) {
  d.write(kCoalesceCount, 3);
  d.write(kCoalesceTime, 100000);
  d.write(kIntMask, irq::kDone);
  const Bytes iv = pattern(16, 2);
  for (unsigned i = 0; i < 3; ++i) d.put(cbc_request(kData, kData, 64, iv));
  d.doorbell();
  while (!m.core->irq(0)) ASSERT_TRUE(m.step());
  EXPECT_EQ(d.read(kCqProducer), 3u) << "by count";
  d.clear(irq::kDone);
  d.take();
  d.submit(cbc_request(kData, kData, 64, iv, 16, c::kInterrupt));
  while (!m.core->irq(0)) ASSERT_TRUE(m.step());
  EXPECT_EQ(d.read(kCqProducer), 4u) << "asked for";
  d.clear(irq::kDone);
  d.take();
  const Ps before = m.now;
  m.run();
  EXPECT_EQ(m.now, before) << "no timer is left behind";
  EXPECT_EQ(m.core->stats().announcements, 2u);
}

TEST_F(Ring, WithoutCountAndTimeOnlyRequestsThatAskInterrupt) {
  d.write(kCoalesceCount, 0);
  const Bytes iv = pattern(16, 2);
  for (unsigned i = 0; i < 6; ++i) {
    d.put(cbc_request(kData, kData, 64, iv, 16, i == 4 ? c::kInterrupt : 0));
  }
  d.doorbell();
  m.run();
  EXPECT_EQ(m.core->stats().announcements, 1u);
  EXPECT_EQ(d.take().size(), 6u) << "polling by phase sees all";
}

TEST_F(Ring, TheLineIsALevel) {
  d.write(kIntMask, 0);
  run(cbc_request(kData, kData, 64, pattern(16, 2)));
  EXPECT_EQ(d.cause(), irq::kDone);
  EXPECT_FALSE(m.core->irq(0));
  d.write(kIntMask, irq::kDone);
  EXPECT_TRUE(m.core->irq(0));
  d.write(kIntCause, 0xFFFFFFFF);
  EXPECT_TRUE(m.core->irq(0)) << "ones leave causes alone";
  d.write(kIntCause, ~irq::kDone);
  EXPECT_FALSE(m.core->irq(0));
  EXPECT_EQ(guest_errors(), 0u);
}

}  // namespace
}  // namespace cesasim::test
