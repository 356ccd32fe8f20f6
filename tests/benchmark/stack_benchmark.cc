// SPDX-License-Identifier: Apache-2.0
// Whole-run benchmark: 4 KiB writes, then reads of the same sectors, through dm-crypt (ocf-v3),
// OCF, cesa_tdma, the accelerator, the block layer and a flash disk, with real bytes and all
// checks. Prints requests and sectors per host second, simulated seconds per host second and
// memory beyond what the disk holds, for growing numbers of requests.
//
//   bazel run -c opt //tests/benchmark:stack_benchmark [-- REQUESTS...]
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <systemc>
#include <vector>

#include "machine/machine.h"
#include "study/matrix/study.h"

using namespace cesasim;

namespace {

namespace study = cesasim::study;

constexpr std::uint64_t kBlocks = 16384;  // 64 MiB, written over and over

std::string write_trace(std::uint64_t requests) {
  const std::string path =
      (std::filesystem::temp_directory_path() / fmt::format("cesasim-bench-{}.csv", getpid()))
          .string();
  std::ofstream out(path);
  out << "time_ns,op,sector,bytes,pid,phase\n";
  for (std::uint64_t i = 0; i < requests; ++i) {
    const bool write = i < requests / 2;
    out << i * 1000 << (write ? ",W," : ",R,") << (i % kBlocks) * 8 << ",4096,100,"
        << (write ? "write" : "read") << "\n";
  }
  return path;
}

void run(std::uint64_t requests, const std::string& driver) {
  const std::string trace = write_trace(requests);
  const std::string text = fmt::format(R"(name: stack-benchmark
scenario:
  soc: kirkwood-88f6281
  disk: flash
  dmcrypt: {{path: ocf-v3, cipher: aes-cbc-plain, key: "seed:1", key_bits: 128}}
  ocf: {{policy: "2005", driver: {}}}
  workload: {{trace: {}, depth: {{read: 4, write: 32}}}}
)",
                                       driver, trace);
  const study::Study parsed = study::parse_study(text, "stack-benchmark");
  const auto points = study::expand(parsed, {}, Library::locate());
  const PointResult r = run_point(points.at(0).scenario);
  std::filesystem::remove(trace);
  auto value = [&](const char* name) { return find_value(r.metrics, name).value_or(0); };
  const double host = value("host_seconds");
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const double disk_mib = static_cast<double>(std::min(requests / 2, kBlocks)) / 256;
  fmt::print("{:>9}  {:<10}  {:>6}  {:>8.2f}  {:>10.0f}  {:>10.0f}  {:>8.2f}  {:>10.1f}\n",
             requests, driver, status_name(r.status), host, value("requests") / host,
             value("bytes") / 512 / host, value("sim_seconds") / host,
             static_cast<double>(usage.ru_maxrss) / 1024 - disk_mib);
  if (r.status != Status::ok) fmt::print("  {}\n", r.error);
}

}  // namespace

int sc_main(int argc, char** argv) {
  if (const char* workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY")) {
    setenv("CESASIM_HOME", workspace, 0);
  }
  std::vector<std::uint64_t> sizes;
  for (int i = 1; i < argc; ++i) sizes.push_back(std::strtoull(argv[i], nullptr, 10));
  if (sizes.empty()) sizes = {100000, 300000, 1000000};
  fmt::print("{:>9}  {:<10}  {:>6}  {:>8}  {:>10}  {:>10}  {:>8}  {:>10}\n", "requests", "driver",
             "status", "host s", "req/s", "sectors/s", "sim/host", "memory MiB");
  std::fflush(stdout);
  for (const char* driver : {"cesa_tdma", "cryptosoft"}) {
    for (const std::uint64_t n : sizes) {
      // SystemC elaborates once per process.
      const pid_t child = fork();
      if (child == 0) {
        run(n, driver);
        std::fflush(stdout);
        _exit(0);
      }
      int status = 0;
      waitpid(child, &status, 0);
      if (status != 0) return 1;
    }
  }
  return 0;
}
