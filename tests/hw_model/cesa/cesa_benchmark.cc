// SPDX-License-Identifier: Apache-2.0
// Host time of the unit: one 512-byte AES-128-CBC request through the five-descriptor chain,
// and of the OpenSSL work inside it.
#include <benchmark/benchmark.h>

#include <systemc>

#include "tests/hw_model/cesa/cesa_bench.h"

namespace {

namespace hw = cesasim::hw;
using cesasim::hw::CipherEngine;
using cesasim::hw::sa_aes_config;
using cesasim::test::CesaBench;
using cesasim::test::CipherOp;
using cesasim::test::RequestPlace;

/// By fidelity: descriptor, burst.
CesaBench* benches[2] = {};

const std::array<std::uint8_t, 16> kKey = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
const std::array<std::uint8_t, 16> kIv = {9, 9, 9};

/// `requests` linked in one chain, as they queue up behind a busy engine.
void chain(benchmark::State& state, bool decrypt, hw::Fidelity fidelity) {
  CesaBench* const bench = benches[fidelity == hw::Fidelity::burst];
  const auto requests = static_cast<std::uint32_t>(state.range(0));
  const CipherOp op(sa_aes_config(16, true, decrypt), kKey, kIv, 512);
  for (std::uint32_t i = 0; i < requests; ++i) {
    const auto place = [](std::uint32_t n) {
      return RequestPlace{0x10000 + 0x200 * n, 0x100000 + 0x100 * n, 0x200000 + 512 * n,
                          0x200000 + 512 * n};
    };
    put_request(*bench, place(i), op, 512, cesasim::test::kSramBase0,
                i + 1 < requests ? place(i + 1).descriptors : 0);
  }
  hw::Ps simulated = 0;
  for (auto _ : state) {
    const hw::Ps start = sc_core::sc_time_stamp().value();
    bench->launch(0x10000);
    sc_core::sc_start();
    simulated = sc_core::sc_time_stamp().value() - start;
    bench->write(cesasim::hw::cesa_reg::kIntCause, 0);
  }
  state.SetItemsProcessed(state.iterations() * requests);
  state.counters["simulated_ns_per_request"] =
      static_cast<double>(simulated) / requests / hw::kPsPerNs;
}

void chain_encrypt(benchmark::State& state) { chain(state, false, hw::Fidelity::descriptor); }
void chain_decrypt(benchmark::State& state) { chain(state, true, hw::Fidelity::descriptor); }
void chain_encrypt_by_burst(benchmark::State& state) { chain(state, false, hw::Fidelity::burst); }
void chain_decrypt_by_burst(benchmark::State& state) { chain(state, true, hw::Fidelity::burst); }
BENCHMARK(chain_encrypt)->Arg(1)->Arg(64);
BENCHMARK(chain_decrypt)->Arg(1)->Arg(64);
BENCHMARK(chain_encrypt_by_burst)->Arg(1)->Arg(64);
BENCHMARK(chain_decrypt_by_burst)->Arg(1)->Arg(64);

void cipher_only(benchmark::State& state) {
  CipherEngine engine;
  std::array<std::uint8_t, 512> data{};
  std::array<std::uint8_t, 16> iv{};
  for (auto _ : state) {
    iv = kIv;
    engine.run({.key = kKey.data(),
                .key_bytes = 16,
                .cbc = true,
                .decrypt = state.range(0) != 0,
                .iv = iv.data(),
                .next_iv = iv.data(),
                .src = data.data(),
                .dst = data.data(),
                .bytes = data.size()});
    benchmark::DoNotOptimize(data);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(cipher_only)->Arg(0)->Arg(1);

}  // namespace

int sc_main(int argc, char** argv) {
  CesaBench by_descriptor("bench", cesasim::test::bench_params(), /*checked=*/false);
  CesaBench by_burst("burst_bench", cesasim::test::bench_params(), /*checked=*/false,
                     cesasim::test::bench_dram(), hw::Fidelity::burst);
  benches[0] = &by_descriptor;
  benches[1] = &by_burst;
  for (CesaBench* bench : benches) bench->set_up_tdma();
  sc_core::sc_start(sc_core::SC_ZERO_TIME);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
