// SPDX-License-Identifier: Apache-2.0
// One simulation, fully typed: what each key of a scenario means to the program. describe.h ties
// the keys to these fields.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "dmcrypt_model/params.h"
#include "driver/params.h"
#include "hw_model/cesa/params.h"
#include "hw_model/common/fault.h"
#include "hw_model/cpu/params.h"
#include "hw_model/disk/disk_timing.h"
#include "hw_model/memory/params.h"
#include "hw_model/ring/params.h"
#include "kernel_model/params.h"
#include "scenario/bench_settings.h"
#include "traces/replay/phase_cost.h"
#include "traces/trace_reader.h"

namespace cesasim {

/// Ciphers in a program's own library, OpenSSL's as built for the board (workload.bench).
struct OpensslCosts {
  double call = 0;
  double aes_round_per_byte = 0;
  double des_per_byte = 0;
  double des3_per_byte = 0;
  void describe(hw::ParamVisitor& v);
};

/// What modelled software costs (a `costs` preset).
struct Costs {
  kernel::KernelCosts kernel;
  driver::OcfCosts ocf;
  driver::DriverCosts driver;
  dmcrypt::DmCryptCosts dmcrypt;
  driver::CipherCosts cipher;
  OpensslCosts openssl;
  void describe(hw::ParamVisitor& v);
};

/// A system on chip (a `soc` preset; `cesa`, `ring` and `costs` are presets it refers to).
struct SocParams {
  std::string preset;
  std::uint32_t cores = 0;
  bool io_coherent = false;
  std::uint32_t internal_regs_base = 0;
  std::uint32_t disk_irq = 0;
  hw::CpuParams cpu;
  hw::DramParams dram;
  hw::MbusParams mbus;
  std::string cesa_preset;
  hw::CesaParams cesa;
  std::string ring_preset;
  hw::RingParams ring;
  std::string costs_preset;
  Costs costs;
};

/// The mapping: either a dmsetup line in `table`, or the keys from `cipher` on.
struct DmCryptSettings {
  std::string path = "standard";
  std::string placement = "native";
  std::uint32_t max_read_size = 0;
  std::uint32_t max_write_size = 0;
  std::uint32_t max_in_flight = 1024;
  std::string table = "none";
  std::string cipher = "aes-cbc-plain";
  std::string key = "seed:1";  ///< as written; key_bytes() gives the bytes
  std::uint32_t key_bits = 128;
  std::uint64_t iv_offset = 0;
  std::uint32_t sector_size = 512;
  bool iv_large_sectors = false;
  bool same_cpu_crypt = false;
  bool submit_from_crypt_cpus = false;
  bool no_read_workqueue = false;
  bool no_write_workqueue = false;
  bool allow_allocating_drivers = true;
};

struct OcfSettings {
  std::string policy = "2005";
  std::string driver = "cryptosoft";
  std::string irqs_off = "none";
  double crypto_nice = 0;
  std::string recovery = "path";
  bool retry_tick = true;
  std::string drivers_preset = "default";
  driver::DriverSettings drivers;
};

/// One rule of `faults`, as written.
struct FaultSettings {
  std::string name;
  std::string kind;
  std::uint32_t nth = 0;
  std::uint32_t every = 0;
  double probability = 0;
  std::uint64_t first = 0;
  std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
  double from = 0;
  double to = kNever;
  std::uint32_t times = 0;

  static constexpr double kNever = 1e6;  ///< simulated seconds: longer than any run
  hw::FaultRule rule() const;
};

struct WorkloadSettings {
  static constexpr const char* kNoTrace = "none";  ///< trace: a benchmark instead

  BenchSettings bench;     ///< wanted(): this instead of a trace
  std::string trace;       ///< as written
  std::string trace_file;  ///< where it was found
  std::string replay = "closed";
  std::uint32_t depth_read = 2;
  std::uint32_t depth_write = 32;
  std::uint32_t max_bio_bytes = 131072;
  std::uint32_t lookahead = 32;
  std::uint32_t dirty_kib = 32768;
  std::uint32_t writeback_kib = 4096;
  std::uint32_t submitter_bonus = 5;
  std::string writeback = "flusher";
  std::string device = "any";      ///< of a trace of several devices
  std::string format = "detect";   ///< of the trace, by name
  std::string arrivals = "queue";  ///< which events of blkparse and blktrace are requests
  bool skip_bad_lines = false;
  std::string user_preset = "linux-2.6-arm9";
  std::map<std::string, traces::PhaseCost> user;  ///< by phase; "default" always present

  traces::TraceOptions trace_options() const {
    traces::TraceOptions options;
    options.format = traces::format_of_name(format);
    options.skip_bad_lines = skip_bad_lines;
    if (device != "any") options.device = device;
    if (arrivals == "issue") options.arrivals = traces::Arrivals::issue;
    return options;
  }
};

struct Scenario {
  SocParams soc;
  std::string disk_preset;
  hw::DiskParams disk;
  std::string kernel_preset;  ///< unless named the path's (default_kernel)
  kernel::KernelSettings kernel;
  DmCryptSettings dmcrypt;
  OcfSettings ocf;
  WorkloadSettings workload;
  std::string fidelity = "descriptor";
  std::vector<FaultSettings> faults;  ///< in the order of the file
  double hang_seconds = 10;           ///< a request that takes longer hung
  std::string on_broken = "fail";
  std::uint32_t seed = 1;

  /// The path is one of those through OCF.
  bool path_uses_ocf() const;
  /// It keeps the faults of its original.
  bool path_is_historical() const;
  /// Whether the driver looks after requests that do not end.
  driver::Recovery recovery() const;
};

}  // namespace cesasim
