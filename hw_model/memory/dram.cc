// SPDX-License-Identifier: Apache-2.0
#include "hw_model/memory/dram.h"

#include <sys/mman.h>

#include <new>

#include "hw_model/tlm/memory_access.h"
#include "hw_model/tlm/sc_time.h"

namespace cesasim::hw {

DramStorage::DramStorage(std::size_t size) : size_(size) {
  void* p = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                 -1, 0);
  if (p == MAP_FAILED) throw std::bad_alloc();
  data_ = static_cast<std::uint8_t*>(p);
}

DramStorage::~DramStorage() { munmap(data_, size_); }

Dram::Dram(sc_core::sc_module_name name, const DramParams& params)
    : sc_module(name),
      socket("socket"),
      storage_(std::size_t{params.size_mib} << 20),
      bandwidth_(params.bandwidth_bytes_per_s),
      read_latency_(static_cast<Ps>(params.read_latency_ns * kPsPerNs)) {
  socket.register_b_transport(this, &Dram::b_transport);
  socket.register_transport_dbg(this, &Dram::transport_dbg);
  socket.register_get_direct_mem_ptr(this, &Dram::get_direct_mem_ptr);
}

void Dram::b_transport(tlm::tlm_generic_payload& trans, sc_core::sc_time& delay) {
  trans.set_response_status(memory_response(trans, size()));
  if (!trans.is_response_ok()) return;
  memory_move(trans, storage_.data());
  trans.set_dmi_allowed(true);
  const auto* ext = trans.get_extension<MbusExtension>();
  const unsigned master = ext ? ext->master : 0;
  Ps own = ext ? ext->own_ps : 0;
  if (trans.is_read() && !(ext && ext->continued)) own += read_latency_;
  const Ps start = now_ps() + to_ps(delay);
  if (sanitizer_ != nullptr && master >= mbus_master_tdma(0)) {
    if (trans.is_read()) {
      sanitizer_->device_read(master, trans.get_address(), trans.get_data_length(), start);
    } else if (trans.is_write()) {
      sanitizer_->device_write(master, trans.get_address(), trans.get_data_length(), start);
    }
  }
  const Ps took = bandwidth_.transfer(master, start, trans.get_data_length(), own);
  delay += to_sc_time(took);
}

unsigned Dram::transport_dbg(tlm::tlm_generic_payload& trans) {
  return memory_debug(trans, storage_.data(), size());
}

bool Dram::get_direct_mem_ptr(tlm::tlm_generic_payload& trans, tlm::tlm_dmi& dmi) {
  if (trans.get_address() >= size()) return false;
  dmi.set_dmi_ptr(storage_.data());
  dmi.set_start_address(0);
  dmi.set_end_address(size() - 1);
  dmi.allow_read_write();
  trans.set_response_status(tlm::TLM_OK_RESPONSE);
  return true;
}

}  // namespace cesasim::hw
