// SPDX-License-Identifier: Apache-2.0
#include "driver/cesa_pio/cesa_pio.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "hw_model/cesa/registers.h"
#include "hw_model/cesa/sa_descriptor.h"

namespace cesasim::driver {

namespace reg = hw::cesa_reg;
namespace bit = hw::cesa_bit;
using hw::PhysAddr;
using kernel::Activity;
using kernel::Kernel;

CesaPio::CesaPio(Kernel& kernel, CryptoCore& crypto, const DriverCosts& costs,
                 const CesaPlatform& platform, const PioSettings& settings,
                 const Recovery& recovery)
    : KnownDriver("cesa_pio"),
      kernel_(kernel),
      crypto_(crypto),
      costs_(costs),
      settings_(settings),
      recovery_(recovery),
      restarts_(kernel, crypto, recovery.retry_tick, [this] { return has_room(); }),
      completions_(kernel, crypto) {
  if (platform.engines.empty()) throw std::invalid_argument("cesa_pio: no engine");
  for (const CesaPlatform::Engine& at : platform.engines) {
    engines_.push_back(std::make_unique<Engine>(kernel_, platform, at));
    Engine* engine = engines_.back().get();
    engine->number = static_cast<unsigned>(engines_.size() - 1);
    kernel_.request_irq(
        at.irq, [this, engine] { return crypto_int(*engine); }, "mv_crypto", at.irq_cpu);
    kernel_.kthread_run("mv_crypto", [this, engine] { queue_manag(*engine); });
  }
  const std::uint32_t driverid = crypto_.crypto_get_driverid(0, *this);
  restarts_.set_driverid(driverid);
  for (const Alg alg : kCesaAlgs) {
    crypto_.crypto_register(driverid, alg);
  }
}

CesaPio::~CesaPio() = default;

int CesaPio::newsession(std::uint32_t* lid, const CryptoIni& cri) {
  return sessions_.open(lid, cri);
}

int CesaPio::freesession(std::uint32_t lid) { return sessions_.close(lid); }

bool CesaPio::has_room() const {
  return std::any_of(engines_.begin(), engines_.end(), [this](const auto& e) { return !full(*e); });
}

int CesaPio::process(CryptoRequest* crp, int) {
  kernel_.charge(Activity::driver, costs_.pio_request);
  if (sessions_.of(*crp) == nullptr) {
    ++stats_.failed;
    crp->crp_etype = EINVAL;
    crypto_.crypto_done(crp);
    return 0;
  }
  kernel_.sync();  // the queue's state now, not when this context last looked
  const auto least = std::min_element(engines_.begin(), engines_.end(),
                                      [](auto& a, auto& b) { return a->load < b->load; });
  Engine& engine = **least;
  bool no_room = full(engine);
  const bool refused = !no_room && kernel_.fault(hw::FaultKind::queue_full);
  if (!refused && !no_room) {
    Kernel::IrqLock lock(kernel_, engine.lock, Activity::driver);
    no_room = full(engine);  // another core may have come first
    if (!no_room) {
      ++stats_.requests;
      engine.load += crp->crp_desc.crd_len;
      engine.queue.push_back(crp);
      stats_.max_queue = std::max<std::uint64_t>(stats_.max_queue, engine.queue.size());
    }
  }
  if (refused || no_room) {
    ++stats_.restarts;
    return restarts_.restart(no_room);
  }
  engine.work.wake_up();
  return 0;
}

/// The queue's thread.
void CesaPio::queue_manag(Engine& engine) {
  const PhysAddr regs = engine.at.regs;
  kernel_.writel_relaxed(bit::cfg::kNoParallel, regs + reg::kCfg, Activity::driver);
  kernel_.writel(bit::irq::kAccel0Done, regs + reg::kIntMask, Activity::driver);
  for (;;) {
    engine.work.wait_event([&] { return !engine.queue.empty(); });
    CryptoRequest* crp = engine.queue.front();
    const int error = run(engine, *crp);
    {
      Kernel::IrqLock lock(kernel_, engine.lock, Activity::driver);
      engine.queue.pop_front();
      engine.load -= crp->crp_desc.crd_len;
    }
    kernel_.charge(Activity::driver, costs_.pio_complete);
    restarts_.made_room();
    if (error != 0) {
      ++stats_.failed;
      crp->crp_etype = error;
    }
    completions_.done(crp);
  }
}

/// One request, piece by piece. 0 or errno.
int CesaPio::run(Engine& engine, CryptoRequest& crp) {
  const CryptoDesc& crd = crp.crp_desc;
  const CesaSession& session = sessions_.at(crypto_sid_lid(crp.crp_sid));
  const bool encrypt = (crd.crd_flags & CRD_F_ENCRYPT) != 0;
  const PhysAddr src = crp.crp_buf + crd.crd_skip;
  const PhysAddr dst = (crp.crp_out_buf != 0 ? crp.crp_out_buf : crp.crp_buf) + crd.crd_skip;
  const std::uint32_t base = engine.sram.offset;
  const std::uint32_t iv_bytes = alg_iv_bytes(session.alg);
  std::array<std::uint8_t, kMaxBlockLen> iv = crd.crd_iv;
  if (iv_bytes != 0 && (crd.crd_flags & CRD_F_IV_EXPLICIT) == 0) {
    std::memcpy(iv.data(), kernel_.cpu_read(crp.crp_buf + crd.crd_inject, iv_bytes), iv_bytes);
  }
  const auto& key = encrypt ? session.key_enc : session.key_dec;
  for (std::uint32_t done = 0; done < crd.crd_len;) {
    const std::uint32_t chunk = std::min(engine.sram.payload, crd.crd_len - done);
    kernel_.charge(Activity::driver, costs_.pio_chunk);
    kernel_.toio(engine.sram.bus + kSramKeyAt, key.data(), key.size(), Activity::driver);
    // Later pieces find the chaining value where the engine left it.
    if (done == 0 && iv_bytes != 0) {
      kernel_.toio(engine.sram.bus + kSramIvAt, iv.data(), iv_bytes, Activity::driver);
    }
    kernel_.memcpy_toio(engine.sram.bus + kSramDataAt, src + done, chunk);
    const std::array<std::uint32_t, 8> descriptor = {session.config | (encrypt ? 0 : kSaDecrypt),
                                                     (base + kSramDataAt) | (base + kSramDataAt)
                                                                                << 16,
                                                     chunk,
                                                     base + kSramKeyAt,
                                                     (base + kSramIvAt) | (base + kSramIvAt) << 16,
                                                     0,
                                                     0,
                                                     0};
    kernel_.toio(engine.sram.bus, descriptor.data(), sizeof descriptor, Activity::driver);
    engine.done = false;
    ++stats_.launches;
    kernel_.trace(kernel::TraceEvent::crypto_work, crp.crp_id, engine.number);
    kernel_.writel_relaxed(base, engine.at.regs + reg::kDescP0, Activity::driver);
    kernel_.writel(bit::cmd::kActivate0, engine.at.regs + reg::kCmd, Activity::driver);
    if (const int error = wait_for(engine)) return error;
    kernel_.memcpy_fromio(dst + done, engine.sram.bus + kSramDataAt, chunk);
    done += chunk;
  }
  return 0;
}

/// Sleeps until the operation's interrupt. 0, or EIO after the watchdog has stopped the engine.
int CesaPio::wait_for(Engine& engine) {
  if (!recovery_.watchdog) {
    engine.operation.wait_event([&] { return engine.done; });
    return 0;
  }
  const auto patience = static_cast<hw::Ps>(recovery_.watchdog_ms * hw::kPsPerMs);
  if (engine.operation.wait_event_timeout([&] { return engine.done; }, patience)) return 0;
  kernel_.charge(Activity::driver, costs_.watchdog);
  ++stats_.watchdog_recoveries;
  // Only the done cause says that the result is there: CMD reads 0 after an error too.
  if (crypto_int(engine)) return 0;
  const PhysAddr regs = engine.at.regs;
  kernel_.writel(bit::cmd::kStop, regs + reg::kCmd, Activity::driver);
  kernel_.writel(0, regs + reg::kIntCause, Activity::driver);
  return EIO;
}

bool CesaPio::crypto_int(Engine& engine) {
  kernel_.charge(Activity::driver, costs_.pio_irq);
  const PhysAddr regs = engine.at.regs;
  const std::uint32_t status = kernel_.readl(regs + reg::kIntCause, Activity::driver);
  if ((status & bit::irq::kAccel0Done) == 0) return false;
  ++stats_.interrupts;
  kernel_.writel_relaxed(~status, regs + reg::kFpgaIntStatus, Activity::driver);
  kernel_.writel(~bit::irq::kAccel0Done, regs + reg::kIntCause, Activity::driver);
  engine.done = true;
  engine.operation.wake_up();
  return true;
}

}  // namespace cesasim::driver
