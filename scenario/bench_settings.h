// SPDX-License-Identifier: Apache-2.0
// The workload `bench`: a crypto benchmark, without disk and dm-crypt.
#pragma once

#include <cstdint>
#include <string>

#include "hw_model/common/params.h"

namespace cesasim {

/// How the benchmark reaches the cipher, and what that costs besides (an `api` preset).
struct ApiCosts {
  bool user_space = false;
  double user_call = 0;
  double call = 0;
  double page = 0;
  double copy_per_byte = 0;

  void describe(hw::ParamVisitor& v) {
    v.flag("user_space", user_space,
           "the cipher is a library's (soc.costs.openssl), no kernel is called");
    v.number("user_call", user_call, "cycles", 0, 1e7,
             "one operation outside the kernel: the program's loop and its library");
    v.number("call", call, "cycles", 0, 1e7,
             "one operation in the kernel above the crypto API: system calls, sessions, lists");
    v.number("page", page, "cycles/page", 0, 1e6,
             "each page of user memory, source and result: pin and release, or fill");
    v.number("copy_per_byte", copy_per_byte, "cycles/byte", 0, 1000,
             "copying the source into the kernel, where the interface does that; 0: it does not");
  }
};

/// What a program does with the data beside ciphering it (an `application` preset).
struct ApplicationCosts {
  double user_per_request = 0;
  double user_per_byte = 0;
  double mac_per_byte = 0;
  double kernel_per_byte = 0;

  void describe(hw::ParamVisitor& v) {
    v.number("user_per_request", user_per_request, "cycles", 0, 1e8, "the program, for each block");
    v.number("user_per_byte", user_per_byte, "cycles/byte", 0, 10000,
             "the program, copies and records, without ciphers");
    v.number("mac_per_byte", mac_per_byte, "cycles/byte", 0, 10000,
             "the message digest in software");
    v.number("kernel_per_byte", kernel_per_byte, "cycles/byte", 0, 10000,
             "system calls, protocols and device interrupts that move the data");
  }
};

struct BenchSettings {
  static constexpr const char* kNone = "none";

  std::string algorithm = kNone;
  std::string direction = "encrypt";
  std::uint32_t block_bytes = 4096;
  std::uint32_t threads = 1;
  std::uint32_t requests = 2000;
  std::string api_preset = "kernel";
  ApiCosts api;
  std::string application_preset = "none";
  ApplicationCosts application;

  bool wanted() const { return algorithm != kNone; }
};

/// An algorithm of the benchmark.
struct BenchAlgorithm {
  const char* name;
  const char* cipher;  ///< aes, des, des3_ede
  const char* mode;    ///< ecb, cbc, xts
  std::uint32_t key_bytes;
  const char* openssl;  ///< OpenSSL's name of it
};
inline constexpr BenchAlgorithm kBenchAlgorithms[] = {
    {"aes-128-cbc", "aes", "cbc", 16, "AES-128-CBC"},
    {"aes-192-cbc", "aes", "cbc", 24, "AES-192-CBC"},
    {"aes-256-cbc", "aes", "cbc", 32, "AES-256-CBC"},
    {"des-cbc", "des", "cbc", 8, "DES-CBC"},
    {"des3-cbc", "des3_ede", "cbc", 24, "DES-EDE3-CBC"},
    {"aes-128-ecb", "aes", "ecb", 16, "AES-128-ECB"},
    {"aes-256-ecb", "aes", "ecb", 32, "AES-256-ECB"},
    {"aes-128-xts", "aes", "xts", 32, "AES-128-XTS"},
    {"aes-256-xts", "aes", "xts", 64, "AES-256-XTS"},
};

}  // namespace cesasim
