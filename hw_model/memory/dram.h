// SPDX-License-Identifier: Apache-2.0
// DRAM: bytes in host memory (touched pages only) and one shared bandwidth.
#pragma once

#include <tlm_utils/simple_target_socket.h>

#include <cstddef>
#include <cstdint>
#include <systemc>
#include <tlm>

#include "hw_model/common/units.h"
#include "hw_model/memory/dma_sanitizer.h"
#include "hw_model/memory/params.h"
#include "hw_model/memory/shared_bandwidth.h"

namespace cesasim::hw {

/// Anonymous host mapping of `size` bytes, zero until touched (no TLM: the plain core).
class DramStorage {
 public:
  /// Throws std::bad_alloc if the host refuses the mapping.
  explicit DramStorage(std::size_t size);
  ~DramStorage();
  DramStorage(const DramStorage&) = delete;
  DramStorage& operator=(const DramStorage&) = delete;
  std::uint8_t* data() { return data_; }
  std::size_t size() const { return size_; }

 private:
  std::uint8_t* data_;
  std::size_t size_;
};

/// TLM target over DramStorage. Addresses are offsets from the start of the memory.
/// b_transport adds latency and the shared-bandwidth time of the master named by the
/// MbusExtension; transport_dbg and DMI move bytes without time.
class Dram : public sc_core::sc_module {
 public:
  tlm_utils::simple_target_socket<Dram> socket;

  Dram(sc_core::sc_module_name name, const DramParams& params);

  /// Host pointer to `addr` (an offset in this memory). Precondition: addr < size().
  std::uint8_t* host(PhysAddr addr) { return storage_.data() + addr; }
  std::size_t size() const { return storage_.size(); }
  SharedBandwidth& bandwidth() { return bandwidth_; }
  const SharedBandwidth& bandwidth() const { return bandwidth_; }
  /// Is notified of every access by a master that is no core; nullptr: none.
  void set_dma_sanitizer(DmaSanitizer* sanitizer) { sanitizer_ = sanitizer; }

 private:
  void b_transport(tlm::tlm_generic_payload& trans, sc_core::sc_time& delay);
  unsigned transport_dbg(tlm::tlm_generic_payload& trans);
  bool get_direct_mem_ptr(tlm::tlm_generic_payload& trans, tlm::tlm_dmi& dmi);

  DramStorage storage_;
  SharedBandwidth bandwidth_;
  Ps read_latency_;
  DmaSanitizer* sanitizer_ = nullptr;
};

}  // namespace cesasim::hw
