// SPDX-License-Identifier: Apache-2.0
#include "kernel_model/services/mmio.h"

#include <cmath>
#include <systemc>
#include <tlm>

#include "hw_model/tlm/sc_time.h"

namespace cesasim::kernel {

/// How far the core is ahead of simulated time.
sc_core::sc_time Mmio::local_time() const { return hw::to_sc_time(scheduler_.current().pending()); }

// A device access happens at the core's local time: nothing is due before it after sync(), so the
// target need not be called later, it only has to know how far ahead the core is.
std::uint32_t Mmio::readl(PhysAddr addr, Activity activity) {
  scheduler_.sync();
  const sc_core::sc_time ahead = local_time();
  sc_core::sc_time delay = ahead;
  const std::uint32_t value = scheduler_.this_cpu().core->read32(addr, delay);
  trace(false, addr, value);
  // The core stalls until the data is there.
  scheduler_.charge_ps(activity, hw::to_ps(delay - ahead));
  return value;
}

void Mmio::writel(std::uint32_t value, PhysAddr addr, Activity activity) {
  scheduler_.charge(activity, scheduler_.costs_.mmio_write);
  scheduler_.sync();
  // Posted: the write buffer hides the path from the core, so what is added to delay is not
  // charged.
  sc_core::sc_time delay = local_time();
  trace(true, addr, value);
  scheduler_.this_cpu().core->write32(addr, value, delay);
}

void Mmio::writel_relaxed(std::uint32_t value, PhysAddr addr, Activity activity) {
  scheduler_.charge(activity, scheduler_.costs_.mmio_write);
  sc_core::sc_time delay;
  trace(true, addr, value);
  scheduler_.this_cpu().core->write32(addr, value, delay);
}

void Mmio::toio(PhysAddr dst_io, const void* src, std::size_t bytes, Activity activity) {
  scheduler_.charge(activity,
                    std::ceil(static_cast<double>(bytes) / 4) * scheduler_.costs_.io_write_word);
  scheduler_.sync();
  // What the path takes is in the cost of a word: the accesses are pipelined.
  sc_core::sc_time delay = local_time();
  auto* data = static_cast<std::uint8_t*>(const_cast<void*>(src));  // a TLM write only reads it
  scheduler_.this_cpu().core->transfer(tlm::TLM_WRITE_COMMAND, dst_io, data,
                                       static_cast<unsigned>(bytes), delay);
}

void Mmio::fromio(void* dst, PhysAddr src_io, std::size_t bytes, Activity activity) {
  scheduler_.charge(activity,
                    std::ceil(static_cast<double>(bytes) / 4) * scheduler_.costs_.io_read_word);
  scheduler_.sync();
  sc_core::sc_time delay = local_time();
  scheduler_.this_cpu().core->transfer(tlm::TLM_READ_COMMAND, src_io,
                                       static_cast<std::uint8_t*>(dst),
                                       static_cast<unsigned>(bytes), delay);
}

void Mmio::memcpy_toio(PhysAddr dst_io, PhysAddr src, std::size_t bytes) {
  const std::uint8_t* const from = memory_.cpu_read(src, bytes);
  memory_.bytes_copied_ += bytes;
  memory_.charge_with_dram(Activity::copy, scheduler_.costs_.memcpy_setup, bytes);
  toio(dst_io, from, bytes, Activity::copy);
}

void Mmio::memcpy_fromio(PhysAddr dst, PhysAddr src_io, std::size_t bytes) {
  memory_.bytes_copied_ += bytes;
  memory_.charge_with_dram(Activity::copy, scheduler_.costs_.memcpy_setup, bytes);
  fromio(memory_.cpu_write(dst, bytes), src_io, bytes, Activity::copy);
}

}  // namespace cesasim::kernel
