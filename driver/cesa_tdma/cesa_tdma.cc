// SPDX-License-Identifier: Apache-2.0
#include "driver/cesa_tdma/cesa_tdma.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <stdexcept>
#include <utility>

#include "hw_model/cesa/registers.h"

namespace cesasim::driver {

namespace reg = hw::cesa_reg;
namespace bit = hw::cesa_bit;
using hw::PhysAddr;
using kernel::Activity;
using kernel::Kernel;

namespace {

constexpr std::uint32_t kOpBytes = 128;   // descriptor + context, first chunk and result
constexpr std::uint32_t kDescBytes = 32;  // later chunks: the descriptor alone
// The software descriptor is twice the hardware's 16 bytes.
constexpr std::size_t kTdmaDescBytes = 32;
constexpr std::uint32_t kTdmaOwn = bit::tdma_byte_count::kOwn;

constexpr std::uint32_t kTdmaControl = bit::tdma_control::kDstBurst128 |
                                       bit::tdma_control::kSrcBurst128 |
                                       bit::tdma_control::kNoByteSwap | bit::tdma_control::kEnable;
constexpr std::uint32_t kCfg = bit::cfg::kCh0WaitDma | bit::cfg::kCh0ActivateDma |
                               bit::cfg::kMultiPacketChain | bit::cfg::kNoParallel;

}  // namespace

CesaTdma::CesaTdma(Kernel& kernel, CryptoCore& crypto, const DriverCosts& costs,
                   const CesaPlatform& platform, const TdmaSettings& settings,
                   const Recovery& recovery)
    : KnownDriver("cesa_tdma"),
      kernel_(kernel),
      crypto_(crypto),
      costs_(costs),
      settings_(settings),
      recovery_(recovery),
      restarts_(kernel, crypto, recovery.retry_tick, [this] { return has_room(); }),
      patience_(static_cast<hw::Ps>(recovery.watchdog_ms * hw::kPsPerMs)),
      completions_(kernel, crypto) {
  if (platform.engines.empty()) throw std::invalid_argument("cesa_tdma: no engine");
  for (const CesaPlatform::Engine& at : platform.engines) {
    engines_.push_back(std::make_unique<Engine>(platform, at));
  }
  for (auto& e : engines_) {
    Engine* engine = e.get();
    if (settings_.threaded_irq) {
      kernel_.request_threaded_irq(
          engine->at.irq, nullptr, [this, engine] { mv_cesa_int(*engine); }, "cesa",
          engine->at.irq_cpu);
    } else {
      kernel_.request_irq(
          engine->at.irq, [this, engine] { return mv_cesa_int(*engine); }, "cesa",
          engine->at.irq_cpu);
    }
  }
  driverid_ = crypto_.crypto_get_driverid(0, *this);
  restarts_.set_driverid(driverid_);
  for (const Alg alg : kCesaAlgs) {
    crypto_.crypto_register(driverid_, alg);
  }
  watchdog_.fn = [this] { watch(); };
  // Probe: address window 0 covers DRAM, the interrupt mask lets the chain's end through. Runs
  // as a thread because registers can be reached from a modelled context only.
  const std::uint64_t dram = platform.dram_bytes;
  kernel_.kthread_run("cesa_probe", [this, dram] {
    for (auto& e : engines_) {
      const PhysAddr regs = e->at.regs;
      const auto size_field = static_cast<std::uint32_t>((dram - 1) & 0xFFFF0000);
      kernel_.writel_relaxed(0, regs + reg::tdma_win_base(0), Activity::driver);
      kernel_.writel_relaxed(size_field | bit::tdma_win::kEnable, regs + reg::tdma_win_ctrl(0),
                             Activity::driver);
      kernel_.writel_relaxed(bit::cfg::kNoParallel, regs + reg::kCfg, Activity::driver);
      kernel_.writel_relaxed(e->sram.offset, regs + reg::kDescP0, Activity::driver);
      if (recovery_.watchdog) {
        kernel_.writel_relaxed(bit::tdma_error::kMiss | bit::tdma_error::kDoubleHit |
                                   bit::tdma_error::kBothHit | bit::tdma_error::kDataError,
                               regs + reg::kTdmaErrorMask, Activity::driver);
      }
      kernel_.writel(bit::irq::kAccel0DmaDone, regs + reg::kIntMask, Activity::driver);
    }
    probed_ = true;
    restarts_.made_room();
  });
}

CesaTdma::~CesaTdma() = default;

int CesaTdma::newsession(std::uint32_t* lid, const CryptoIni& cri) {
  return sessions_.open(lid, cri);
}

int CesaTdma::freesession(std::uint32_t lid) { return sessions_.close(lid); }

/// A request with all that it takes for so many pieces, so that what it takes of the pools is its
/// own from here on; nullptr when there is no memory for that.
CesaTdma::Request* CesaTdma::get_request(std::size_t chunks) {
  Request* r = &request_slab_.take();
  r->error = 0;
  r->used_descriptors = r->used_ops = 0;
  if (pool_take(op_pool_, kOpBytes, chunks, r->ops) &&
      pool_take(descriptor_pool_, kTdmaDescBytes, 4 * chunks + 1, r->descriptors)) {
    return r;
  }
  put_request(*r);
  return nullptr;
}

void CesaTdma::put_request(Request& request) {
  descriptor_pool_.insert(descriptor_pool_.end(), request.descriptors.rbegin(),
                          request.descriptors.rend());
  op_pool_.insert(op_pool_.end(), request.ops.begin(), request.ops.end());
  request.descriptors.clear();
  request.ops.clear();
  request_slab_.put(request);
}

/// `count` elements into `out`; false, and none, when there is no memory for them.
bool CesaTdma::pool_take(std::vector<PhysAddr>& pool, std::size_t bytes, std::size_t count,
                         std::vector<PhysAddr>& out) {
  while (pool.size() < count) {
    // dma_pool grows by a page of coherent memory.
    PhysAddr page = 0;
    try {
      page = kernel_.dma_alloc_coherent(hw::kPageBytes);
    } catch (const std::bad_alloc&) {
      return false;
    }
    for (std::size_t at = hw::kPageBytes; at >= bytes; at -= bytes) {
      pool.push_back(page + at - bytes);
    }
  }
  out.assign(pool.rbegin(), pool.rbegin() + static_cast<std::ptrdiff_t>(count));
  pool.resize(pool.size() - count);
  return true;
}

void CesaTdma::store32(PhysAddr addr, std::uint32_t value) {
  std::memcpy(kernel_.phys_to_virt(addr), &value, 4);
}

PhysAddr CesaTdma::mv_cesa_dma_add_desc(Request& request, std::uint32_t byte_count, PhysAddr src,
                                        PhysAddr dst) {
  kernel_.charge(Activity::driver, costs_.tdma_descriptor);
  const std::size_t n = request.used_descriptors++;
  const PhysAddr d = request.descriptors[n];
  store32(d, byte_count);
  store32(d + 4, static_cast<std::uint32_t>(src));
  store32(d + 8, static_cast<std::uint32_t>(dst));
  store32(d + 12, 0);
  if (n != 0) store32(request.descriptors[n - 1] + 12, static_cast<std::uint32_t>(d));
  return d;
}

PhysAddr CesaTdma::mv_cesa_dma_add_op(Request& request) {
  kernel_.charge(Activity::driver, costs_.tdma_op);
  const PhysAddr op = request.ops[request.used_ops++];
  std::memset(kernel_.phys_to_virt(op), 0, kOpBytes);
  return op;
}

void CesaTdma::mv_cesa_skcipher_dma_req_init(const CesaSram& sram, Request& request,
                                             const CesaSession& session, bool encrypt,
                                             const std::uint8_t* iv) {
  const std::uint32_t base = sram.offset;
  const std::uint32_t config = session.config | (encrypt ? 0 : kSaDecrypt);
  std::uint32_t done = 0;
  while (done < request.bytes) {
    const std::uint32_t chunk = std::min(sram.payload, request.bytes - done);
    const PhysAddr op = mv_cesa_dma_add_op(request);
    store32(op, config);
    store32(op + 4, (base + kSramDataAt) | (base + kSramDataAt) << 16);
    store32(op + 8, chunk);
    store32(op + 12, base + kSramKeyAt);
    store32(op + 16, (base + kSramIvAt) | (base + kSramIvAt) << 16);
    const bool first = done == 0;
    if (first) {
      const auto& key = encrypt ? session.key_enc : session.key_dec;
      std::memcpy(kernel_.phys_to_virt(op + kSramKeyAt), key.data(), key.size());
      std::memcpy(kernel_.phys_to_virt(op + kSramIvAt), iv, alg_iv_bytes(session.alg));
    }
    // Later chunks find the chaining value where the engine left it, at kSramIvAt.
    mv_cesa_dma_add_desc(request, kTdmaOwn | (first ? kOpBytes : kDescBytes), op,
                         sram.bus + kSramDescAt);
    mv_cesa_dma_add_desc(request, kTdmaOwn | chunk, request.data + done, sram.bus + kSramDataAt);
    const PhysAddr launch =
        mv_cesa_dma_add_desc(request, 0, 0, 0);  // not owned: the accelerator runs
    kernel_.trace(kernel::TraceEvent::crypto_work, request.crp->crp_id, launch);
    mv_cesa_dma_add_desc(request, kTdmaOwn | chunk, sram.bus + kSramDataAt, request.out + done);
    done += chunk;
  }
  // The result, so that the next request may overwrite the SRAM without the processor.
  mv_cesa_dma_add_desc(request, kTdmaOwn | kOpBytes, sram.bus, request.ops.front());
}

/// The engine with the least load, which grows when the request is queued. Linux adds to it here.
CesaTdma::Engine& CesaTdma::mv_cesa_select_engine() {
  return **std::min_element(engines_.begin(), engines_.end(),
                            [](auto& a, auto& b) { return a->load < b->load; });
}

int CesaTdma::process(CryptoRequest* crp, int) {
  kernel_.charge(Activity::driver, costs_.tdma_request);
  const CryptoDesc& crd = crp->crp_desc;
  const auto end = [&](int error) {
    ++stats_.failed;
    crp->crp_etype = error;
    crypto_.crypto_done(crp);
    return 0;
  };
  const CesaSession* session = sessions_.of(*crp);
  if (session == nullptr) return end(EINVAL);
  kernel_.sync();  // the queues' state now, not when this context last looked
  Engine& engine = mv_cesa_select_engine();
  if (!probed_ || full(engine)) return restart();
  // There is room: nothing but the timer would unblock.
  if (kernel_.fault(hw::FaultKind::queue_full)) return restart(false);
  const std::size_t chunks = (crd.crd_len + engine.sram.payload - 1) / engine.sram.payload;
  Request* const made = get_request(chunks);
  if (made == nullptr) {
    // The requests that hold descriptors will release them.
    if (request_slab_.in_use() == 0) return end(ENOMEM);
    starved_ = true;
    return restart();
  }
  ++engine.claimed;
  Request& request = *made;
  request.crp = crp;
  request.bytes = crd.crd_len;
  // Before the buffer belongs to the device.
  std::array<std::uint8_t, kMaxBlockLen> iv = crd.crd_iv;
  const std::uint32_t bytes = alg_iv_bytes(crd.crd_alg);
  if (bytes != 0 && (crd.crd_flags & CRD_F_IV_EXPLICIT) == 0) {
    std::memcpy(iv.data(), kernel_.cpu_read(crp->crp_buf + crd.crd_inject, bytes), bytes);
  }
  using enum Kernel::DmaDirection;
  const bool in_place = crp->crp_out_buf == 0;
  request.data = kernel_.dma_map_single(crp->crp_buf + crd.crd_skip, crd.crd_len,
                                        in_place ? bidirectional : to_device);
  request.out =
      in_place ? request.data
               : kernel_.dma_map_single(crp->crp_out_buf + crd.crd_skip, crd.crd_len, from_device);
  mv_cesa_skcipher_dma_req_init(engine.sram, request, *session,
                                (crd.crd_flags & CRD_F_ENCRYPT) != 0, iv.data());
  mv_cesa_queue_req(engine, request);
  return 0;
}

int CesaTdma::restart(bool comes_back) {
  ++stats_.restarts;
  return restarts_.restart(comes_back);
}

bool CesaTdma::full(const Engine& engine) const {
  return engine.queue.size() + engine.claimed >= settings_.queue_depth;
}

bool CesaTdma::has_room() const {
  return probed_ && !starved_ &&
         std::any_of(engines_.begin(), engines_.end(), [this](const auto& e) { return !full(*e); });
}

void CesaTdma::mv_cesa_queue_req(Engine& engine, Request& request) {
  Kernel::IrqLock lock(kernel_, engine.lock, Activity::driver);
  --engine.claimed;
  ++stats_.requests;
  engine.load += request.bytes;
  // Behind the requests that wait (the software chain); never into a chain already running.
  if (settings_.chain && engine.queue.size() > engine.in_hw) {
    mv_cesa_tdma_chain(*engine.queue.back(), request);
  }
  engine.queue.push_back(&request);
  stats_.max_queue = std::max<std::uint64_t>(stats_.max_queue, engine.queue.size());
  if (engine.in_hw == 0) mv_cesa_dma_step(engine);
}

void CesaTdma::mv_cesa_dma_step(Engine& engine) {
  // All that wait form the chain; it was linked as they came.
  engine.in_hw = settings_.chain ? engine.queue.size() : 1;
  engine.seen = 0;
  engine.moved = kernel_.now();
  ++stats_.launches;
  stats_.max_chain = std::max<std::uint64_t>(stats_.max_chain, engine.in_hw);
  kernel_.charge(Activity::driver, costs_.tdma_launch);
  const PhysAddr regs = engine.at.regs;
  const PhysAddr first = engine.queue.front()->descriptors.front();
  kernel_.writel_relaxed(0, regs + reg::kCfg, Activity::driver);
  kernel_.writel_relaxed(kTdmaControl, regs + reg::kTdmaControl, Activity::driver);
  kernel_.writel_relaxed(kCfg, regs + reg::kCfg, Activity::driver);
  kernel_.writel_relaxed(static_cast<std::uint32_t>(first), regs + reg::kTdmaNext,
                         Activity::driver);
  // Linux warns if the engine still runs; here the unit counts the guest error. The read also
  // pushes the posted writes out.
  kernel_.readl(regs + reg::kCmd, Activity::driver);
  kernel_.writel(bit::cmd::kActivate0, regs + reg::kCmd, Activity::driver);
  if (recovery_.watchdog && !watchdog_.armed) kernel_.mod_timer(watchdog_, patience_ / 4);
}

bool CesaTdma::mv_cesa_int(Engine& engine) {
  const PhysAddr regs = engine.at.regs;
  kernel_.charge(Activity::driver, costs_.tdma_irq);
  for (bool handled = false;; handled = true) {
    const std::uint32_t events = engine.events;
    const std::uint32_t status = kernel_.readl(regs + reg::kIntCause, Activity::driver);
    const bool done = (status & bit::irq::kAccel0DmaDone) != 0;
    if (!done && !dma_error(engine)) return handled;
    {
      Kernel::IrqLock lock(kernel_, engine.lock, Activity::driver);
      if (engine.events != events) continue;  // the watchdog came in between
      ++stats_.interrupts;
      if (done) {
        mv_cesa_int_process(engine, status);
      } else {
        restart_engine(engine);
      }
    }
    complete_all(engine);
  }
}

/// Whether the DMA says that it stopped. Linux's driver never asks.
bool CesaTdma::dma_error(Engine& engine) {
  return recovery_.watchdog &&
         kernel_.readl(engine.at.regs + reg::kTdmaErrorCause, Activity::driver) != 0;
}

void CesaTdma::mv_cesa_int_process(Engine& engine, std::uint32_t status) {
  ++engine.events;
  const PhysAddr regs = engine.at.regs;
  kernel_.writel_relaxed(~status, regs + reg::kFpgaIntStatus, Activity::driver);
  kernel_.writel(~status, regs + reg::kIntCause, Activity::driver);
  mv_cesa_tdma_process(engine);
  if (engine.in_hw == 0 && !engine.queue.empty()) mv_cesa_dma_step(engine);
}

void CesaTdma::complete_all(Engine& engine) {
  for (bool unblocked = false; !engine.complete.empty();) {
    Request& request = *engine.complete.front();
    engine.complete.pop_front();
    CryptoRequest* const crp = request.crp;
    if (request.error != 0) {
      ++stats_.failed;
      crp->crp_etype = request.error;
    }
    mv_cesa_skcipher_cleanup(engine, request);
    // Once for all, unless who waits for memory may get it from this one.
    if (!std::exchange(unblocked, true) || starved_) {
      starved_ = false;
      restarts_.made_room();
    }
    completions_.done(crp);
  }
}

/// Whether a descriptor is one of the chain that the engine was given.
bool CesaTdma::chain_holds(const Engine& engine, std::uint32_t descriptor) const {
  return std::any_of(
      engine.queue.begin(), engine.queue.begin() + static_cast<std::ptrdiff_t>(engine.in_hw),
      [descriptor](const Request* request) {
        return std::ranges::find(request->descriptors, descriptor) != request->descriptors.end();
      });
}

/// As Linux does, whose driver has no doubt that CURRENT is in the chain.
void CesaTdma::mv_cesa_tdma_process(Engine& engine) {
  take_ended(engine, kernel_.readl(engine.at.regs + reg::kTdmaCurrent, Activity::driver));
}

void CesaTdma::take_ended(Engine& engine, std::uint32_t current) {
  // Walks the chain up to the current descriptor: a request has ended if its last one was met.
  while (engine.in_hw > 0) {
    Request* request = engine.queue.front();
    const auto& chain = request->descriptors;
    const auto at = std::find(chain.begin(), chain.end(), current);
    if (at != chain.end() && at + 1 != chain.end()) break;  // it is still in this request
    engine.queue.pop_front();
    --engine.in_hw;
    engine.complete.push_back(request);
    if (at != chain.end()) break;
  }
}

/// A timer's look at every engine: one whose DMA has stood still for too long has finished unheard,
/// has stopped with an error that nobody heard of, or is stuck.
void CesaTdma::watch() {
  bool working = false;
  for (auto& e : engines_) {
    Engine& engine = *e;
    kernel_.charge(Activity::driver, costs_.watchdog);
    {
      Kernel::IrqLock lock(kernel_, engine.lock, Activity::driver);
      if (engine.in_hw == 0) continue;
      working = true;
      const PhysAddr regs = engine.at.regs;
      const std::uint32_t current = kernel_.readl(regs + reg::kTdmaCurrent, Activity::driver);
      if (current != engine.seen) {
        engine.seen = current;
        engine.moved = kernel_.now();
      }
      if (kernel_.now() < engine.moved + patience_) continue;
      ++stats_.watchdog_recoveries;
      const std::uint32_t status = kernel_.readl(regs + reg::kIntCause, Activity::driver);
      if ((status & bit::irq::kAccel0DmaDone) != 0) {
        mv_cesa_int_process(engine, status);
      } else {
        restart_engine(engine);
      }
    }
    complete_all(engine);
  }
  if (working && !watchdog_.armed) kernel_.mod_timer(watchdog_, patience_ / 4);
}

void CesaTdma::restart_engine(Engine& engine) {
  ++engine.events;
  const PhysAddr regs = engine.at.regs;
  kernel_.writel(bit::cmd::kStop, regs + reg::kCmd, Activity::driver);
  kernel_.writel_relaxed(0, regs + reg::kTdmaErrorCause, Activity::driver);
  kernel_.writel(0, regs + reg::kIntCause, Activity::driver);
  if (engine.in_hw != 0) {
    // What the DMA has left behind it is done. The request that it stands in may be half done, the
    // later ones have not been touched. A DMA that could not even fetch the chain's first
    // descriptor still shows where the last chain ended.
    const std::uint32_t next = kernel_.readl(regs + reg::kTdmaNext, Activity::driver);
    std::size_t unknown = 1;
    if (next != engine.queue.front()->descriptors.front()) {
      const std::uint32_t current = kernel_.readl(regs + reg::kTdmaCurrent, Activity::driver);
      if (chain_holds(engine, current)) {
        take_ended(engine, current);
      } else {
        unknown = engine.in_hw;
      }
    }
    for (; engine.in_hw != 0 && unknown != 0; --unknown, --engine.in_hw) {
      engine.queue.front()->error = EIO;
      engine.complete.push_back(engine.queue.front());
      engine.queue.pop_front();
    }
    engine.in_hw = 0;
  }
  // The rest of this chain and those that waited behind it become one.
  for (std::size_t i = 1; settings_.chain && i < engine.queue.size(); ++i) {
    mv_cesa_tdma_chain(*engine.queue[i - 1], *engine.queue[i]);
  }
  if (!engine.queue.empty()) mv_cesa_dma_step(engine);
}

/// The DMA goes from the end of `before` to `request`.
void CesaTdma::mv_cesa_tdma_chain(const Request& before, const Request& request) {
  store32(before.descriptors.back() + 12, static_cast<std::uint32_t>(request.descriptors.front()));
}

/// Buffer, descriptors and place.
void CesaTdma::mv_cesa_skcipher_cleanup(Engine& engine, Request& request) {
  kernel_.charge(Activity::driver, costs_.tdma_complete);
  engine.load -= request.bytes;
  using enum Kernel::DmaDirection;
  if (request.out == request.data) {
    kernel_.dma_unmap_single(request.data, request.bytes, bidirectional);
  } else {
    kernel_.dma_unmap_single(request.data, request.bytes, to_device);
    kernel_.dma_unmap_single(request.out, request.bytes, from_device);
  }
  put_request(request);
}

}  // namespace cesasim::driver
