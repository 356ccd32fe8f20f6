// SPDX-License-Identifier: Apache-2.0
#include "machine/bench.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <systemc>
#include <vector>

#include "base/text/latency_histogram.h"
#include "machine/assembly.h"
#include "machine/counters.h"
#include "machine/vcd_recorder.h"
#include "machine/watch.h"
#include "traces/replay/content_oracle.h"

namespace cesasim {
namespace {

using driver::Cipher;
using driver::CipherMode;
using hw::Activity;
using hw::PhysAddr;

constexpr std::uint32_t kPage = 4096;

const BenchAlgorithm& algorithm_of(const BenchSettings& s) {
  return *std::ranges::find(kBenchAlgorithms, s.algorithm, &BenchAlgorithm::name);
}
Cipher cipher_of(const BenchAlgorithm& a) {
  const std::string name = a.cipher;
  return name == "aes" ? Cipher::aes : name == "des" ? Cipher::des : Cipher::des3;
}
CipherMode mode_of(const BenchAlgorithm& a) {
  const std::string mode = a.mode;
  return mode == "ecb" ? CipherMode::ecb : mode == "cbc" ? CipherMode::cbc : CipherMode::xts;
}

/// What OpenSSL makes of the block by itself.
class OneShot {
 public:
  OneShot(const BenchAlgorithm& algorithm, std::vector<std::uint8_t> key, bool encrypt)
      : context_(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free), key_(std::move(key)) {
    std::string name = algorithm.openssl;
    if (name == "DES-CBC") {  // in OpenSSL 3's legacy provider only: EDE with three equal keys
      name = "DES-EDE3-CBC";
      const std::vector<std::uint8_t> one = key_;
      for (int i = 0; i < 2; ++i) key_.insert(key_.end(), one.begin(), one.end());
    }
    const std::unique_ptr<EVP_CIPHER, decltype(&EVP_CIPHER_free)> cipher(
        EVP_CIPHER_fetch(nullptr, name.c_str(), nullptr), &EVP_CIPHER_free);
    if (!cipher || EVP_CipherInit_ex2(context_.get(), cipher.get(), key_.data(), nullptr,
                                      encrypt ? 1 : 0, nullptr) != 1) {
      throw std::runtime_error("OpenSSL has no " + name);
    }
    EVP_CIPHER_CTX_set_padding(context_.get(), 0);
  }

  void run(const std::uint8_t* iv, const std::uint8_t* in, std::uint8_t* out, std::size_t bytes) {
    int n = 0;
    if (EVP_CipherInit_ex2(context_.get(), nullptr, nullptr, iv, -1, nullptr) != 1 ||
        EVP_CipherUpdate(context_.get(), out, &n, in, static_cast<int>(bytes)) != 1) {
      throw std::runtime_error("OpenSSL failed on the benchmark's block");
    }
  }

 private:
  std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context_;
  std::vector<std::uint8_t> key_;
};

class Bench {
 public:
  Bench(const Scenario& s, bool checkers)
      : settings_(s.workload.bench),
        algorithm_(algorithm_of(settings_)),
        at_(s, checkers),
        content_(s.seed) {
    std::vector<std::uint8_t> key(512);
    content_.fill(0, 1, key.data());
    key.resize(algorithm_.key_bytes);
    const bool encrypt = settings_.direction == "encrypt";
    expected_ = std::make_unique<OneShot>(algorithm_, key, encrypt);
    driver::CipherCosts costs = s.soc.costs.cipher;
    if (settings_.api.user_space) {
      const OpensslCosts& o = s.soc.costs.openssl;
      costs = {};
      costs.aes_setup = o.call;
      costs.aes128_encrypt_per_byte = costs.aes128_decrypt_per_byte = 10 * o.aes_round_per_byte;
      costs.aes_round_per_byte = o.aes_round_per_byte;
      costs.des_per_byte = o.des_per_byte;
      costs.des3_per_byte = o.des3_per_byte;
      library_ = std::make_unique<driver::CryptoTfm>(at_.kernel, costs, cipher_of(algorithm_),
                                                     mode_of(algorithm_), key);
    } else {
      tfm_ = at_.api->crypto_alloc_skcipher(cipher_of(algorithm_), mode_of(algorithm_), key);
    }
    for (std::uint32_t i = 0; i < settings_.threads; ++i) {
      workers_.push_back(std::make_unique<Worker>(at_.kernel));
      Worker& w = *workers_.back();
      w.share = settings_.requests / settings_.threads +
                (i < settings_.requests % settings_.threads ? 1 : 0);
      // Whole pages: user memory, and what the driver may map without touching others.
      const std::size_t pages = (settings_.block_bytes + kPage - 1) / kPage;
      w.buffer = at_.kernel.alloc_boot(pages * kPage, kPage);
      at_.kernel.kthread_run(fmt::format("bench/{}", i), [this, &w] { work(w); });
    }
  }

  void run(const ProgressFn& progress, const VcdWindow& window) {
    VcdRecorder vcd(window, at_.soc.cesa());
    const auto slice = sc_core::sc_time(0.25, sc_core::SC_SEC);
    watch_run({
        .done = [this] { return done(); },
        .completed = [this] { return latency_.count(); },
        .waiting = [this] { return waiting_ != 0; },
        .slice = [&] { return vcd.next(slice); },
        .after_slice =
            [&] {
              if (!progress || done()) return;
              progress({sc_core::sc_time_stamp().to_seconds(),
                        static_cast<double>(latency_.count()) / settings_.requests});
            },
    });
    vcd.close();
  }

  PointResult result(double host_seconds);

  Assembly& assembly() { return at_; }

 private:
  struct Worker {
    explicit Worker(kernel::Kernel& kernel) : completion(kernel) {}
    std::uint32_t share = 0;
    PhysAddr buffer = 0;
    driver::SkcipherRequest request;
    kernel::WaitQueue completion;
    bool complete = false;
    int error = 0;
  };

  bool done() const { return finished_ == workers_.size(); }
  void work(Worker& w);
  int operate(Worker& w);
  void user(double cycles, Activity activity = Activity::user);

  const BenchSettings& settings_;
  const BenchAlgorithm& algorithm_;
  Assembly at_;
  traces::ContentOracle content_;
  std::unique_ptr<OneShot> expected_;
  std::unique_ptr<driver::CryptoTfm> library_;
  std::unique_ptr<driver::CryptoSkcipher> tfm_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::size_t finished_ = 0;
  std::uint64_t waiting_ = 0;  // workers, for their operation's callback
  LatencyHistogram latency_;
  Ps user_ps_ = 0;
  Ps ended_ = 0;
  std::uint64_t right_ = 0;
  std::uint64_t wrong_ = 0;
  std::uint64_t errors_ = 0;
  std::uint64_t copied_ = 0;
};

/// Processor time of the program itself.
void Bench::user(double cycles, Activity activity) {
  const Ps before = at_.kernel.now();
  at_.kernel.charge(activity, cycles);
  user_ps_ += at_.kernel.now() - before;
}

/// One operation, from the program's call to its return. 0 or -errno.
int Bench::operate(Worker& w) {
  const bool encrypt = settings_.direction == "encrypt";
  const std::uint32_t bytes = settings_.block_bytes;
  const ApiCosts& api = settings_.api;
  user(api.user_call);
  if (api.user_space) {
    std::uint8_t* const data = at_.kernel.cpu_update(w.buffer, bytes);
    const Ps before = at_.kernel.now();
    const int error = encrypt ? library_->encrypt(data, data, bytes, w.request.iv.data())
                              : library_->decrypt(data, data, bytes, w.request.iv.data());
    user_ps_ += at_.kernel.now() - before;
    return error;
  }
  at_.kernel.user_mode(false);
  const std::uint32_t pages = 2 * ((bytes + kPage - 1) / kPage);  // source and result
  at_.kernel.charge(Activity::fs, api.call + pages * api.page);
  if (api.copy_per_byte > 0) {
    copied_ += bytes;
    at_.kernel.charge(Activity::copy, api.copy_per_byte * bytes);
  }
  driver::SkcipherRequest& r = w.request;
  r.tfm = tfm_.get();
  r.src = r.dst = w.buffer;
  r.cryptlen = bytes;
  r.flags = driver::CRYPTO_TFM_REQ_MAY_BACKLOG;
  r.data = &w;
  r.complete = [](driver::SkcipherRequest& request, int error) {
    if (error == -EINPROGRESS) return;
    auto& worker = *static_cast<Worker*>(request.data);
    worker.complete = true;
    worker.error = error;
    worker.completion.wake_up();
  };
  w.complete = false;
  int error = encrypt ? at_.api->crypto_skcipher_encrypt(r) : at_.api->crypto_skcipher_decrypt(r);
  if (error == -EINPROGRESS || error == -EBUSY) {
    ++waiting_;
    w.completion.wait_event([&w] { return w.complete; });
    --waiting_;
    error = w.error;
  }
  at_.kernel.user_mode(true);
  return error;
}

void Bench::work(Worker& w) {
  kernel::Kernel& k = at_.kernel;
  const ApplicationCosts& app = settings_.application;
  const double bytes = settings_.block_bytes;
  std::vector<std::uint8_t> before(settings_.block_bytes), expected(settings_.block_bytes);
  k.user_mode(true);
  std::uint8_t* const data = k.cpu_write(w.buffer, settings_.block_bytes);
  std::uint8_t sector[hw::kSectorBytes];
  for (std::size_t i = 0; i < before.size(); i += sizeof sector) {
    content_.fill(i / sizeof sector, 1, sector);
    std::memcpy(data + i, sector, std::min(sizeof sector, before.size() - i));
  }
  for (std::uint32_t i = 0; i < w.share; ++i) {
    const Ps start = k.now();
    user(app.user_per_request + bytes * (app.user_per_byte + app.mac_per_byte));
    // As the benchmarks do, a block's result is the next one's data; a new IV for each.
    std::memcpy(before.data(), k.cpu_read(w.buffer, before.size()), before.size());
    w.request.iv = {};
    std::memcpy(w.request.iv.data(), &i, sizeof i);
    expected_->run(w.request.iv.data(), before.data(), expected.data(), expected.size());
    const int error = operate(w);
    if (error != 0) {
      ++errors_;
    } else if (std::memcmp(k.cpu_read(w.buffer, expected.size()), expected.data(),
                           expected.size()) == 0) {
      ++right_;
    } else {
      ++wrong_;
    }
    if (app.kernel_per_byte > 0) {
      k.user_mode(false);
      k.charge(Activity::fs, app.kernel_per_byte * bytes);
      k.user_mode(true);
    }
    latency_.add(k.now() - start);
  }
  k.sync_now();
  ended_ = k.now();
  if (++finished_ == workers_.size()) sc_core::sc_pause();
}

PointResult Bench::result(double host_seconds) {
  const Counters c = read_counters(at_);
  const double seconds = static_cast<double>(ended_) * 1e-12;
  const std::uint64_t bytes = (right_ + wrong_) * settings_.block_bytes;
  PointResult p;
  MetricList& m = p.metrics;
  emit(m, "sim_seconds", seconds);
  emit(m, "requests", static_cast<double>(latency_.count()));
  emit(m, "bytes", static_cast<double>(bytes));
  emit(m, "throughput_mb_s", seconds > 0 ? static_cast<double>(bytes) / 1e6 / seconds : 0);
  emit_latency(m, "latency_us", latency_);
  emit(m, "in_flight_mean",
       seconds > 0 ? latency_.mean() * 1e-12 * static_cast<double>(latency_.count()) / seconds : 0);
  emit(m, "host_seconds", host_seconds);
  add_machine_metrics(m, at_, c, bytes);
  const double utilization = find_value(m, "cpu.utilization").value_or(0);
  const double user =
      c.time > 0 ? static_cast<double>(user_ps_) / (static_cast<double>(c.time) * at_.soc.cores())
                 : 0;
  emit(m, "bench.user", user);
  emit(m, "bench.system", utilization - user);
  emit(m, "bench.copied_bytes", static_cast<double>(copied_));
  add_driver_metrics(m, at_);
  const DeviceErrors device = device_errors(at_);
  const hw::DmaSanitizer& dma = at_.kernel.dma_sanitizer();
  for (const hw::DmaHazard& hazard : dma.reports()) p.dma_hazards.push_back(hazard.text);
  count_integrity(p, "requests_ended", latency_.count());
  count_integrity(p, "verified_reads", right_);
  count_integrity(p, "mismatched_sectors", wrong_);
  count_integrity(p, "lost_requests", settings_.requests - latency_.count());
  count_integrity(p, "guest_errors", device.guest_errors);
  count_integrity(p, "dma_hazards", dma.hazards());
  count_integrity(p, "unimplemented", device.unimplemented);
  if (!done()) {
    p.status = Status::broken;
    p.error =
        fmt::format("the machine stopped at {:.6f} s with {} of {} operations done",
                    sc_core::sc_time_stamp().to_seconds(), latency_.count(), settings_.requests);
    return p;
  }
  check_integrity(p);
  if (p.status == Status::ok && errors_ != 0 && at_.faults.empty()) {
    p.status = Status::failed;
    p.error = fmt::format("{} operations ended with an error", errors_);
  }
  return p;
}

}  // namespace

PointResult run_bench(const Scenario& scenario, const PointOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  Bench bench(scenario, options.checkers);
  if (options.on_built) options.on_built(bench.assembly().soc, bench.assembly().kernel);
  bench.run(options.progress, options.vcd);
  const std::chrono::duration<double> host = std::chrono::steady_clock::now() - start;
  return bench.result(host.count());
}

}  // namespace cesasim
