// SPDX-License-Identifier: Apache-2.0
#include "traces/formats/blktrace_reader.h"

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstring>
#include <filesystem>

#include "base/file/byte_sink.h"
#include "traces/field_parser.h"

namespace cesasim::traces {
namespace {

namespace fs = std::filesystem;
using Stream = BlktraceStream;

static_assert(std::endian::native == std::endian::little);

template <std::unsigned_integral T>
T swapped(T value) {
  T out = 0;
  for (std::size_t i = 0; i < sizeof value; ++i) {
    out = static_cast<T>(out << 8 | (value & 0xff));
    value = static_cast<T>(value >> 8);
  }
  return out;
}

/// Takes numbers off the bytes of an event, in the byte order of its writer.
class Fields {
 public:
  Fields(const char* at, bool swap) : at_(at), swap_(swap) {}
  template <class T>
  void take(T& value) {
    std::memcpy(&value, at_, sizeof value);
    if (swap_) value = swapped(value);
    at_ += sizeof value;
  }

 private:
  const char* at_;
  bool swap_;
};

enum class ByteOrder : std::uint8_t { ours, other, none };

/// By the magic number at the start of every event.
ByteOrder byte_order(std::string_view bytes) {
  std::uint32_t magic = 0;
  if (bytes.size() < sizeof magic) return ByteOrder::none;
  std::memcpy(&magic, bytes.data(), sizeof magic);
  constexpr std::uint32_t kVersionMask = 0xff;
  if ((magic & ~kVersionMask) == BlktraceEvent::kMagic) return ByteOrder::ours;
  if ((swapped(magic) & ~kVersionMask) == BlktraceEvent::kMagic) return ByteOrder::other;
  return ByteOrder::none;
}

constexpr std::string_view kCpuFile = ".blktrace.";

/// "NAME.blktrace." of "NAME.blktrace.3" and "NAME.blktrace.3.zst"; "" of other names.
std::string_view stem_of_cpu_file(std::string_view path) {
  path = without_encoding(path);
  const std::size_t dot = path.rfind('.');
  std::uint32_t cpu = 0;
  if (dot == std::string_view::npos || !parse_number(path.substr(dot + 1), cpu)) return {};
  path = path.substr(0, dot + 1);
  return path.ends_with(kCpuFile) ? path : std::string_view{};
}

/// All files of the processors, by number.
std::vector<std::string> cpu_files(std::string_view stem) {
  const fs::path folder = fs::path(stem).parent_path();
  std::vector<std::pair<std::uint32_t, std::string>> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder.empty() ? "." : folder, error)) {
    const std::string path = (folder / entry.path().filename()).string();
    if (stem_of_cpu_file(path) != stem) continue;
    std::uint32_t cpu = 0;
    parse_number(without_encoding(path).substr(stem.size()), cpu);
    found.emplace_back(cpu, path);
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> paths;
  for (auto& [cpu, path] : found) paths.push_back(std::move(path));
  return paths;
}

std::string device_text(std::uint32_t device) {
  constexpr std::uint32_t kMinorMask = (1u << BlktraceEvent::kMinorBits) - 1;
  return std::to_string(device >> BlktraceEvent::kMinorBits) + "," +
         std::to_string(device & kMinorMask);
}

}  // namespace

bool is_cpu_file(const std::string& path) { return !stem_of_cpu_file(path).empty(); }

namespace {

/// The one stem of the processors' files in `folder`.
std::string stem_in(const std::string& folder) {
  std::vector<std::string> stems;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string path = (fs::path(folder) / entry.path().filename()).string();
    const std::string stem(stem_of_cpu_file(path));
    if (!stem.empty() && std::find(stems.begin(), stems.end(), stem) == stems.end()) {
      stems.push_back(stem);
    }
  }
  if (stems.empty()) {
    throw TraceError(folder, 0, "a folder without files NAME.blktrace.0, .1, ... of blktrace");
  }
  std::sort(stems.begin(), stems.end());
  if (stems.size() > 1) {
    std::string names;
    for (const std::string& stem : stems) {
      names += (names.empty() ? "" : ", ") + stem.substr(0, stem.size() - kCpuFile.size());
    }
    throw TraceError(folder, 0, "a folder with several traces; valid: one of " + names);
  }
  return stems.front();
}

}  // namespace

std::vector<std::string> trace_files(const std::string& name) {
  std::error_code error;
  if (fs::is_directory(name, error)) return cpu_files(stem_in(name));
  std::string stem(stem_of_cpu_file(name));
  if (stem.empty() && !fs::exists(name)) stem = name + std::string(kCpuFile);
  std::vector<std::string> files;
  if (!stem.empty()) files = cpu_files(stem);
  if (files.empty()) files.push_back(name);
  return files;
}

BlktraceStream::BlktraceStream(std::string path, std::unique_ptr<ByteSource> bytes)
    : path_(std::move(path)), bytes_(std::move(bytes)) {}

std::size_t BlktraceStream::fill(char* out, std::size_t size) {
  std::size_t got = 0;
  while (got < size) {
    const std::size_t n = bytes_->read(out + got, size - got);
    if (n == 0) break;
    got += n;
  }
  return got;
}

bool BlktraceStream::next() {
  offset_ = next_offset_;
  std::array<char, BlktraceEvent::kBytes> bytes;
  const std::size_t got = fill(bytes.data(), bytes.size());
  if (got == 0) return false;
  const ByteOrder order = byte_order({bytes.data(), got});
  if (order == ByteOrder::none && got >= sizeof(std::uint32_t)) {
    // A machine that lost its power leaves zeros at the end of a file.
    const bool zeros = std::all_of(bytes.data(), bytes.data() + got, [](char c) { return c == 0; });
    if (!zeros || !only_zeros_follow()) {
      throw error_here("no event begins here (its magic number is missing)");
    }
    cut_ = true;
    return false;
  }
  if (got < bytes.size()) {
    cut_ = true;
    return false;
  }
  Fields fields(bytes.data(), order == ByteOrder::other);
  BlktraceEvent& e = event_;
  fields.take(e.magic);
  fields.take(e.sequence);
  fields.take(e.time);
  fields.take(e.sector);
  fields.take(e.bytes);
  fields.take(e.action);
  fields.take(e.pid);
  fields.take(e.device);
  fields.take(e.cpu);
  fields.take(e.error);
  fields.take(e.pdu_len);
  if ((e.magic & 0xff) != BlktraceEvent::kVersion) {
    throw error_here("event of version " + std::to_string(e.magic & 0xff) + "; known: 7");
  }
  payload_.resize(e.pdu_len);
  if (fill(payload_.data(), payload_.size()) < payload_.size()) {
    cut_ = true;
    return false;
  }
  next_offset_ = offset_ + bytes.size() + payload_.size();
  return true;
}

bool BlktraceStream::only_zeros_follow() {
  std::array<char, 4096> bytes;
  while (const std::size_t got = fill(bytes.data(), bytes.size())) {
    if (std::any_of(bytes.data(), bytes.data() + got, [](char c) { return c != 0; })) return false;
  }
  return true;
}

std::string BlktraceStream::cut() const {
  if (cut_) return "events cut short, " + path_ + " read up to its byte " + std::to_string(offset_);
  if (bytes_->cut()) return "compressed streams cut short, " + path_ + " read up to the cut";
  return "";
}

std::string_view BlktraceStream::payload() const {
  constexpr std::size_t kCgroupId = 8;
  std::string_view text = payload_;
  if ((event_.action & blktrace_action::kCgroup) != 0) {
    text.remove_prefix(std::min(kCgroupId, text.size()));
  }
  return text;
}

TraceError BlktraceStream::error_here(const std::string& reason) const {
  return TraceError(path_, 0, "byte " + std::to_string(offset_) + ": " + reason);
}

bool BlktraceReader::recognises(std::string_view head) {
  return byte_order(head) != ByteOrder::none;
}

BlktraceReader::BlktraceReader(const std::string& path, std::unique_ptr<ByteSource> bytes,
                               const TraceOptions& options)
    : TraceReader(path, bytes->encoding(), TraceFormat::blktrace, options) {
  if (is_cpu_file(path)) {
    for (const std::string& file : trace_files(path)) {
      streams_.emplace_back(file, open_bytes(file, options.skip_bad_lines));
    }
  } else {
    streams_.emplace_back(path, std::move(bytes));
  }
  std::erase_if(streams_, [this](Stream& stream) { return !next_event(stream); });
}

bool BlktraceReader::next_event(Stream& stream) {
  if (stream.next()) return true;
  if (const std::string cut = stream.cut(); !cut.empty()) note(cut, 0);
  return false;
}

TraceReader::Parsed BlktraceReader::read(TraceRecord& record) {
  if (consumed_ && !next_event(streams_[current_])) {
    streams_.erase(streams_.begin() + static_cast<std::ptrdiff_t>(current_));
  }
  consumed_ = false;
  if (streams_.empty()) return Parsed::end;
  const auto earliest =
      std::min_element(streams_.begin(), streams_.end(),
                       [](const Stream& a, const Stream& b) { return a.time() < b.time(); });
  current_ = static_cast<std::size_t>(earliest - streams_.begin());
  consumed_ = true;
  record = TraceRecord{};
  record.line = ++events_;
  if ((streams_[current_].category() & blktrace_category::kNotify) != 0) return read_message();
  return read_request(record);
}

TraceError BlktraceReader::error_here(const std::string& reason) const {
  return streams_[current_].error_here(reason);
}

TraceReader::Parsed BlktraceReader::read_message() {
  const Stream& stream = streams_[current_];
  if (!has_origin_) foreign_after_ = std::max(foreign_after_, stream.time());
  if (stream.action() != blktrace_action::kNotifyMessage) return Parsed::nothing;
  const auto phase = phase_of_message(stream.payload());
  if (!phase || foreign_clock_) return Parsed::nothing;
  if (marks_.size() == kMaxPhases) {
    return reject("more than " + std::to_string(kMaxPhases) + " phases begin ahead of requests");
  }
  marks_.insert({stream.time(), events_, std::string(*phase)});
  return Parsed::nothing;
}

TraceReader::Parsed BlktraceReader::read_request(TraceRecord& record) {
  namespace category = blktrace_category;
  namespace action = blktrace_action;
  const Stream& stream = streams_[current_];
  const BlktraceEvent& event = stream.event();
  if (!has_origin_) {
    origin_ = stream.time();
    has_origin_ = true;
    foreign_clock_ = foreign_after_ > origin_;
    if (foreign_clock_) marks_.clear();
  }
  origin_ = std::min(origin_, stream.time());
  if (stream.action() == 0 || stream.action() > action::kLast) {
    return reject("unknown action " + std::to_string(stream.action()));
  }
  const bool issue = arrival_event() == Event::issue;
  const bool arrived = stream.action() == (issue ? action::kIssue : action::kQueue);
  const bool requeued = issue && stream.action() == action::kRequeue;
  const bool completed = stream.action() == action::kComplete;
  const bool other = stream.action() == (issue ? action::kQueue : action::kIssue);
  if (!arrived && !requeued && !completed && !other) return Parsed::nothing;
  if ((stream.category() & (category::kPassThrough | category::kDriverData)) != 0) {
    return Parsed::nothing;
  }
  const std::string device = device_text(event.device);
  if (completed) saw(device, Event::complete);
  if (other) {
    saw(device, issue ? Event::queue : Event::issue);
    return Parsed::nothing;
  }
  if (!arrived && !is_chosen_device(device)) return Parsed::nothing;
  if (arrived) {
    if (const Parsed taken = choose_device(device); taken != Parsed::record) return taken;
  }
  record.time_ns = stream.time();
  record.pid = event.pid;
  const Parsed parsed = parse_operation(record);
  if (!arrived) {
    if (parsed == Parsed::nothing) return Parsed::nothing;
    if (!requeued) return Parsed::completion;
    requeued_.requeued(record);
    return Parsed::nothing;
  }
  if (parsed != Parsed::record) {
    leave_out(parsed == Parsed::command ? "zone command (no data, no flush)"
                                        : "neither read, write, discard nor flush",
              record.line);
    return parsed;
  }
  if (requeued_.issued_again(record)) return Parsed::nothing;
  if (validate(record) == Parsed::bad) return Parsed::bad;
  advance_phase(stream.time());
  return set_phase(record, phase_);
}

/// Operation, range and flags of the event: Parsed::record; command if it asks for no data and is
/// no flush; nothing if it has data and no operation.
TraceReader::Parsed BlktraceReader::parse_operation(TraceRecord& record) {
  namespace category = blktrace_category;
  const BlktraceEvent& event = streams_[current_].event();
  const std::uint32_t bits = streams_[current_].category();
  for (const BlktraceFlag& flag : kBlktraceFlags) {
    if ((bits & flag.category) != 0) record.flags |= flag.flag;
  }
  if (event.bytes == 0 && (bits & category::kFlush) != 0) {
    record.op = Op::flush;
    return Parsed::record;
  }
  record.sector = event.sector;
  record.bytes = event.bytes;
  if ((bits & category::kDiscard) != 0) {
    record.op = Op::discard;
  } else if ((bits & category::kWrite) != 0 || event.bytes == 0) {
    record.op = Op::write;
  } else if ((bits & category::kRead) != 0) {
    record.op = Op::read;
  } else {
    return Parsed::nothing;
  }
  return event.bytes == 0 ? Parsed::command : Parsed::record;
}

void BlktraceReader::advance_phase(std::uint64_t time) {
  while (!marks_.empty() && marks_.begin()->time <= time) {
    phase_ = marks_.begin()->phase;
    marks_.erase(marks_.begin());
  }
}

}  // namespace cesasim::traces
