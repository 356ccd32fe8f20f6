// SPDX-License-Identifier: Apache-2.0
// Costs of the crypto software below dm-crypt, in core cycles. Values and sources stand in the
// cost presets.
#pragma once

#include <cstdint>
#include <string>

#include "hw_model/common/params.h"

namespace cesasim::driver {

/// Software ciphers as the kernel's code runs them.
struct CipherCosts {
  double aes_setup = 0;
  double aes128_encrypt_per_byte = 0;
  double aes128_decrypt_per_byte = 0;
  double aes_round_per_byte = 0;
  double xts_per_byte = 0;
  double des_per_byte = 0;
  double des3_per_byte = 0;
  double dram_bytes_per_byte = 0;

  void describe(hw::ParamVisitor& v) {
    v.number("aes_setup", aes_setup, "cycles", 0, 1e6,
             "one call of the cipher API for one buffer: scatterlist walk, IV, mode loop");
    v.number("aes128_encrypt_per_byte", aes128_encrypt_per_byte, "cycles/byte", 0, 10000,
             "AES-128-CBC encryption in software");
    v.number("aes128_decrypt_per_byte", aes128_decrypt_per_byte, "cycles/byte", 0, 10000,
             "AES-128-CBC decryption in software");
    v.number("aes_round_per_byte", aes_round_per_byte, "cycles/byte", 0, 1000,
             "one more AES round (192-bit keys have two more, 256-bit keys four)");
    v.number("xts_per_byte", xts_per_byte, "cycles/byte", 0, 1000,
             "XTS beside the block cipher: tweak, two exclusive-ors");
    v.number("des_per_byte", des_per_byte, "cycles/byte", 0, 10000, "DES-CBC in software");
    v.number("des3_per_byte", des3_per_byte, "cycles/byte", 0, 10000, "3DES-CBC in software");
    v.number("dram_bytes_per_byte", dram_bytes_per_byte, "bytes/byte", 0, 4,
             "DRAM traffic per byte ciphered (read, write back)");
  }
};

/// The OCF core, per request.
struct OcfCosts {
  double getreq = 0;
  double freereq = 0;
  double dispatch = 0;
  double enqueue = 0;
  double dequeue = 0;
  double invoke = 0;
  double done = 0;

  void describe(hw::ParamVisitor& v) {
    auto cycles = [&v](const char* name, double& value, const char* doc) {
      v.number(name, value, "cycles", 0, 1e6, doc);
    };
    cycles("getreq", getreq, "crypto_getreq beyond its two slab allocations");
    cycles("freereq", freereq, "crypto_freereq beyond its two slab frees");
    cycles("dispatch", dispatch, "crypto_dispatch: session to driver, policy");
    cycles("enqueue", enqueue, "putting a request on crp_q or crp_ret_q");
    cycles("dequeue", dequeue, "the thread's scan and unlink of one request");
    cycles("invoke", invoke, "crypto_invoke: checks and the call of the driver");
    cycles("done", done, "crypto_done");
  }
};

/// The OCF drivers, per request or per object they build.
struct DriverCosts {
  double cryptosoft_request = 0;
  double tdma_request = 0;
  double tdma_op = 0;
  double tdma_descriptor = 0;
  double tdma_launch = 0;
  double tdma_irq = 0;
  double tdma_complete = 0;
  double pio_request = 0;
  double pio_chunk = 0;
  double pio_irq = 0;
  double pio_complete = 0;
  double hal_request = 0;
  double hal_fragment = 0;
  double hal_start = 0;
  double hal_irq = 0;
  double hal_complete = 0;
  double ring_request = 0;
  double ring_descriptor = 0;
  double ring_irq = 0;
  double ring_poll = 0;
  double ring_complete = 0;
  double skcipher_request = 0;
  double watchdog = 0;

  void describe(hw::ParamVisitor& v) {
    auto cycles = [&v](const char* name, double& value, const char* doc) {
      v.number(name, value, "cycles", 0, 1e6, doc);
    };
    cycles("cryptosoft_request", cryptosoft_request,
           "cryptosoft process(): session look-up, descriptor walk, scatterlist");
    cycles("tdma_request", tdma_request, "cesa_tdma: request set-up and queueing");
    cycles("tdma_op", tdma_op,
           "cesa_tdma: pool allocation, filling and freeing of one operation "
           "context (128 bytes)");
    cycles("tdma_descriptor", tdma_descriptor,
           "cesa_tdma: pool allocation, filling and freeing of one TDMA descriptor");
    cycles("tdma_launch", tdma_launch, "cesa_tdma: starting a chain, register writes apart");
    cycles("tdma_irq", tdma_irq, "cesa_tdma: interrupt handler, register accesses apart");
    cycles("tdma_complete", tdma_complete, "cesa_tdma: finishing one request");
    cycles("pio_request", pio_request, "cesa_pio: request set-up and queueing");
    cycles("pio_chunk", pio_chunk,
           "cesa_pio: preparing and starting one SRAM-full, copies and register accesses apart");
    cycles("pio_irq", pio_irq, "cesa_pio: interrupt handler, register accesses apart");
    cycles("pio_complete", pio_complete, "cesa_pio: finishing one request");
    cycles("hal_request", hal_request, "cesa_hal: OCF request to HAL command, its kmalloc apart");
    cycles("hal_fragment", hal_fragment,
           "cesa_hal: building the descriptors of one fragment (mvCesaFrag*)");
    cycles("hal_start", hal_start, "cesa_hal: starting the engine, register writes apart");
    cycles("hal_irq", hal_irq, "cesa_hal: interrupt handler, register accesses apart");
    cycles("hal_complete", hal_complete, "cesa_hal: mvCesaReadyGet and the end of one request");
    cycles("ring_request", ring_request, "cesa_ring: request set-up, choice of the ring");
    cycles("ring_descriptor", ring_descriptor,
           "cesa_ring: filling one descriptor of 64 bytes in coherent memory");
    cycles("ring_irq", ring_irq, "cesa_ring: interrupt handler, register accesses apart");
    cycles("ring_poll", ring_poll, "cesa_ring: one look at the completion ring");
    cycles("ring_complete", ring_complete, "cesa_ring: finishing one request");
    cycles("skcipher_request", skcipher_request,
           "kernel crypto API: one request through crypto_skcipher_encrypt to its driver");
    cycles("watchdog", watchdog, "one look of a driver's watchdog at one engine");
  }
};

/// Settings of the drivers (not costs): depths, interrupt handling, what is put into one chain.
struct TdmaSettings {
  std::uint32_t queue_depth = 0;
  bool chain = true;
  bool threaded_irq = true;

  void describe(hw::ParamVisitor& v) {
    v.count("queue_depth", queue_depth, "requests", 1, 65536,
            "requests an engine's queue holds (CESA_CRYPTO_DEFAULT_MAX_QLEN)");
    v.flag("chain", chain, "link waiting requests into one chain; off: a launch per request");
    v.flag("threaded_irq", threaded_irq, "complete in an interrupt thread, else in the hard one");
  }
};

struct PioSettings {
  std::uint32_t queue_depth = 0;

  void describe(hw::ParamVisitor& v) {
    v.count("queue_depth", queue_depth, "requests", 1, 65536,
            "requests the driver's queue holds (crypto_init_queue of mv_cesa)");
  }
};

struct HalSettings {
  std::string generation = "kirkwood";
  std::uint32_t kirkwood_slots = 0;
  std::uint32_t armada_slots = 0;
  bool chain = false;
  std::uint32_t max_chain = 0;
  std::uint32_t coalesce_count = 0;
  double coalesce_us = 0;

  void describe(hw::ParamVisitor& v) {
    v.choice("generation", generation, {"kirkwood", "armada"},
             "which of Marvell's two OCF drivers: one result an interrupt, or all that are ready");
    v.count("kirkwood_slots", kirkwood_slots, "requests", 2, 65536, "CESA_Q_SIZE");
    v.count("armada_slots", armada_slots, "requests", 2, 65536, "queue of one channel");
    v.flag("chain", chain,
           "kirkwood: chain the descriptors of waiting requests (hardware version 3 on)");
    v.count("max_chain", max_chain, "requests", 1, 1024, "MAX_CESA_CHAIN_LENGTH");
    v.count("coalesce_count", coalesce_count, "operations", 0, 255,
            "armada: requests are started one by one, so many operations make an interrupt; 0: "
            "chained, one a chain");
    v.number("coalesce_us", coalesce_us, "us", 0, 100000,
             "armada: longest wait for coalesce_count operations");
  }
};

struct RingSettings {
  std::uint32_t entries = 0;
  bool per_core = true;
  std::uint32_t doorbell_batch = 0;
  std::string coalesce = "adaptive";
  std::uint32_t coalesce_count = 0;
  double coalesce_us = 0;
  std::uint32_t poll_below = 0;
  double poll_us = 0;

  void describe(hw::ParamVisitor& v) {
    v.count("entries", entries, "descriptors", 2, 4096, "descriptors of one ring (a power of 2)");
    v.flag("per_core", per_core, "each core submits to a ring of its own, as far as there are");
    v.count("doorbell_batch", doorbell_batch, "requests", 1, 4096,
            "requests written before the doorbell, while the core says that more follow");
    v.choice("coalesce", coalesce, {"off", "fixed", "adaptive"},
             "interrupts: one a request, by count and time, or a count that follows the load");
    v.count("coalesce_count", coalesce_count, "requests", 1, 255,
            "completions before an interrupt (adaptive: at most)");
    v.number("coalesce_us", coalesce_us, "us", 0, 100000, "longest wait for coalesce_count");
    v.count("poll_below", poll_below, "requests", 0, 4096,
            "with fewer requests in flight the submitter polls instead of arming the interrupt");
    v.number("poll_us", poll_us, "us", 0, 100000, "longest poll before the interrupt is armed");
  }
};

struct DriverSettings {
  TdmaSettings cesa_tdma;
  PioSettings cesa_pio;
  HalSettings cesa_hal;
  RingSettings cesa_ring;
  double watchdog_ms = 0;

  void describe(hw::ParamVisitor& v) {
    v.group("cesa_tdma", cesa_tdma, "the chain driver");
    v.group("cesa_pio", cesa_pio, "the driver that copies by processor");
    v.group("cesa_hal", cesa_hal, "Marvell's OCF driver");
    v.group("cesa_ring", cesa_ring, "the ring driver");
    v.number("watchdog_ms", watchdog_ms, "ms", 1, 100000,
             "a request that is in the device for so long has its engine reset");
  }
};

/// What a driver does beyond the historical ones, which do neither.
struct Recovery {
  bool watchdog = false;  ///< looks after requests that do not end
  double watchdog_ms = 0;
  bool retry_tick = true;  ///< unblocks the core once more, a tick after it was full (restarts.h)
};

}  // namespace cesasim::driver
