// SPDX-License-Identifier: Apache-2.0
#include "base/file/byte_sink.h"

#include <zlib.h>
#include <zstd.h>

#include <array>
#include <stdexcept>
#include <vector>

namespace cesasim {
namespace {

constexpr std::size_t kChunk = 64 * 1024;

class PlainSink : public ByteSink {
 public:
  explicit PlainSink(ByteSink& out) : out_(out) {}
  void write(const char* data, std::size_t size) override { out_.write(data, size); }
  void finish() override { out_.finish(); }

 private:
  ByteSink& out_;
};

class GzipSink : public ByteSink {
 public:
  explicit GzipSink(ByteSink& out) : out_(out), buffer_(kChunk) {
    constexpr int kGzipWrapper = 16;
    constexpr int kMemoryLevel = 8;
    if (deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + kGzipWrapper,
                     kMemoryLevel, Z_DEFAULT_STRATEGY) != Z_OK) {
      throw std::runtime_error("cannot start the gzip encoder");
    }
  }
  ~GzipSink() override { deflateEnd(&stream_); }
  GzipSink(const GzipSink&) = delete;

  void write(const char* data, std::size_t size) override {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data));
    stream_.avail_in = static_cast<uInt>(size);
    run(Z_NO_FLUSH);
  }
  void finish() override {
    run(Z_FINISH);
    out_.finish();
  }

 private:
  void run(int flush) {
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(buffer_.data());
      stream_.avail_out = static_cast<uInt>(buffer_.size());
      deflate(&stream_, flush);  // cannot fail: the stream is good and there is room
      out_.write(buffer_.data(), buffer_.size() - stream_.avail_out);
    } while (stream_.avail_out == 0);
  }

  ByteSink& out_;
  std::vector<char> buffer_;
  z_stream stream_{};
};

class ZstdSink : public ByteSink {
 public:
  explicit ZstdSink(ByteSink& out)
      : out_(out), buffer_(kChunk), context_(ZSTD_createCCtx(), &ZSTD_freeCCtx) {
    if (context_ == nullptr) throw std::runtime_error("cannot start the zstd encoder");
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
  }

  void write(const char* data, std::size_t size) override { run({data, size, 0}, ZSTD_e_continue); }
  void finish() override {
    run({nullptr, 0, 0}, ZSTD_e_end);
    out_.finish();
  }

 private:
  void run(ZSTD_inBuffer input, ZSTD_EndDirective directive) {
    for (;;) {
      ZSTD_outBuffer output{buffer_.data(), buffer_.size(), 0};
      const std::size_t left = ZSTD_compressStream2(context_.get(), &output, &input, directive);
      if (ZSTD_isError(left)) {
        throw std::runtime_error(std::string("zstd: ") + ZSTD_getErrorName(left));
      }
      out_.write(buffer_.data(), output.pos);
      if (directive == ZSTD_e_end ? left == 0 : input.pos == input.size) return;
    }
  }

  ByteSink& out_;
  std::vector<char> buffer_;
  std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> context_;
};

struct Encoding {
  const char* name;
  std::string_view suffix;
};
constexpr std::array<Encoding, 2> kEncodings = {{{"zstd", ".zst"}, {"gzip", ".gz"}}};

}  // namespace

const char* encoding_of_name(std::string_view path) {
  for (const Encoding& encoding : kEncodings) {
    if (path.ends_with(encoding.suffix)) return encoding.name;
  }
  return "plain";
}

std::string_view without_encoding(std::string_view path) {
  for (const Encoding& encoding : kEncodings) {
    if (path.ends_with(encoding.suffix)) path.remove_suffix(encoding.suffix.size());
  }
  return path;
}

std::unique_ptr<ByteSink> encoding_sink(std::string_view path, ByteSink& out) {
  if (path.ends_with(kEncodings[0].suffix)) return std::make_unique<ZstdSink>(out);
  if (path.ends_with(kEncodings[1].suffix)) return std::make_unique<GzipSink>(out);
  return std::make_unique<PlainSink>(out);
}

}  // namespace cesasim
