// SPDX-License-Identifier: Apache-2.0
#include "machine/vcd_recorder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "hw_model/cesa/cesa.h"
#include "hw_model/common/lookahead.h"

namespace cesasim {
namespace {

sc_core::sc_time seconds(double s) { return sc_core::sc_time(s, sc_core::SC_SEC); }

}  // namespace

VcdRecorder::VcdRecorder(const VcdWindow& window, const hw::Cesa& cesa)
    : window_(window), cesa_(cesa), done_(window.file.empty()) {}

VcdRecorder::~VcdRecorder() { end(); }

sc_core::sc_time VcdRecorder::next(sc_core::sc_time slice) {
  if (done_) return slice;
  const sc_core::sc_time now = sc_core::sc_time_stamp();
  if (trace_ == nullptr) {
    const sc_core::sc_time from = seconds(window_.from);
    if (now < from) return std::min(slice, from - now);
    begin();
  }
  if (std::isinf(window_.to)) return slice;
  const sc_core::sc_time to = seconds(window_.to);
  if (now < to) return std::min(slice, to - now);
  close();
  return slice;
}

void VcdRecorder::begin() {
  const auto fail = [this] {
    throw OutputError(fmt::format("{}: cannot be created: {}", window_.file, std::strerror(errno)));
  };
  file_ = std::make_unique<SparseFile>(window_.file);
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) fail();
  FileDescriptor reading(fds[0]);
  pipe_ = FileDescriptor(fds[1]);
  // SystemC opens a file by name, to which it appends ".vcd".
  const std::string link = vcd_link(window_.file);
  ::unlink(link.c_str());
  if (::symlink(fmt::format("/proc/self/fd/{}", fds[1]).c_str(), link.c_str()) != 0) fail();
  copier_ = std::thread([this, fd = std::move(reading)] {
    std::vector<std::uint8_t> buffer(1 << 16);
    for (ssize_t n; (n = ::read(fd.get(), buffer.data(), buffer.size())) != 0;) {
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return;
      if (failed_) continue;  // SystemC goes on writing and must not be blocked
      try {
        file_->write(bytes_, buffer.data(), static_cast<std::size_t>(n));
        bytes_ += static_cast<std::uint64_t>(n);
      } catch (...) {
        failed_ = std::current_exception();
      }
    }
  });
  trace_ = sc_core::sc_create_vcd_trace_file((window_.file + ".part").c_str());
  trace_->set_time_unit(1, sc_core::SC_PS);
  cesa_.trace(trace_);
  hw::no_lookahead = true;
}

void VcdRecorder::end() {
  if (trace_ != nullptr) {
    sc_core::sc_close_vcd_trace_file(trace_);
    trace_ = nullptr;
    hw::no_lookahead = false;
  }
  pipe_.reset();
  if (copier_.joinable()) copier_.join();
  if (file_) ::unlink(vcd_link(window_.file).c_str());
}

void VcdRecorder::close() {
  done_ = true;
  if (trace_ == nullptr) return;
  end();
  const std::unique_ptr<SparseFile> file = std::move(file_);
  if (failed_) std::rethrow_exception(failed_);
  file->commit(bytes_);
}

}  // namespace cesasim
