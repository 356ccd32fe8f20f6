// SPDX-License-Identifier: Apache-2.0
// Every kept input of the fuzz targets, and random ones, without libFuzzer: what once failed
// stays mended, with any compiler and under any sanitizer.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "tests/fuzz/cesa_engine_fuzz.h"
#include "tests/fuzz/crypto_ring_fuzz.h"
#include "tests/fuzz/study_reader_fuzz.h"
#include "tests/fuzz/trace_reader_fuzz.h"

namespace cesasim::fuzz {
namespace {

using Target = void (*)(const std::uint8_t*, std::size_t);

void replay(const std::string& name, Target target) {
  unsigned inputs = 0;
  for (const auto& entry : std::filesystem::directory_iterator("tests/fuzz/corpus/" + name)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    SCOPED_TRACE(entry.path().filename().string());
    target(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    ++inputs;
  }
  EXPECT_GT(inputs, 0u) << "no seeds kept for " << name;
}

void random_inputs(Target target) {
  std::mt19937 random(20050801);
  std::vector<std::uint8_t> bytes;
  for (unsigned round = 0; round < 2000; ++round) {
    bytes.resize(random() % 2048);
    for (auto& b : bytes) b = static_cast<std::uint8_t>(random());
    target(bytes.data(), bytes.size());
  }
}

TEST(Corpus, CesaEngineSeeds) { replay("cesa_engine", fuzz_cesa_engine); }
TEST(Corpus, CesaEngineRandomPrograms) { random_inputs(fuzz_cesa_engine); }
TEST(Corpus, CryptoRingSeeds) { replay("crypto_ring", fuzz_crypto_ring); }
TEST(Corpus, CryptoRingRandomPrograms) { random_inputs(fuzz_crypto_ring); }
TEST(Corpus, TraceReaderSeeds) { replay("trace_reader", fuzz_trace_reader); }
TEST(Corpus, TraceReaderRandomFiles) { random_inputs(fuzz_trace_reader); }
TEST(Corpus, StudyReaderSeeds) { replay("study_reader", fuzz_study_reader); }

}  // namespace
}  // namespace cesasim::fuzz
