// SPDX-License-Identifier: Apache-2.0
// A text that grows during a run and becomes a file at its end.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/file/atomic_file.h"
#include "base/file/byte_sink.h"

namespace cesasim {

/// Text is collected in memory and goes to the file, compressed as its name asks, by flush(): the
/// stacks of simulated threads are too small for a compressor. Until commit() it is a part file,
/// which goes again if there is no commit(). Errors: OutputError.
class TextFile {
 public:
  explicit TextFile(const std::string& path) : file_(path), encoded_(encoding_sink(path, file_)) {}
  TextFile(const TextFile&) = delete;
  TextFile& operator=(const TextFile&) = delete;

  std::string& text() { return text_; }
  void flush() {
    encoded_->write(text_.data(), text_.size());
    text_.clear();
  }
  void commit() {
    flush();
    encoded_->finish();
    file_.commit();
  }

 private:
  struct File : ByteSink {
    explicit File(const std::string& path) : file(path) {}
    void write(const char* data, std::size_t bytes) override {
      file.write(size, reinterpret_cast<const std::uint8_t*>(data), bytes);
      size += bytes;
    }
    void commit() { file.commit(size); }
    SparseFile file;
    std::uint64_t size = 0;
  };

  File file_;
  std::unique_ptr<ByteSink> encoded_;
  std::string text_;
};

}  // namespace cesasim
