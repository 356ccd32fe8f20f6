// SPDX-License-Identifier: Apache-2.0
// Speed of reading traces and of making sector contents. Run with `bazel run -c opt`.
#include <benchmark/benchmark.h>

#include "tests/traces/files.h"
#include "traces/replay/content_oracle.h"
#include "traces/trace_reader.h"

namespace cesasim::traces {
namespace {

void read_all(benchmark::State& state, const std::string& path) {
  std::int64_t records = 0;
  for (auto _ : state) {
    auto reader = open_trace(path);
    TraceRecord record;
    while (reader->next(record)) ++records;
  }
  state.SetItemsProcessed(records);
}

void BM_ReadCsvPlain(benchmark::State& state) {
  read_all(state, write_file("mkfs.csv", decoded("traces/mkfs.csv.zst")));
}
BENCHMARK(BM_ReadCsvPlain)->Unit(benchmark::kMillisecond);

void BM_ReadCsvGzip(benchmark::State& state) {
  read_all(state, write_file("mkfs.csv.gz", gzip_of(decoded("traces/mkfs.csv.zst"))));
}
BENCHMARK(BM_ReadCsvGzip)->Unit(benchmark::kMillisecond);

void BM_ReadCsvZstd(benchmark::State& state) { read_all(state, "traces/mkfs.csv.zst"); }
BENCHMARK(BM_ReadCsvZstd)->Unit(benchmark::kMillisecond);

void BM_ReadBlkparsePlain(benchmark::State& state) {
  std::string text;
  for (int i = 0; i < 100000; ++i) {
    text += "253,0    1 " + std::to_string(i) + "     0.000696745   573  Q  WS " +
            std::to_string(i * 8) + " + 8 [kworker/u4:1]\n";
  }
  read_all(state, write_file("q.txt", text));
}
BENCHMARK(BM_ReadBlkparsePlain)->Unit(benchmark::kMillisecond);

void BM_FillSector(benchmark::State& state) {
  const ContentOracle oracle(1);
  std::uint8_t data[512];
  std::uint64_t sector = 0;
  for (auto _ : state) {
    oracle.fill(++sector, 1, data);
    benchmark::DoNotOptimize(data);
  }
}
BENCHMARK(BM_FillSector);

void BM_WriteAndVerifySector(benchmark::State& state) {
  ContentOracle oracle(1);
  std::uint8_t data[512];
  std::uint64_t sector = 0;
  for (auto _ : state) {
    sector = (sector + 1) % (1 << 20);
    oracle.begin_write(sector, 1);
    oracle.fill(sector, oracle.expected(sector), data);
    benchmark::DoNotOptimize(oracle.verify(sector, data));
  }
}
BENCHMARK(BM_WriteAndVerifySector);

}  // namespace
}  // namespace cesasim::traces

BENCHMARK_MAIN();
