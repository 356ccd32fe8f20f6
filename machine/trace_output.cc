// SPDX-License-Identifier: Apache-2.0
#include "machine/trace_output.h"

#include <cstdio>
#include <optional>

namespace cesasim {

class TraceOutput::Sink : public ByteSink {
 public:
  explicit Sink(const std::string& path) {
    if (path != "-") file_.emplace(path);
  }
  void write(const char* data, std::size_t size) override {
    if (file_) {
      file_->write(size_, reinterpret_cast<const std::uint8_t*>(data), size);
    } else if (std::fwrite(data, 1, size, stdout) != size) {
      throw OutputError("standard output cannot be written");
    }
    size_ += size;
  }
  void commit() {
    if (file_) file_->commit(size_);
  }

 private:
  std::optional<SparseFile> file_;
  std::uint64_t size_ = 0;
};

TraceOutput::TraceOutput(const std::string& path, traces::TraceFormat format)
    : file_(std::make_unique<Sink>(path)),
      encoded_(encoding_sink(path, *file_)),
      writer_(traces::make_writer(format, *encoded_)) {}

TraceOutput::~TraceOutput() = default;

void TraceOutput::commit() {
  writer_->finish();
  file_->commit();
}

}  // namespace cesasim
