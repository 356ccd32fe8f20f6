#include "traces/line_source.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

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

class GzipSource : public ByteSource {
 public:
  GzipSource(std::string path, std::unique_ptr<ByteSource> input)
      : path_(std::move(path)), input_(std::move(input)), buffer_(kChunk) {
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
          if (in_member_) throw TraceError(path_, 0, "gzip stream is cut short");
          return 0;
        }
        stream_.next_in = reinterpret_cast<Bytef*>(buffer_.data());
        stream_.avail_in = static_cast<uInt>(n);
      }
      in_member_ = true;  // a file may hold several members, one after the other
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

 private:
  std::string path_;
  std::unique_ptr<ByteSource> input_;
  std::vector<char> buffer_;
  z_stream stream_{};
  bool in_member_ = true;
};

class ZstdSource : public ByteSource {
 public:
  ZstdSource(std::string path, std::unique_ptr<ByteSource> input)
      : path_(std::move(path)),
        input_(std::move(input)),
        buffer_(kChunk),
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
          if (in_frame_) throw TraceError(path_, 0, "zstd stream is cut short");
          return 0;
        }
        pending_ = ZSTD_inBuffer{buffer_.data(), n, 0};
      }
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

 private:
  std::string path_;
  std::unique_ptr<ByteSource> input_;
  std::vector<char> buffer_;
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

std::unique_ptr<ByteSource> open_bytes(const std::string& path) {
  constexpr std::size_t kMagicBytes = 4;
  auto plain = std::make_unique<PeekSource>(std::make_unique<FileSource>(path), kMagicBytes);
  const std::string_view head = plain->head();
  if (starts_with(head, {0x1f, 0x8b})) {
    return std::make_unique<GzipSource>(path, std::move(plain));
  }
  // A frame, or a skippable frame (magic 0x184D2A50 to 0x184D2A5F).
  const bool skippable = head.size() == 4 && (head[0] & 0xf0) == 0x50 &&
                         starts_with(head.substr(1), {0x2a, 0x4d, 0x18});
  if (starts_with(head, {0x28, 0xb5, 0x2f, 0xfd}) || skippable) {
    return std::make_unique<ZstdSource>(path, std::move(plain));
  }
  return plain;
}

LineSource::LineSource(std::string path) : LineSource(path, open_bytes(path)) {}

LineSource::LineSource(std::string path, std::unique_ptr<ByteSource> bytes)
    : path_(std::move(path)), bytes_(std::move(bytes)), buffer_(kChunk + kMaxLine + 2) {}

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
    } else if (begin_ == end_) {
      return false;
    }
    if (stop > begin_ && base[stop - 1] == '\r') --stop;
    ++line_number_;
    if (stop - begin_ > kMaxLine) {
      throw TraceError(path_, line_number_,
                       "line is longer than " + std::to_string(kMaxLine) + " bytes");
    }
    line = {base + begin_, stop - begin_};
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
