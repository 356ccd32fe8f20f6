// Costs of the crypto software below dm-crypt, in core cycles. Values and sources stand in the
// cost presets.
#pragma once

#include <string>

#include "hw_model/base/params.h"

namespace cesasim::driver {

/// Software AES as the kernel's cipher code runs it.
struct CipherCosts {
  double aes_setup = 0;
  double aes128_encrypt_per_byte = 0;
  double aes128_decrypt_per_byte = 0;
  double aes_round_per_byte = 0;
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
  }
};

}  // namespace cesasim::driver
