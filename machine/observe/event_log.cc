// SPDX-License-Identifier: Apache-2.0
#include "machine/observe/event_log.h"

#include <fmt/format.h>

#include <iterator>

#include "hw_model/cesa/registers.h"
#include "hw_model/ring/registers.h"
#include "machine/observe/time_window.h"

namespace cesasim {

using kernel::TraceEvent;

EventLog::EventLog(const ObserveOptions& options, const hw::Soc& soc)
    : file_(options.log),
      categories_(options.log_categories),
      from_(ps_of(options.log_window.from)),
      to_(ps_of(options.log_window.to)),
      soc_(soc),
      contexts_(soc.cores()) {}

/// "     0.001234567890 cesa         ..." (seconds).
template <class... Args>
void EventLog::line(LogCategory category, Ps at, std::string_view format, const Args&... args) {
  if (!wants(category, at)) return;
  std::string& text = file_.text();
  const auto out = std::back_inserter(text);
  fmt::format_to(out, "{:5}.{:012} {:<12} ", at / hw::kPsPerS, at % hw::kPsPerS,
                 log_categories()[static_cast<std::size_t>(category)].name);
  fmt::format_to(out, fmt::runtime(format), args...);
  text += '\n';
}

void EventLog::event(TraceEvent event, std::uint64_t id, std::uint64_t value, unsigned cpu, Ps at) {
  using enum LogCategory;
  switch (event) {
    case TraceEvent::dm_map:
      return line(dm, at, "cpu {} crypt_map: request {}", cpu, id);
    case TraceEvent::dm_mapped:
      return line(dm, at, "cpu {} crypt_map returns: request {}", cpu, id);
    case TraceEvent::crypto_dispatch:
      return line(ocf, at, "cpu {} dispatch: a part of request {}", cpu, id);
    case TraceEvent::crypto_work:
      return line(ocf, at, "cpu {} driver: request {} is operation {:#x}", cpu, id, value);
    case TraceEvent::ciphered:
      return line(ocf, at, "cpu {} ciphered by the processor: a part of request {}", cpu, id);
    case TraceEvent::crypto_done:
      return line(ocf, at, "cpu {} crypto_done: a part of request {}", cpu, id);
    case TraceEvent::crypto_callback:
      return line(ocf, at, "cpu {} callback: a part of request {}", cpu, id);
    case TraceEvent::disk_submit:
      return line(block, at, "cpu {} submit_bio: request {}", cpu, id);
    case TraceEvent::disk_complete:
      return line(block, at, "cpu {} bio ends: request {}, tag {}", cpu, id, value);
  }
}

void EventLog::mmio(bool write, hw::PhysAddr addr, std::uint32_t value, unsigned cpu, Ps at) {
  const auto access = [&](LogCategory category, const std::string& unit,
                          std::span<const hw::RegisterDesc> table, hw::PhysAddr offset) {
    const std::uint8_t at_table = hw::find_register(table, static_cast<std::uint32_t>(offset));
    const std::string name = at_table == hw::kNoRegister ? fmt::format("offset {:#x}", offset)
                                                         : std::string(table[at_table].name);
    line(category, at, "cpu {} {} {} {} {:#x}", cpu, write ? "write" : "read", unit, name, value);
  };
  const hw::PhysAddr cesa = soc_.cesa_regs(0);
  if (addr >= cesa && addr < cesa + hw::cesa_reg::kWindowBytes && wants(LogCategory::cesa, at)) {
    const auto where = hw::split_cesa_address(static_cast<std::uint32_t>(addr - cesa));
    access(LogCategory::cesa, fmt::format("engine {}", where.engine), hw::cesa_registers(),
           where.offset);
  }
  const hw::PhysAddr ring = soc_.ring_regs();
  if (addr >= ring && addr < ring + hw::ring_reg::kWindowBytes && wants(LogCategory::ring, at)) {
    const hw::PhysAddr offset = (addr - ring) % hw::ring_reg::kPageBytes;
    const hw::PhysAddr page = (addr - ring) / hw::ring_reg::kPageBytes;
    if (page == 0) {
      access(LogCategory::ring, "unit", hw::ring_unit_registers(), offset);
    } else {
      access(LogCategory::ring, fmt::format("ring {}", page - 1), hw::ring_registers(), offset);
    }
  }
}

void EventLog::thread(unsigned cpu, const std::string& name, Ps at) {
  line(LogCategory::sched, at, "cpu {} runs {}", cpu, name);
}

void EventLog::enter(unsigned cpu, kernel::TraceContext context, int irq, const std::string& name,
                     Ps at) {
  const bool hard = context == kernel::TraceContext::hardirq;
  std::string what = !hard     ? name
                     : irq < 0 ? "timer interrupt"
                               : fmt::format("interrupt {} {}", irq, name);
  line(LogCategory::irq, at, "cpu {} enters {}", cpu, what);
  contexts_[cpu].push_back(std::move(what));
}

void EventLog::leave(unsigned cpu, Ps at) {
  line(LogCategory::irq, at, "cpu {} leaves {}", cpu, contexts_[cpu].back());
  contexts_[cpu].pop_back();
}

void EventLog::engine_step(const hw::EngineStep& step) {
  static constexpr const char* kWork[] = {"active", "cipher", "descriptor fetch", "data in",
                                          "data out"};
  const bool cesa = step.unit == hw::CryptoUnit::cesa;
  line(cesa ? LogCategory::cesa : LogCategory::ring, step.from, "engine {} {}: {} bytes, {} ns",
       step.engine, kWork[static_cast<std::size_t>(step.work)], step.bytes,
       (step.to - step.from) / hw::kPsPerNs);
}

void EventLog::guest_error(hw::CryptoUnit unit, const std::string& report, Ps at) {
  line(LogCategory::guest_errors, at, "{}: {}", unit == hw::CryptoUnit::cesa ? "cesa" : "ring",
       report);
}

void EventLog::disk_taken(const hw::DiskCommand& command, Ps at) {
  const char* const op = command.op == hw::DiskCommand::Op::read    ? "read"
                         : command.op == hw::DiskCommand::Op::write ? "write"
                                                                    : "flush";
  line(LogCategory::disk, at, "takes tag {}: {} sector {}, {} sectors", command.tag, op,
       command.sector, command.sectors);
}

void EventLog::disk_ended(const hw::DiskCommand& command, int error, Ps at) {
  line(LogCategory::disk, at, "ends tag {}: {}", command.tag,
       error == 0 ? std::string("ok") : fmt::format("error {}", error));
}

}  // namespace cesasim
