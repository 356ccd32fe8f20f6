// SPDX-License-Identifier: Apache-2.0
// The unit in SystemC: chains driven as the Linux driver drives them, with checkers on every
// socket. One elaboration per process (shard_count in BUILD).
#include "hw_model/cesa/cesa.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <random>

#include "hw_model/common/aes_key_schedule.h"
#include "tests/hw_model/cesa/aes_vectors.h"
#include "tests/hw_model/cesa/cesa_bench.h"

namespace cesasim::test {
namespace {

using namespace hw::cesa_reg;  // NOLINT(google-build-using-namespace)
namespace bit = hw::cesa_bit;
using hw::Ps;
using hw::sa_aes_config;

constexpr Ps kTclk = 5000;
constexpr RequestPlace kPlace = {0x10000, 0x20000, 0x30000, 0x40000};

Ps now() { return sc_core::sc_time_stamp().value(); }
/// Until nothing more happens.
void run() { sc_core::sc_start(); }
/// Including what happens at the end: sc_start(t) leaves that to the next call.
void run_for(Ps ps) {
  sc_core::sc_start(sc_core::sc_time::from_value(ps));
  while (sc_core::sc_pending_activity_at_current_time()) sc_core::sc_start(sc_core::SC_ZERO_TIME);
}

Bytes openssl_cbc128(const Bytes& key, const Bytes& iv, const Bytes& in, bool encrypt) {
  EVP_CIPHER_CTX* ctx = EVP_CIPHER_CTX_new();
  EVP_CipherInit_ex(ctx, EVP_aes_128_cbc(), nullptr, key.data(), iv.data(), encrypt);
  EVP_CIPHER_CTX_set_padding(ctx, 0);
  Bytes out(in.size());
  int n = 0;
  EVP_CipherUpdate(ctx, out.data(), &n, in.data(), static_cast<int>(in.size()));
  EVP_CIPHER_CTX_free(ctx);
  return out;
}

Bytes pattern(std::size_t n, unsigned seed) {
  std::mt19937 rng(seed);
  Bytes b(n);
  for (auto& x : b) x = static_cast<std::uint8_t>(rng());
  return b;
}

class CesaDevice : public testing::Test {
 protected:
  explicit CesaDevice(const hw::CesaParams& params = bench_params(),
                      const hw::DramParams& memory = bench_dram())
      : b("bench", params, /*checked=*/true, memory) {
    b.set_up_tdma();
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
  }

  const hw::CesaStats& stats(unsigned e = 0) const { return b.cesa.stats(e); }
  Bytes memory(std::uint32_t addr, std::size_t n) { return {b.mem(addr), b.mem(addr) + n}; }
  void place(std::uint32_t addr, const Bytes& data) {
    std::memcpy(b.mem(addr), data.data(), data.size());
  }
  /// A 512-byte AES-128-CBC encryption at `at`; returns the ciphertext to expect.
  Bytes prepare(const RequestPlace& at = kPlace, std::uint32_t next = 0, unsigned seed = 1) {
    const Bytes key = pattern(16, 100), iv = pattern(16, seed + 200), data = pattern(512, seed);
    place(at.src, data);
    put_request(b, at, CipherOp(sa_aes_config(16, true, false), key, iv, 512), 512, kSramBase0,
                next);
    return openssl_cbc128(key, iv, data, true);
  }
  void expect_halted_silently(std::uint32_t earlier_causes = 0) {
    EXPECT_EQ(b.read(kCmd) & bit::cmd::kActivate0, 0u);
    EXPECT_EQ(b.read(kIntCause), earlier_causes);
    EXPECT_FALSE(b.irq[0].read());
    EXPECT_FALSE(b.cesa.engine(0).running());
  }
  bool reported(const std::string& text) const {
    return stats().last_report.find(text) != std::string::npos;
  }

  CesaBench b;
};

// What an AES encryption raises at its end, and a chain with one packet at its own.
constexpr std::uint32_t kOperationCauses =
    bit::irq::kAesEncryptDone | bit::irq::kCipherDone | bit::irq::kAccel0Done;
constexpr std::uint32_t kEndCauses =
    bit::irq::kChainedPacketDone | bit::irq::kDmaDone | bit::irq::kAccel0DmaDone;
constexpr std::uint32_t kChainCauses = kOperationCauses | kEndCauses;

// Durations of the five steps of the chain above, from bench_params(): see timing_test.
constexpr Ps kFetch = 7 * kTclk;
constexpr Ps kOpIn = kFetch + 16 * kTclk;
constexpr Ps kDataIn = kFetch + (64 + 3 * 15) * kTclk;
constexpr Ps kLaunch = kFetch + (36 + 32 * 11) * kTclk;
constexpr Ps kDataOut = kFetch + (64 + 4 * 3) * kTclk;
constexpr Ps kResultOut = kFetch + (16 + 3) * kTclk;
constexpr Ps kStart = 7 * kTclk;
constexpr Ps kRequest = kOpIn + kDataIn + kLaunch + kDataOut + kResultOut;

TEST_F(CesaDevice, ChainOfOneRequestDescriptorByDescriptor) {
  const Bytes expected = prepare();
  b.launch(kPlace.descriptor(0));
  EXPECT_EQ(b.read(kCmd), bit::cmd::kActivate0);
  EXPECT_EQ(b.read(kStatus), bit::status::kActive0);
  EXPECT_EQ(b.read(kTdmaControl), CesaBench::kControl | bit::tdma_control::kActive);
  EXPECT_EQ(b.read(kTdmaCurrent), 0u);

  const Ps steps[] = {kOpIn, kDataIn, kLaunch, kDataOut, kResultOut};
  run_for(kStart);
  for (unsigned i = 0; i < 5; ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(b.read(kTdmaCurrent), kPlace.descriptor(i));
    EXPECT_EQ(b.read(kTdmaNext), i < 4 ? kPlace.descriptor(i + 1) : 0u);
    EXPECT_EQ(b.read(kIntCause), i < 3 ? 0u : kOperationCauses) << "when the operation has ended";
    EXPECT_FALSE(b.irq[0].read());
    std::uint8_t sram[CipherOp::kData + 512];
    b.debug(b.sram[0], tlm::TLM_READ_COMMAND, 0, sram, sizeof sram);
    if (i == 0) {
      EXPECT_EQ(std::memcmp(sram, b.mem(kPlace.op), 0x80), 0) << "descriptor, key and IV arrived";
    } else if (i == 1) {
      EXPECT_EQ(Bytes(sram + 0x80, sram + 0x280), memory(kPlace.src, 512));
    } else if (i == 2) {
      EXPECT_EQ(Bytes(sram + 0x80, sram + 0x280), expected) << "ciphered in place";
      EXPECT_EQ(Bytes(sram + 0x40, sram + 0x50), Bytes(expected.end() - 16, expected.end()));
    } else if (i == 3) {
      EXPECT_EQ(memory(kPlace.dst, 512), expected);
    }
    // One picosecond before the end the next step has not begun.
    run_for(steps[i] - 1);
    EXPECT_EQ(b.read(kTdmaCurrent), kPlace.descriptor(i));
    run_for(1);
  }
  EXPECT_EQ(now(), kStart + kRequest);
  EXPECT_EQ(b.read(kIntCause), kChainCauses);
  EXPECT_EQ(b.read(kCmd), 0u);
  EXPECT_EQ(b.read(kStatus), 0u);
  EXPECT_EQ(b.read(kTdmaControl), CesaBench::kControl);
  EXPECT_EQ(b.read(kTdmaCurrent), kPlace.descriptor(4)) << "the last descriptor, not 0";
  EXPECT_TRUE(b.irq[0].read());
  EXPECT_EQ(memory(kPlace.op + 0x40, 16), Bytes(expected.end() - 16, expected.end()))
      << "the result brings the next IV back";

  EXPECT_EQ(stats().chains, 1u);
  EXPECT_EQ(stats().operations, 1u);
  EXPECT_EQ(stats().bytes_ciphered, 512u);
  EXPECT_EQ(stats().descriptors, 5u);
  EXPECT_EQ(stats().tdma_bytes_in, 128u + 512u);
  EXPECT_EQ(stats().tdma_bytes_out, 512u + 128u);
  EXPECT_EQ(stats().interrupts, 1u);
  EXPECT_EQ(stats().busy_ps, kStart + kRequest);
  EXPECT_EQ(stats().sa_busy_ps, (36 + 32 * 11) * kTclk);
  EXPECT_EQ(stats().guest_errors, 0u) << stats().last_report;
  EXPECT_EQ(stats().unimplemented, 0u) << stats().last_report;
  EXPECT_EQ(stats().reserved_writes, 0u);
}

TEST_F(CesaDevice, TwoLinkedRequestsRaiseOneInterrupt) {
  const RequestPlace second = {0x11000, 0x21000, 0x31000, 0x41000};
  const Bytes first_out = prepare(kPlace, second.descriptor(0), 1);
  const Bytes second_out = prepare(second, 0, 2);
  b.launch(kPlace.descriptor(0));
  run();
  EXPECT_EQ(now(), kStart + 2 * kRequest);
  EXPECT_EQ(memory(kPlace.dst, 512), first_out);
  EXPECT_EQ(memory(second.dst, 512), second_out);
  EXPECT_EQ(b.read(kTdmaCurrent), second.descriptor(4));
  EXPECT_EQ(stats().interrupts, 1u);
  EXPECT_EQ(stats().operations, 2u);
  EXPECT_EQ(stats().descriptors, 10u);
  EXPECT_EQ(b.cesa.engine(0).accelerator().ciphers().key_setups(), 1u);
}

TEST_F(CesaDevice, CauseClearsByWritingZeroAndTheLineFollows) {
  prepare();
  b.launch(kPlace.descriptor(0));
  run();
  b.write(kIntCause, 0xFFFFFFFF);
  run_for(1);
  EXPECT_EQ(b.read(kIntCause), kChainCauses) << "ones leave causes alone";
  b.write(kIntMask, 0);
  run_for(1);
  EXPECT_FALSE(b.irq[0].read()) << "masked";
  b.write(kIntMask, bit::irq::kAccel0DmaDone);
  run_for(1);
  EXPECT_TRUE(b.irq[0].read()) << "level, not edge";
  b.write(kFpgaIntStatus, ~bit::irq::kAccel0DmaDone);
  run_for(1);
  EXPECT_EQ(b.read(kIntCause), kChainCauses & ~bit::irq::kAccel0DmaDone)
      << "cleared through the alias";
  EXPECT_FALSE(b.irq[0].read());
  EXPECT_EQ(stats().interrupts, 2u);
}

TEST_F(CesaDevice, ZeroByteDescriptorIsALegalEnd) {
  prepare(kPlace, 0x12000);
  b.put(0x12000, {0, true, 0, 0, 0});
  b.launch(kPlace.descriptor(0));
  run();
  EXPECT_EQ(now(), kStart + kRequest + kFetch);
  EXPECT_EQ(b.read(kTdmaCurrent), 0x12000u);
  EXPECT_EQ(b.read(kIntCause), kChainCauses);
  EXPECT_EQ(stats().guest_errors, 0u);
}

TEST_F(CesaDevice, LaunchMayEndTheChain) {
  prepare();
  b.put(kPlace.descriptor(2), {0, false, 0, 0, 0});
  b.launch(kPlace.descriptor(0));
  run();
  EXPECT_EQ(now(), kStart + kOpIn + kDataIn + kLaunch);
  EXPECT_EQ(b.read(kIntCause), kChainCauses);
}

TEST_F(CesaDevice, NonChainedModeMovesWhatTheRegistersSay) {
  place(0x30000, pattern(256, 5));
  b.write(kTdmaControl, CesaBench::kControl | bit::tdma_control::kNonChained);
  b.write(kTdmaByteCount, bit::tdma_byte_count::kOwn | 256);
  b.write(kTdmaSrc, 0x30000);
  b.write(kTdmaDst, kSramBase0 + 0x100);
  b.launch(0xDEAD0000);  // NEXT is not followed
  run();
  EXPECT_EQ(now(), kStart + (32 + 15) * kTclk);
  Bytes got(256);
  b.read_sram(0x100, got.data(), 256);
  EXPECT_EQ(got, memory(0x30000, 256));
  EXPECT_EQ(b.read(kIntCause), bit::irq::kDmaDone | bit::irq::kAccel0DmaDone);
  EXPECT_EQ(stats().descriptors, 0u);
  EXPECT_EQ(stats().guest_errors, 0u);
}

TEST_F(CesaDevice, StopWhileRunningEndsAtOnceWithoutACause) {
  const Bytes expected = prepare();
  b.launch(kPlace.descriptor(0));
  run_for(kStart + kOpIn + 1);
  b.write(kCmd, bit::cmd::kStop);
  EXPECT_EQ(b.read(kCmd), 0u);
  EXPECT_EQ(b.read(kTdmaCurrent), kPlace.descriptor(1));
  EXPECT_FALSE(sc_core::sc_pending_activity()) << "nothing more happens";
  run_for(hw::kPsPerMs);
  expect_halted_silently();
  EXPECT_EQ(stats().busy_ps, kStart + kOpIn + 1);
  EXPECT_EQ(stats().operations, 0u);
  b.launch(kPlace.descriptor(0));
  run();
  EXPECT_EQ(memory(kPlace.dst, 512), expected) << "and it starts again";
  EXPECT_EQ(stats().guest_errors, 0u);
}

TEST_F(CesaDevice, ActivateWhileRunningIsAMistake) {
  const Bytes expected = prepare();
  b.launch(kPlace.descriptor(0));
  run_for(kStart + 1);
  b.write(kCmd, bit::cmd::kActivate0);
  EXPECT_EQ(stats().guest_errors, 1u);
  EXPECT_TRUE(reported("while it runs"));
  run();
  EXPECT_EQ(memory(kPlace.dst, 512), expected);
  EXPECT_EQ(stats().interrupts, 1u);
}

TEST_F(CesaDevice, LaunchRespectsTheInitiatorsLocalTime) {
  prepare();
  b.write(kTdmaNext, kPlace.descriptor(0));
  std::uint32_t value = bit::cmd::kActivate0;
  tlm::tlm_generic_payload trans;
  trans.set_command(tlm::TLM_WRITE_COMMAND);
  trans.set_address(kCmd);
  trans.set_data_ptr(reinterpret_cast<unsigned char*>(&value));
  trans.set_data_length(4);
  trans.set_streaming_width(4);
  sc_core::sc_time local(1, sc_core::SC_US);
  b.regs->b_transport(trans, local);
  run();
  EXPECT_EQ(now(), hw::kPsPerUs + kStart + kRequest);
  EXPECT_EQ(stats().busy_ps, kStart + kRequest);
}

TEST_F(CesaDevice, CpuCopyModeRunsTheAcceleratorAlone) {
  const Bytes key = pattern(16, 1), iv = pattern(16, 2), data = pattern(512, 3);
  const CipherOp op(sa_aes_config(16, true, false), key, iv, 512);
  b.write(kCfg, bit::cfg::kNoParallel);
  b.write(kIntMask, bit::irq::kAccel0Done);
  b.write_sram(0, op.bytes.data(), 0x80);
  EXPECT_EQ(b.spent.value(), 32 * kTclk) << "32 words";
  b.write_sram(0x80, data.data(), 512);
  b.write(kCmd, bit::cmd::kActivate0);
  EXPECT_EQ(b.read(kCmd), bit::cmd::kActivate0);
  run();
  EXPECT_EQ(now(), (36 + 32 * 11) * kTclk);
  EXPECT_EQ(b.read(kIntCause), kOperationCauses);
  EXPECT_EQ(b.read(kCmd), 0u);
  EXPECT_TRUE(b.irq[0].read());
  Bytes out(512);
  b.read_sram(0x80, out.data(), 512);
  EXPECT_EQ(b.spent.value(), 256 * kTclk) << "128 words";
  EXPECT_EQ(out, openssl_cbc128(key, iv, data, true));
  EXPECT_EQ(stats().descriptors, 0u);
  EXPECT_EQ(stats().guest_errors + stats().unimplemented, 0u);
}

TEST_F(CesaDevice, TheSramWindowMovesWhileIdle) {
  constexpr std::uint32_t kElsewhere = 0xE0100000;
  const Bytes expected = prepare();
  b.launch(kPlace.descriptor(0));
  run_for(kStart + 1);
  EXPECT_FALSE(b.cesa.map_sram(0, kElsewhere)) << "it runs";
  run();
  EXPECT_EQ(memory(kPlace.dst, 512), expected);
  b.write(kIntCause, 0);
  place(kPlace.dst, Bytes(512));

  EXPECT_TRUE(b.cesa.map_sram(0, kElsewhere));
  b.launch(kPlace.descriptor(0));
  run();
  EXPECT_EQ(b.read(kTdmaErrorCause), bit::tdma_error::kMiss) << "nothing at the old place";
  EXPECT_THROW(b.cesa.map_sram(0, 0xFFFFFF00), std::invalid_argument);
  EXPECT_THROW(b.cesa.map_sram(1, kElsewhere), std::out_of_range);

  const Bytes key = pattern(16, 100), iv = pattern(16, 201);
  put_request(b, kPlace, CipherOp(sa_aes_config(16, true, false), key, iv, 512), 512, kElsewhere);
  b.launch(kPlace.descriptor(0));
  run();
  EXPECT_EQ(memory(kPlace.dst, 512), expected);
  EXPECT_EQ(b.read(kIntCause), kChainCauses);
}

TEST_F(CesaDevice, NistVectorsThroughTheRegisters) {
  b.write(kCfg, bit::cfg::kNoParallel);
  const Bytes plain = from_hex(kSp800Plaintext), iv = from_hex(kSp800Iv);
  for (const AesVector& v : kSp800Vectors) {
    for (const bool decrypt : {false, true}) {
      SCOPED_TRACE(std::string(v.name) + (decrypt ? " decrypt" : " encrypt"));
      const Bytes key = from_hex(v.key), cipher = from_hex(v.ciphertext);
      Bytes given = key;
      if (decrypt) hw::aes_decrypt_start_from_key(key, given);
      const auto keys = static_cast<std::uint32_t>(key.size());
      const CipherOp op(sa_aes_config(keys, v.cbc, decrypt), given, iv, 64);
      b.write_sram(0, op.bytes.data(), 0x80);
      b.write_sram(0x80, decrypt ? cipher.data() : plain.data(), 64);
      b.write(kIntCause, 0);
      b.write(kCmd, bit::cmd::kActivate0);
      run();
      EXPECT_EQ(b.read(kIntCause),
                bit::irq::kAccel0Done | bit::irq::kCipherDone |
                    (decrypt ? bit::irq::kAesDecryptDone : bit::irq::kAesEncryptDone));
      Bytes out(64);
      b.read_sram(0x80, out.data(), 64);
      EXPECT_EQ(out, decrypt ? plain : cipher);
    }
  }
  EXPECT_EQ(stats().operations, 12u);
}

TEST_F(CesaDevice, RandomChainsAgreeWithOpenSsl) {
  std::mt19937 rng(77);
  for (int i = 0; i < 300; ++i) {
    const bool decrypt = rng() % 2;
    const Bytes key = pattern(16, rng() % 5), iv = pattern(16, rng());
    const Bytes data = pattern(16 * (1 + rng() % 120), rng());
    const auto n = static_cast<std::uint32_t>(data.size());
    // Any byte address on the memory's side.
    const RequestPlace at = {0x10000, 0x20000, 0x30000 + static_cast<std::uint32_t>(rng() % 64),
                             0x40000 + static_cast<std::uint32_t>(rng() % 64)};
    Bytes given = key;
    if (decrypt) hw::aes_decrypt_start_from_key(key, given);
    place(at.src, data);
    put_request(b, at, CipherOp(sa_aes_config(16, true, decrypt), given, iv, n), n);
    b.launch(at.descriptor(0));
    run();
    ASSERT_EQ(memory(at.dst, n), openssl_cbc128(key, iv, data, !decrypt)) << "request " << i;
    b.write(kIntCause, 0);
  }
  EXPECT_EQ(stats().guest_errors, 0u) << stats().last_report;
}

TEST_F(CesaDevice, WindowMissRaisesItsCauseAndStops) {
  prepare();
  b.put(kPlace.descriptor(1), {512, true, 0x02000000, kSramBase0 + 0x80, kPlace.descriptor(2)});
  b.launch(kPlace.descriptor(0));
  run();
  EXPECT_EQ(b.read(kTdmaErrorCause), bit::tdma_error::kMiss);
  EXPECT_EQ(b.read(kTdmaCurrent), kPlace.descriptor(1)) << "CUR tells which one";
  EXPECT_EQ(stats().guest_errors, 1u);
  EXPECT_TRUE(reported("source 0x2000000, 512 bytes, hits no window")) << stats().last_report;
  expect_halted_silently();
  b.write(kTdmaErrorCause, 0);
  EXPECT_EQ(b.read(kTdmaErrorCause), 0u);
}

TEST_F(CesaDevice, DescriptorFetchOutsideTheWindowsIsAMiss) {
  b.launch(0x03000000);
  run();
  EXPECT_EQ(b.read(kTdmaErrorCause), bit::tdma_error::kMiss);
  EXPECT_EQ(stats().descriptors, 0u);
  EXPECT_TRUE(reported("descriptor 0x3000000")) << stats().last_report;
  expect_halted_silently();
}

TEST_F(CesaDevice, BusErrorIsADataError) {
  b.write(tdma_win_ctrl(0), 0x01FF0E01);  // 32 MiB of window over 16 MiB of memory
  prepare();
  b.put(kPlace.descriptor(1), {512, true, 0x01800000, kSramBase0 + 0x80, kPlace.descriptor(2)});
  b.launch(kPlace.descriptor(0));
  run();
  EXPECT_EQ(b.read(kTdmaErrorCause), bit::tdma_error::kDataError);
  EXPECT_TRUE(reported("the bus refused 512 bytes at 0x1800000")) << stats().last_report;
  expect_halted_silently();
}

TEST_F(CesaDevice, BothSidesOutsideTheSram) {
  prepare();
  b.put(kPlace.descriptor(1), {512, true, 0x30000, 0x40000, kPlace.descriptor(2)});
  b.launch(kPlace.descriptor(0));
  run();
  EXPECT_EQ(b.read(kTdmaErrorCause), bit::tdma_error::kBothHit);
  EXPECT_TRUE(reported("both outside the SRAM")) << stats().last_report;
  expect_halted_silently();
}

TEST_F(CesaDevice, TransferOverTheEndOfTheSram) {
  prepare();
  b.put(kPlace.descriptor(1), {2048, true, 0x30000, kSramBase0 + 0x80, kPlace.descriptor(2)});
  b.launch(kPlace.descriptor(0));
  run();
  EXPECT_EQ(b.read(kTdmaErrorCause), bit::tdma_error::kMiss);
  EXPECT_TRUE(reported("run over the end of the SRAM")) << stats().last_report;
  expect_halted_silently();
}

TEST_F(CesaDevice, MisalignedDescriptor) {
  prepare();
  b.launch(kPlace.descriptor(0) + 8);
  run();
  EXPECT_EQ(stats().guest_errors, 1u);
  EXPECT_TRUE(reported("not aligned to 16")) << stats().last_report;
  expect_halted_silently();
}

TEST_F(CesaDevice, EmptyChainAndDisabledDma) {
  b.launch(0);
  EXPECT_TRUE(reported("empty chain"));
  expect_halted_silently();
  b.write(kTdmaControl, CesaBench::kControl & ~bit::tdma_control::kEnable);
  b.launch(0x10000);
  EXPECT_TRUE(reported("DMA disabled"));
  expect_halted_silently();
  b.write(kTdmaControl, CesaBench::kControl | 7);
  b.launch(0x10000);
  EXPECT_TRUE(reported("burst limit code 7"));
  expect_halted_silently();
  EXPECT_EQ(stats().guest_errors, 3u);
  EXPECT_EQ(stats().unimplemented, 0u);
}

struct BadOperation {
  const char* what;
  unsigned word;
  std::uint32_t value;
  bool guest;  // else unimplemented
  const char* report;
};
// The operation's descriptor with one word replaced.
constexpr BadOperation kBadOperations[] = {
    {"length not a multiple", 2, 500, true, "length 500"},
    {"length zero", 2, 0, true, "length 0"},
    {"length over the SRAM", 2, 2048, true, "source at 0x80, 2048 bytes"},
    {"source outside", 1, 0x00800900, true, "source at 0x900"},
    {"destination outside", 1, 0x07F80080, true, "destination at 0x7f8"},
    {"source misaligned", 1, 0x00800082, true, "source offset 0x82"},
    {"key outside", 3, 0x7F8, true, "key at 0x7f8"},
    {"IV outside", 4, 0x004007F4, true, "IV at 0x7f4"},
    {"IV buffer outside", 4, 0x07F40040, true, "IV buffer at 0x7f4"},
    {"undocumented bits", 0, 0x00030301, true, "undocumented configuration bits"},
    {"no cipher", 0, 0x00010001, true, "without a cipher"},
    {"key code", 0, 0x03010301, true, "key size code 3"},
    {"MAC length zero", 0, 0x00000050, true, "MAC length 0"},
    {"cipher then no MAC data", 0, 0x00010373, true, "HMAC-SHA-1"},
    {"no MAC", 0, 0x00000000, true, "without a MAC"},
    {"MAC code 2", 0, 0x00000020, true, "undocumented MAC code"},
};

// The driver gets its interrupt and finds its data unchanged.
TEST_F(CesaDevice, BadOperationsAreReportedAndAnnounced) {
  for (const BadOperation& bad : kBadOperations) {
    SCOPED_TRACE(bad.what);
    prepare();
    const Ps start = now();
    b.write(kIntCause, 0);
    for (unsigned i = 0; i < 4; ++i) {
      *b.mem(kPlace.op + 4 * bad.word + i) = static_cast<std::uint8_t>(bad.value >> (8 * i));
    }
    const auto guest = stats().guest_errors, missing = stats().unimplemented;
    b.launch(kPlace.descriptor(0));
    run();
    EXPECT_EQ(stats().guest_errors - guest, bad.guest ? 1u : 0u) << stats().last_report;
    EXPECT_EQ(stats().unimplemented - missing, bad.guest ? 0u : 1u) << stats().last_report;
    EXPECT_TRUE(reported(bad.report)) << stats().last_report;
    EXPECT_EQ(b.read(kTdmaErrorCause), 0u);
    EXPECT_EQ(b.read(kIntCause), bit::irq::kAccel0Done | kEndCauses);
    EXPECT_TRUE(b.irq[0].read());
    EXPECT_EQ(memory(kPlace.dst, 512), memory(kPlace.src, 512));
    EXPECT_EQ(now() - start, kStart + kRequest - 32 * 11 * kTclk) << "start and end of a run";
  }
  EXPECT_EQ(stats().operations, 0u);
}

TEST_F(CesaDevice, DescriptorPointerOutsideTheSram) {
  b.write(kCfg, 0);
  b.write(kDescP0, 0x7F0);
  b.write(kCmd, bit::cmd::kActivate0);
  run();
  EXPECT_EQ(stats().guest_errors, 1u);
  EXPECT_TRUE(reported("0x7f0")) << stats().last_report;
  EXPECT_EQ(b.read(kIntCause), bit::irq::kAccel0Done);
}

TEST_F(CesaDevice, SecondLaunchNeedsTheMultiPacketBit) {
  const RequestPlace second = {0x11000, 0x21000, 0x31000, 0x41000};
  prepare(kPlace, second.descriptor(0), 1);
  prepare(second, 0, 2);
  b.write(kCfg, CesaBench::kChainConfig & ~bit::cfg::kMultiPacketChain);
  b.launch(kPlace.descriptor(0));
  run();
  EXPECT_EQ(b.read(kIntCause),
            kOperationCauses | bit::irq::kChainedPacketDone | bit::irq::kDmaOwnershipError)
      << "the first one's data is out";
  EXPECT_EQ(stats().operations, 1u);
  EXPECT_EQ(stats().guest_errors, 1u);
}

TEST_F(CesaDevice, DebugAccessHasNoSideEffects) {
  prepare();
  b.launch(kPlace.descriptor(0));
  run();
  const std::uint32_t causes = b.peek(kIntCause);
  EXPECT_EQ(causes, kChainCauses);
  std::uint32_t words[4];
  EXPECT_EQ(b.debug(b.regs, tlm::TLM_READ_COMMAND, kCmd, words, 16), 16u);
  EXPECT_EQ(words[0], 0u);
  EXPECT_EQ(words[2], CesaBench::kChainConfig);
  std::uint32_t start = 1;
  EXPECT_EQ(b.debug(b.regs, tlm::TLM_WRITE_COMMAND, kCmd, &start, 4), 4u);
  EXPECT_FALSE(b.cesa.engine(0).running()) << "a debugger does not start the unit";
  EXPECT_EQ(b.debug(b.regs, tlm::TLM_READ_COMMAND, 0x1000, words, 4), 4u);
  EXPECT_EQ(stats().guest_errors, 0u) << "nor does it make mistakes";
  std::uint8_t byte = 0x5A, back = 0;
  EXPECT_EQ(b.debug(b.sram[0], tlm::TLM_WRITE_COMMAND, 2047, &byte, 1), 1u);
  EXPECT_EQ(b.debug(b.sram[0], tlm::TLM_READ_COMMAND, 2047, &back, 1), 1u);
  EXPECT_EQ(back, byte);
  EXPECT_EQ(b.debug(b.sram[0], tlm::TLM_READ_COMMAND, 2048, &back, 1), 0u);
  EXPECT_TRUE(b.irq[0].read());
}

TEST_F(CesaDevice, SramGrantsDirectMemory) {
  tlm::tlm_generic_payload trans;
  trans.set_address(0x80);
  trans.set_read();
  tlm::tlm_dmi dmi;
  ASSERT_TRUE(b.sram[0]->get_direct_mem_ptr(trans, dmi));
  EXPECT_EQ(dmi.get_start_address(), 0u);
  EXPECT_EQ(dmi.get_end_address(), 2047u);
  EXPECT_TRUE(dmi.is_read_write_allowed());
  dmi.get_dmi_ptr()[0x80] = 0x77;
  std::uint8_t back = 0;
  b.read_sram(0x80, &back, 1);
  EXPECT_EQ(back, 0x77);
}

TEST_F(CesaDevice, BadBusAccessesAreAnsweredAndCounted) {
  std::uint32_t words[2] = {};
  EXPECT_EQ(b.access(b.regs, tlm::TLM_READ_COMMAND, kCmd, words, 8), tlm::TLM_BURST_ERROR_RESPONSE);
  EXPECT_EQ(b.access(b.regs, tlm::TLM_READ_COMMAND, kCmd + 2, words, 4),
            tlm::TLM_BURST_ERROR_RESPONSE);
  EXPECT_EQ(b.access(b.regs, tlm::TLM_READ_COMMAND, 0x4000, words, 4),
            tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_EQ(b.access(b.regs, tlm::TLM_READ_COMMAND, 0xFE00, words, 4),
            tlm::TLM_ADDRESS_ERROR_RESPONSE)
      << "there is no second engine";
  words[0] = 7;
  EXPECT_EQ(b.access(b.regs, tlm::TLM_READ_COMMAND, 0x1000, words, 4), tlm::TLM_OK_RESPONSE);
  EXPECT_EQ(words[0], 0u) << "a hole reads 0";
  EXPECT_EQ(b.access(b.sram[0], tlm::TLM_READ_COMMAND, 2046, words, 4),
            tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_EQ(stats().guest_errors, 4u);
  EXPECT_EQ(b.cesa.decode_errors(), 2u);
}

// Each kind of access that a target does not take has its own answer, and its own report.
TEST_F(CesaDevice, TheAnswerNamesWhatIsNotTaken) {
  std::uint8_t data[8] = {}, enables[8] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
  const auto go = [&](auto& socket, std::uint64_t at, unsigned bytes, unsigned streaming,
                      bool enabled) {
    tlm::tlm_generic_payload trans;
    trans.set_command(tlm::TLM_WRITE_COMMAND);
    trans.set_address(at);
    trans.set_data_ptr(data);
    trans.set_data_length(bytes);
    trans.set_streaming_width(streaming);
    if (enabled) {
      trans.set_byte_enable_ptr(enables);
      trans.set_byte_enable_length(bytes);
    }
    sc_core::sc_time delay;
    socket->b_transport(trans, delay);
    return trans.get_response_status();
  };
  EXPECT_EQ(go(b.regs, kDescP0, 4, 4, true), tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
  EXPECT_TRUE(reported("byte enables")) << stats().last_report;
  EXPECT_EQ(go(b.regs, kDescP0, 4, 2, false), tlm::TLM_BURST_ERROR_RESPONSE);
  EXPECT_EQ(go(b.sram[0], 0x80, 8, 8, true), tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
  EXPECT_TRUE(reported("SRAM with byte enables")) << stats().last_report;
  EXPECT_EQ(go(b.sram[0], 0x80, 8, 4, false), tlm::TLM_BURST_ERROR_RESPONSE);
  EXPECT_TRUE(reported("SRAM with a streaming width below its length")) << stats().last_report;
  EXPECT_EQ(go(b.sram[0], 2044, 8, 8, false), tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_TRUE(reported("SRAM beyond its end")) << stats().last_report;
  EXPECT_EQ(stats().guest_errors, 5u);
}

// Byte enables, streaming width and response status mean nothing to transport_dbg.
TEST_F(CesaDevice, DebugAccessTakesNoHeedOfByteEnables) {
  std::uint8_t data[4] = {1, 2, 3, 4}, enables[1] = {0};
  tlm::tlm_generic_payload trans;
  trans.set_command(tlm::TLM_WRITE_COMMAND);
  trans.set_address(0x80);
  trans.set_data_ptr(data);
  trans.set_data_length(4);
  trans.set_streaming_width(1);
  trans.set_byte_enable_ptr(enables);
  trans.set_byte_enable_length(1);
  EXPECT_EQ(b.sram[0]->transport_dbg(trans), 4u);
  std::uint8_t back[4] = {};
  b.read_sram(0x80, back, 4);
  EXPECT_EQ(Bytes(back, back + 4), Bytes(data, data + 4));
  EXPECT_EQ(stats().guest_errors, 0u);
}

TEST_F(CesaDevice, NoDirectMemoryOutsideTheSram) {
  tlm::tlm_generic_payload trans;
  trans.set_address(2048);
  trans.set_read();
  tlm::tlm_dmi dmi;
  EXPECT_FALSE(b.sram[0]->get_direct_mem_ptr(trans, dmi));
}

TEST_F(CesaDevice, RegistersThroughTheSocketFollowTheTable) {
  for (const hw::RegisterDesc& r : hw::cesa_registers()) {
    if (r.offset == kCmd || hw::DirectEngines::owns(r.offset)) continue;
    const std::uint8_t index = b.cesa.engine(0).registers().find(r.offset);
    if (index == hw::kNoRegister) continue;
    const std::uint32_t plain =
        ~(r.ro | r.w0c | r.self_clearing | b.cesa.engine(0).registers().reserved(index));
    const std::uint32_t kept = b.read(r.offset) & ~plain;
    for (const std::uint32_t value : {0xFFFFFFFFu, 0x55555555u, 0xAAAAAAAAu, 0u}) {
      b.write(r.offset, value);
      EXPECT_EQ(b.read(r.offset), (value & plain) | kept) << r.name;
    }
  }
}

class SlowMemory : public CesaDevice {
 protected:
  SlowMemory()
      : CesaDevice(bench_params(), [] {
          auto d = bench_dram();
          d.bandwidth_bytes_per_s = 100e6;  // 10 ns per byte: slower than the DMA itself
          d.read_latency_ns = 75;
          return d;
        }()) {}
};

TEST_F(SlowMemory, StretchesTheDmaButNotTheCipher) {
  const Bytes expected = prepare();
  b.launch(kPlace.descriptor(0));
  run();
  const Ps data = (128 + 512 + 512 + 128) * 10 * hw::kPsPerNs;
  const Ps fetches = 5 * 16 * 10 * hw::kPsPerNs;  // 160 ns each, more than 35 + 75
  EXPECT_EQ(now(), kStart + fetches + data + (36 + 32 * 11) * kTclk);
  EXPECT_EQ(stats().sa_busy_ps, (36 + 32 * 11) * kTclk);
  EXPECT_EQ(memory(kPlace.dst, 512), expected);
  EXPECT_EQ(b.dram().bandwidth().bytes(), 5u * 16 + 128 + 512 + 512 + 128);
}

class ShortChains : public CesaDevice {
 protected:
  ShortChains()
      : CesaDevice([] {
          auto p = bench_params();
          p.chain_limit = 100;
          return p;
        }()) {}
};

TEST_F(ShortChains, NextLoopIsStoppedAndReported) {
  prepare(kPlace, kPlace.descriptor(0));
  b.launch(kPlace.descriptor(0));
  run();
  EXPECT_EQ(stats().descriptors, 100u);
  EXPECT_EQ(stats().guest_errors, 1u);
  EXPECT_TRUE(reported("longer than 100 descriptors")) << stats().last_report;
  expect_halted_silently(kOperationCauses | bit::irq::kChainedPacketDone);
}

class ReservedStart : public CesaDevice {
 protected:
  ReservedStart()
      : CesaDevice([] {
          auto p = bench_params();
          p.sram_reserved_bytes = 0x20;
          return p;
        }()) {}
};

TEST_F(ReservedStart, DmaIntoTheReserveIsReportedButDone) {
  prepare();
  b.launch(kPlace.descriptor(0));
  run();
  EXPECT_EQ(b.read(kIntCause), kChainCauses);
  EXPECT_EQ(stats().guest_errors, 1u);
  EXPECT_TRUE(reported("reserved"));
}

class TwoEngines : public CesaDevice {
 protected:
  TwoEngines() : CesaDevice(bench_params(2)) {}
};

TEST_F(TwoEngines, RunAtTheSameTimeOnTheirOwn) {
  const Bytes expected = prepare();
  const Bytes key = pattern(16, 9), iv = pattern(16, 10), data = pattern(512, 11);
  b.use_engine(1);
  b.set_up_tdma();
  std::memcpy(b.mem(kPlace.src, 1), data.data(), 512);
  put_request(b, kPlace, CipherOp(sa_aes_config(16, true, false), key, iv, 512), 512, kSramBase1);
  b.launch(kPlace.descriptor(0));
  b.use_engine(0);
  b.launch(kPlace.descriptor(0));
  run();
  EXPECT_EQ(now(), kStart + kRequest);
  EXPECT_EQ(memory(kPlace.dst, 512), expected);
  EXPECT_EQ(Bytes(b.mem(kPlace.dst, 1), b.mem(kPlace.dst, 1) + 512),
            openssl_cbc128(key, iv, data, true));
  EXPECT_TRUE(b.irq[0].read());
  EXPECT_TRUE(b.irq[1].read());
  b.write(kIntCause, 0);
  run_for(1);
  EXPECT_FALSE(b.irq[0].read());
  EXPECT_TRUE(b.irq[1].read());
  EXPECT_EQ(stats(1).operations, 1u);
  EXPECT_EQ(stats(1).guest_errors, 0u) << stats(1).last_report;
}

class NoTdma : public CesaDevice {
 protected:
  NoTdma()
      : CesaDevice([] {
          auto p = bench_params();
          p.tdma = false;
          p.sha256 = false;
          return p;
        }()),
        before_(stats().guest_errors) {}
  std::uint64_t before_;  // the fixture programs the DMA that is not there
};

TEST_F(NoTdma, ItsRegistersAreNotThere) {
  EXPECT_EQ(before_, 3u) << "two window registers and CONTROL";
  EXPECT_EQ(b.read(kTdmaControl), 0u);
  EXPECT_EQ(stats().guest_errors, before_ + 1);
  b.write(kCmd, bit::cmd::kActivate0);  // CFG asks for the DMA
  EXPECT_EQ(stats().unimplemented, 1u);
  expect_halted_silently();
}

TEST(CesaConstruction, RefusesBadParameters) {
  const auto refused = [](unsigned engines, auto change) -> std::string {
    hw::CesaParams p = bench_params(engines);
    change(p);
    try {
      p.check();
    } catch (const hw::ParamError& error) {
      EXPECT_TRUE(std::string(error.what()).starts_with("cesa: " + error.field() + " "))
          << error.what();
      return error.field();
    }
    return "";
  };
  using Params = hw::CesaParams;
  EXPECT_EQ(refused(1, [](Params&) {}), "");
  EXPECT_EQ(refused(1, [](Params& p) { p.engines = 0; }), "engines");
  EXPECT_EQ(refused(1, [](Params& p) { p.engines = 3; }), "engines");
  EXPECT_EQ(refused(1, [](Params& p) { p.channels = 0; }), "channels");
  EXPECT_EQ(refused(1, [](Params& p) { p.outstanding_reads = 0; }), "outstanding_reads");
  EXPECT_EQ(refused(1, [](Params& p) { p.sram_bytes = 256; }), "sram_bytes");
  EXPECT_EQ(refused(1, [](Params& p) { p.sram_reserved_bytes = p.sram_bytes; }),
            "sram_reserved_bytes");
  EXPECT_EQ(refused(2, [](Params& p) { p.sram_base1 = p.sram_base0 + 0x400; }), "sram_base1");
  EXPECT_EQ(refused(1, [](Params& p) { p.clock_hz = 0; }), "clock_hz");
  EXPECT_EQ(refused(1, [](Params& p) { p.engine_clock_hz = 0; }), "engine_clock_hz");
  hw::CesaParams p = bench_params();
  p.engines = 0;
  EXPECT_THROW(hw::Cesa("none", p), std::invalid_argument);
}

}  // namespace
}  // namespace cesasim::test
