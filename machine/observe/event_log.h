// SPDX-License-Identifier: Apache-2.0
// What happens in a run, line by line, by categories (as QEMU's -d and gem5's debug flags).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/file/text_file.h"
#include "hw_model/common/tracer.h"
#include "hw_model/disk/disk_command.h"
#include "hw_model/soc/soc.h"
#include "kernel_model/tracer.h"
#include "machine/observe/log_category.h"
#include "machine/observe/options.h"

namespace cesasim {

using hw::Ps;

/// Errors: as TextFile.
class EventLog {
 public:
  EventLog(const ObserveOptions& options, const hw::Soc& soc);

  void event(kernel::TraceEvent event, std::uint64_t id, std::uint64_t value, unsigned cpu, Ps at);
  void mmio(bool write, hw::PhysAddr addr, std::uint32_t value, unsigned cpu, Ps at);
  void thread(unsigned cpu, const std::string& name, Ps at);
  void enter(unsigned cpu, kernel::TraceContext context, int irq, const std::string& name, Ps at);
  void leave(unsigned cpu, Ps at);
  void engine_step(const hw::EngineStep& step);
  void guest_error(hw::CryptoUnit unit, const std::string& report, Ps at);
  void disk_taken(const hw::DiskCommand& command, Ps at);
  void disk_ended(const hw::DiskCommand& command, int error, Ps at);

  void flush() { file_.flush(); }
  void commit() { file_.commit(); }

 private:
  bool wants(LogCategory category, Ps at) const {
    return (categories_ >> static_cast<unsigned>(category) & 1) != 0 && at >= from_ && at <= to_;
  }
  template <class... Args>
  void line(LogCategory category, Ps at, std::string_view format, const Args&... args);

  TextFile file_;
  std::uint32_t categories_;
  Ps from_;
  Ps to_;
  const hw::Soc& soc_;
  std::vector<std::vector<std::string>> contexts_;  // of each core, innermost last
};

}  // namespace cesasim
