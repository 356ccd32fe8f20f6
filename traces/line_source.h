// SPDX-License-Identifier: Apache-2.0
// Lines of a file that may be compressed, read as a stream: memory does not grow with length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace cesasim::traces {

/// What is wrong with a trace and where. what() reads "file:line: reason".
class TraceError : public std::runtime_error {
 public:
  /// `line` counts from 1; 0: the error belongs to no line.
  TraceError(std::string file, std::uint64_t line, std::string reason);

  const std::string& file() const { return file_; }
  std::uint64_t line() const { return line_; }
  const std::string& reason() const { return reason_; }

 private:
  std::string file_;
  std::uint64_t line_;
  std::string reason_;
};

/// A stream of bytes.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Up to `size` bytes into `out`; 0 at the end. Throws TraceError (line 0).
  virtual std::size_t read(char* out, std::size_t size) = 0;
  /// "plain", "gzip" or "zstd".
  virtual const char* encoding() const = 0;
  /// The stream ended before its end, and was read up to there (see open_bytes()).
  virtual bool cut() const { return false; }
};

/// A stream whose first bytes can be looked at before they are read.
class PeekSource : public ByteSource {
 public:
  /// Looks at up to `bytes` bytes of `input`.
  PeekSource(std::unique_ptr<ByteSource> input, std::size_t bytes);
  /// The first bytes, fewer if the stream is shorter. Valid until the first read().
  std::string_view head() const { return head_; }
  std::size_t read(char* out, std::size_t size) override;
  const char* encoding() const override { return input_->encoding(); }
  bool cut() const override { return input_->cut(); }

 private:
  std::unique_ptr<ByteSource> input_;
  std::string head_;
  std::size_t delivered_ = 0;  // of head_
};

/// Opens `path` and recognises gzip and zstd by their magic numbers; anything else is plain.
/// Throws TraceError if the file cannot be read; a stream that is cut short or corrupt
/// throws from read(). With `up_to_cut`, one that is cut short ends there instead, and cut() says
/// so. Zeros after a compressed stream (padding of tapes and block devices) are no part of it.
std::unique_ptr<ByteSource> open_bytes(const std::string& path, bool up_to_cut = false);

/// Splits a ByteSource into lines.
class LineSource {
 public:
  static constexpr std::size_t kMaxLine = 64 * 1024;

  /// Throws TraceError as open_bytes().
  explicit LineSource(std::string path);
  LineSource(std::string path, std::unique_ptr<ByteSource> bytes);

  /// Passes over the first `lines` lines. Precondition: next() was not called yet.
  void pass_over(std::uint64_t lines);
  /// How many of these hold anything but blanks.
  std::uint64_t passed_over() const { return passed_over_; }

  /// The next line without its end (LF or CR LF), the first without a byte order mark. The view
  /// holds until the next call. Returns false at the end of the file; of a stream that is cut()
  /// the last line is lost, because nothing tells whether it was whole. Throws TraceError on a
  /// stream error and on a line longer than kMaxLine.
  bool next(std::string_view& line);
  const std::string& path() const { return path_; }
  const char* encoding() const { return bytes_->encoding(); }
  /// Number of the line that next() returned last, from 1.
  std::uint64_t line_number() const { return line_number_; }
  bool cut() const { return bytes_->cut(); }

 private:
  bool refill();

  std::string path_;
  std::unique_ptr<ByteSource> bytes_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool eof_ = false;
  std::uint64_t line_number_ = 0;
  std::uint64_t passed_over_ = 0;
};

}  // namespace cesasim::traces
