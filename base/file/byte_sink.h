// SPDX-License-Identifier: Apache-2.0
// Where bytes go, and compression on the way: a stream, memory independent of its length.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace cesasim {

/// A stream of bytes outwards. What cannot be written is an exception of the implementation.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual void write(const char* data, std::size_t size) = 0;
  /// After the last write(): a compressed stream needs its end.
  virtual void finish() {}
};

/// Bytes into memory, for tests and small things.
class StringSink : public ByteSink {
 public:
  void write(const char* data, std::size_t size) override { bytes.append(data, size); }
  std::string bytes;
};

/// "zstd" for a name that ends in .zst, "gzip" for .gz, else "plain".
const char* encoding_of_name(std::string_view path);
/// `path` without the suffix that encoding_of_name() goes by.
std::string_view without_encoding(std::string_view path);

/// A sink that compresses into `out` as the file name asks ("plain": passes through). `out`
/// must outlive it; finish() finishes both.
std::unique_ptr<ByteSink> encoding_sink(std::string_view path, ByteSink& out);

}  // namespace cesasim
