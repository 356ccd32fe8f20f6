// SPDX-License-Identifier: Apache-2.0
// Host time of the plain core: 512-byte AES-128-CBC requests through one ring.
#include <benchmark/benchmark.h>

#include "tests/hw_model/ring/ring_bench.h"

namespace cesasim::test {
namespace {

void requests(benchmark::State& state, std::uint32_t more) {
  PlainRing m;
  RingDriver d(m);
  d.load_key(0, pattern(16, 1));
  const Bytes iv = pattern(16, 2);
  for (auto _ : state) {
    for (unsigned i = 0; i < 64; ++i) {
      d.put(cbc_request(kData + 512 * i, kData + 512 * i, 512, iv, 16, more));
    }
    d.doorbell();
    m.run();
    benchmark::DoNotOptimize(d.take());
  }
  state.SetItemsProcessed(state.iterations() * 64);
}
void encrypt(benchmark::State& state) { requests(state, 0); }
void decrypt(benchmark::State& state) { requests(state, hw::ring_control::kDecrypt); }
BENCHMARK(encrypt);
BENCHMARK(decrypt);

}  // namespace
}  // namespace cesasim::test

BENCHMARK_MAIN();
