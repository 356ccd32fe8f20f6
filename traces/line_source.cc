// SPDX-License-Identifier: Apache-2.0
#include "traces/line_source.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "traces/field_parser.h"

namespace cesasim::traces {
namespace {

constexpr std::size_t kChunk = 256 * 1024;

std::string located(const std::string& file, std::uint64_t line, const std::string& reason) {
  if (line == 0) return file + ": " + reason;
  return file + ":" + std::to_string(line) + ": " + reason;
}

class FileSource : public ByteSource {
 public:
  explicit FileSource(const std::string& path) : path_(path) {
    fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd_ < 0) fail("cannot open");
  }
  ~FileSource() override { ::close(fd_); }
  FileSource(const FileSource&) = delete;

  std::size_t read(char* out, std::size_t size) override {
    for (;;) {
      const ssize_t n = ::read(fd_, out, size);
      if (n >= 0) return static_cast<std::size_t>(n);
      if (errno != EINTR) fail("cannot read");
    }
  }
  const char* encoding() const override { return "plain"; }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw TraceError(path_, 0, std::string(what) + ": " + std::strerror(errno));
  }

  std::string path_;
  int fd_ = -1;
};

/// A compressed stream ends before its end. Throws unless it is to be read `up_to_cut`.
bool cut_short(const std::string& path, const char* encoding, bool up_to_cut) {
  if (up_to_cut) return true;
  throw TraceError(path, 0,
                   std::string(encoding) +
                       " stream is cut short (--skip-bad-lines or workload.skip_bad_lines reads up "
                       "to the cut)");
}

class GzipSource : public ByteSource {
 public:
  GzipSource(std::string path, std::unique_ptr<ByteSource> input, bool up_to_cut)
      : path_(std::move(path)), input_(std::move(input)), buffer_(kChunk), up_to_cut_(up_to_cut) {
    constexpr int kGzipWrapper = 16;
    if (inflateInit2(&stream_, MAX_WBITS + kGzipWrapper) != Z_OK) {
      throw TraceError(path_, 0, "cannot start the gzip decoder");
    }
  }
  ~GzipSource() override { inflateEnd(&stream_); }
  GzipSource(const GzipSource&) = delete;

  std::size_t read(char* out, std::size_t size) override {
    stream_.next_out = reinterpret_cast<Bytef*>(out);
    stream_.avail_out = static_cast<uInt>(size);
    while (stream_.avail_out == size) {
      if (stream_.avail_in == 0) {
        const std::size_t n = input_->read(buffer_.data(), buffer_.size());
        if (n == 0) {
          if (in_member_) cut_ = cut_short(path_, "gzip", up_to_cut_);
          break;
        }
        stream_.next_in = reinterpret_cast<Bytef*>(buffer_.data());
        stream_.avail_in = static_cast<uInt>(n);
      }
      // A file may hold several members, one after the other, and zeros after the last.
      while (!in_member_ && stream_.avail_in > 0 && *stream_.next_in == 0) {
        ++stream_.next_in;
        --stream_.avail_in;
      }
      if (stream_.avail_in == 0) continue;
      in_member_ = true;
      const int status = inflate(&stream_, Z_NO_FLUSH);
      if (status == Z_STREAM_END) {
        in_member_ = false;
        inflateReset(&stream_);
      } else if (status != Z_OK && status != Z_BUF_ERROR) {
        throw TraceError(path_, 0,
                         std::string("gzip stream is corrupt: ") +
                             (stream_.msg != nullptr ? stream_.msg : zError(status)));
      }
    }
    return size - stream_.avail_out;
  }
  const char* encoding() const override { return "gzip"; }
  bool cut() const override { return cut_; }

 private:
  std::string path_;
  std::unique_ptr<ByteSource> input_;
  std::vector<char> buffer_;
  z_stream stream_{};
  bool up_to_cut_;
  bool cut_ = false;
  bool in_member_ = true;
};

class ZstdSource : public ByteSource {
 public:
  ZstdSource(std::string path, std::unique_ptr<ByteSource> input, bool up_to_cut)
      : path_(std::move(path)),
        input_(std::move(input)),
        buffer_(kChunk),
        up_to_cut_(up_to_cut),
        stream_(ZSTD_createDStream(), &ZSTD_freeDStream) {
    if (stream_ == nullptr) throw TraceError(path_, 0, "cannot start the zstd decoder");
  }

  std::size_t read(char* out, std::size_t size) override {
    ZSTD_outBuffer output{out, size, 0};
    bool flushing = in_frame_;  // the decoder may still hold output of input it has taken
    while (output.pos == 0) {
      if (pending_.pos == pending_.size && !flushing) {
        const std::size_t n = input_->read(buffer_.data(), buffer_.size());
        if (n == 0) {
          if (in_frame_) cut_ = cut_short(path_, "zstd", up_to_cut_);
          return 0;
        }
        pending_ = ZSTD_inBuffer{buffer_.data(), n, 0};
      }
      while (!in_frame_ && any_frame_ && pending_.pos < pending_.size &&
             buffer_[pending_.pos] == 0) {
        ++pending_.pos;
      }
      if (!in_frame_ && pending_.pos == pending_.size) continue;
      any_frame_ = true;
      flushing = false;
      const std::size_t status = ZSTD_decompressStream(stream_.get(), &output, &pending_);
      if (ZSTD_isError(status)) {
        throw TraceError(path_, 0,
                         std::string("zstd stream is corrupt: ") + ZSTD_getErrorName(status));
      }
      in_frame_ = status != 0;
    }
    return output.pos;
  }
  const char* encoding() const override { return "zstd"; }
  bool cut() const override { return cut_; }

 private:
  std::string path_;
  std::unique_ptr<ByteSource> input_;
  std::vector<char> buffer_;
  bool up_to_cut_;
  bool cut_ = false;
  bool any_frame_ = false;
  std::unique_ptr<ZSTD_DStream, std::size_t (*)(ZSTD_DStream*)> stream_;
  ZSTD_inBuffer pending_{nullptr, 0, 0};
  bool in_frame_ = false;
};

bool starts_with(std::string_view text, std::initializer_list<unsigned char> magic) {
  if (text.size() < magic.size()) return false;
  std::size_t i = 0;
  for (const unsigned char byte : magic) {
    if (static_cast<unsigned char>(text[i++]) != byte) return false;
  }
  return true;
}

}  // namespace

TraceError::TraceError(std::string file, std::uint64_t line, std::string reason)
    : std::runtime_error(located(file, line, reason)),
      file_(std::move(file)),
      line_(line),
      reason_(std::move(reason)) {}

PeekSource::PeekSource(std::unique_ptr<ByteSource> input, std::size_t bytes)
    : input_(std::move(input)), head_(bytes, '\0') {
  std::size_t got = 0;
  while (got < bytes) {
    const std::size_t n = input_->read(head_.data() + got, bytes - got);
    if (n == 0) break;
    got += n;
  }
  head_.resize(got);
}

std::size_t PeekSource::read(char* out, std::size_t size) {
  if (delivered_ == head_.size()) return input_->read(out, size);
  const std::size_t n = std::min(size, head_.size() - delivered_);
  std::memcpy(out, head_.data() + delivered_, n);
  delivered_ += n;
  return n;
}

std::unique_ptr<ByteSource> open_bytes(const std::string& path, bool up_to_cut) {
  constexpr std::size_t kMagicBytes = 4;
  auto plain = std::make_unique<PeekSource>(std::make_unique<FileSource>(path), kMagicBytes);
  const std::string_view head = plain->head();
  if (starts_with(head, {0x1f, 0x8b})) {
    return std::make_unique<GzipSource>(path, std::move(plain), up_to_cut);
  }
  // A frame, or a skippable frame (magic 0x184D2A50 to 0x184D2A5F).
  const bool skippable = head.size() == 4 && (head[0] & 0xf0) == 0x50 &&
                         starts_with(head.substr(1), {0x2a, 0x4d, 0x18});
  if (starts_with(head, {0x28, 0xb5, 0x2f, 0xfd}) || skippable) {
    return std::make_unique<ZstdSource>(path, std::move(plain), up_to_cut);
  }
  return plain;
}

LineSource::LineSource(std::string path) : LineSource(path, open_bytes(path)) {}

LineSource::LineSource(std::string path, std::unique_ptr<ByteSource> bytes)
    : path_(std::move(path)), bytes_(std::move(bytes)), buffer_(kChunk + kMaxLine + 2) {}

void LineSource::pass_over(std::uint64_t lines) {
  std::string_view line;
  for (; lines > 0 && next(line); --lines) passed_over_ += without_blanks(line).empty() ? 0 : 1;
}

bool LineSource::next(std::string_view& line) {
  std::size_t searched = begin_;
  for (;;) {
    const char* base = buffer_.data();
    const void* lf = std::memchr(base + searched, '\n', end_ - searched);
    std::size_t stop = end_;
    std::size_t after = end_;
    if (lf != nullptr) {
      stop = static_cast<std::size_t>(static_cast<const char*>(lf) - base);
      after = stop + 1;
    } else if (end_ - begin_ <= kMaxLine + 1 && !eof_) {
      const std::size_t done = end_ - begin_;
      refill();
      searched = begin_ + done;
      continue;
    } else if (begin_ == end_ || (eof_ && bytes_->cut())) {
      return false;
    }
    if (stop > begin_ && base[stop - 1] == '\r') --stop;
    ++line_number_;
    if (stop - begin_ > kMaxLine) {
      throw TraceError(path_, line_number_,
                       "line is longer than " + std::to_string(kMaxLine) + " bytes");
    }
    line = {base + begin_, stop - begin_};
    if (line_number_ == 1) line = without_bom(line);
    begin_ = after;
    return true;
  }
}

bool LineSource::refill() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  const std::size_t n = bytes_->read(buffer_.data() + end_, buffer_.size() - end_);
  end_ += n;
  eof_ = n == 0;
  return !eof_;
}

}  // namespace cesasim::traces
