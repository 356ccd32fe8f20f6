#include "machine/vcd_recorder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>

#include "base/file/atomic_file.h"
#include "hw_model/cesa/cesa.h"
#include "hw_model/common/lookahead.h"

namespace cesasim::study {
namespace {

sc_core::sc_time seconds(double s) { return sc_core::sc_time(s, sc_core::SC_SEC); }

}  // namespace

VcdRecorder::VcdRecorder(const VcdWindow& window, const hw::Cesa& cesa)
    : window_(window), cesa_(cesa), done_(window.file.empty()) {}

VcdRecorder::~VcdRecorder() {
  if (file_ != nullptr) sc_core::sc_close_vcd_trace_file(file_);
}

sc_core::sc_time VcdRecorder::next(sc_core::sc_time slice) {
  if (done_) return slice;
  const sc_core::sc_time now = sc_core::sc_time_stamp();
  if (file_ == nullptr) {
    const sc_core::sc_time from = seconds(window_.from);
    if (now < from) return std::min(slice, from - now);
    // SystemC only warns about a file that it cannot open.
    std::FILE* probe = std::fopen(vcd_part_file(window_.file).c_str(), "w");
    if (probe == nullptr) {
      throw OutputError(fmt::format("{}: {}", window_.file, std::strerror(errno)));
    }
    std::fclose(probe);
    file_ = sc_core::sc_create_vcd_trace_file((window_.file + ".part").c_str());
    file_->set_time_unit(1, sc_core::SC_PS);
    cesa_.trace(file_);
    hw::no_lookahead = true;
  }
  if (std::isinf(window_.to)) return slice;
  const sc_core::sc_time to = seconds(window_.to);
  if (now < to) return std::min(slice, to - now);
  close();
  return slice;
}

void VcdRecorder::close() {
  done_ = true;
  if (file_ == nullptr) return;
  sc_core::sc_close_vcd_trace_file(file_);
  file_ = nullptr;
  hw::no_lookahead = false;
  if (std::rename(vcd_part_file(window_.file).c_str(), window_.file.c_str()) != 0) {
    throw OutputError(fmt::format("{}: {}", window_.file, std::strerror(errno)));
  }
}

}  // namespace cesasim::study
