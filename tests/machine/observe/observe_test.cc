// SPDX-License-Identifier: Apache-2.0
// What a run writes down beside its results, against its metrics: on every path and driver.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "machine/machine.h"
#include "machine/observe/time_bins.h"
#include "tests/machine/forked_point.h"
#include "traces/trace_reader.h"

namespace cesasim {
namespace {

using testing::HasSubstr;

using test::metric;
using test::run;
using test::scenario;
using test::Trace;

struct Combination {
  const char* path;
  const char* driver;
  const char* soc = "kirkwood-88f6281";
};

std::ostream& operator<<(std::ostream& out, const Combination& c) {
  return out << c.path << '/' << c.driver << '/' << c.soc;
}

Scenario make(const Combination& c, const Trace& trace, const std::string& more = "") {
  const std::string path = c.path;
  const std::string soc = c.soc;
  Scenario s = scenario(
      "soc: " + soc + "\ndisk: flash\ndmcrypt: {path: " + path +
      ", cipher: aes-cbc-essiv:sha256, iv_offset: 77}\nocf: {policy: " +
      (path == "ocf-lsp" ? "marvell" : "\"2005\"") + ", driver: " + c.driver +
      // cesa_hal never unblocks the core and ocf-v3 never tries again: a full queue is the last.
      (path == "ocf-v3" ? ", drivers.cesa_hal.kirkwood_slots: 4096" : "") +
      ", drivers.cesa_hal.generation: " + (soc == "kirkwood-88f6281" ? "kirkwood" : "armada") +
      "}\nworkload.trace: t.csv\n" + (path == "ocf-v3" ? "soc.cesa.engines: 1\n" : "") + more);
  s.workload.trace_file = trace.file.string();
  return s;
}

std::string temporary(const std::string& name) {
  return (std::filesystem::path(testing::TempDir()) / (std::to_string(getpid()) + name)).string();
}

std::string read_text(const std::string& file) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

using Row = std::map<std::string, std::string>;

std::vector<Row> read_rows(const std::string& file) {
  std::ifstream in(file);
  std::vector<std::string> names;
  std::vector<Row> rows;
  for (std::string line; std::getline(in, line);) {
    std::vector<std::string> fields;
    std::stringstream stream(line + ",");
    for (std::string field; std::getline(stream, field, ',');) fields.push_back(field);
    if (names.empty()) {
      names = fields;
      continue;
    }
    EXPECT_EQ(fields.size(), names.size()) << line;
    Row row;
    for (std::size_t i = 0; i < std::min(names.size(), fields.size()); ++i) {
      row[names[i]] = fields[i];
    }
    rows.push_back(row);
  }
  return rows;
}

/// Microseconds; NaN where the path has no such stage.
double time_of(const Row& row, const std::string& stage) {
  const std::string& text = row.at(stage + "_us");
  return text.empty() ? std::nan("") : std::stod(text);
}

double sum(const Json& list) {
  double total = 0;
  for (const Json& value : list) total += value.get<double>();
  return total;
}

class Observe : public testing::TestWithParam<Combination> {};

// --- series -----------------------------------------------------------------------------------

TEST_P(Observe, SeriesAddUpToTheMetrics) {
  const Trace trace;
  const PointResult p = run(make(GetParam(), trace));
  ASSERT_EQ(p.status, Status::ok) << p.error;
  const Json& s = p.series;
  const double width = s.at("bin_seconds");
  const std::size_t bins = s.at("bins");
  ASSERT_LE(bins, TimeBins::kMost);
  ASSERT_GT(bins, TimeBins::kMost / 2) << "the run is too short for what this test is to show";
  for (const char* name : {"read_mb_s", "write_mb_s", "in_flight", "disk_queue", "disk_busy",
                           "engine_busy", "cpu_busy"}) {
    ASSERT_EQ(s.at(name).size(), bins) << name;
    for (const Json& value : s.at(name)) EXPECT_GE(value.get<double>(), 0) << name;
  }
  for (const char* name : {"disk_busy", "engine_busy", "cpu_busy"}) {
    for (const Json& value : s.at(name)) EXPECT_LE(value.get<double>(), 1.000001) << name;
  }
  const double bytes = (sum(s.at("read_mb_s")) + sum(s.at("write_mb_s"))) * width * 1e6;
  EXPECT_NEAR(bytes, static_cast<double>(trace.bytes), 1e-5 * bytes);
  const double read = sum(s.at("read_mb_s")) * width * 1e6;
  EXPECT_NEAR(read, static_cast<double>(trace.read) * 512, 1e-5 * read);
  const double latencies = metric(p, "latency_us.mean") * 1e-6 * metric(p, "requests");
  EXPECT_NEAR(sum(s.at("in_flight")) * width, latencies, 1e-5 * latencies);

  // Utilizations are of the whole run, which ends in the last bin.
  const double last = width * static_cast<double>(bins);
  const auto busy = [&](const char* series, const char* utilization) {
    const double seconds = sum(s.at(series)) * width;
    const double share = metric(p, utilization);
    EXPECT_LE(seconds, share * last * 1.00001) << series;
    EXPECT_GE(seconds, share * (last - width) * 0.99999) << series;
  };
  busy("cpu_busy", "cpu.utilization");
  busy("disk_busy", "disk.utilization");
  busy("engine_busy", "engine.utilization");
  // The same three have one time in common.
  const auto end = [&](const char* series, const char* utilization) {
    return sum(s.at(series)) * width / metric(p, utilization);
  };
  EXPECT_NEAR(end("cpu_busy", "cpu.utilization"), end("disk_busy", "disk.utilization"),
              1e-4 * last);

  std::vector<std::string> names;
  for (const Json& phase : s.at("phases")) {
    names.push_back(phase.at("name"));
    EXPECT_LT(phase.at("from").get<double>(), phase.at("to").get<double>());
  }
  EXPECT_EQ(names, (std::vector<std::string>{"small", "large", "back", "unwritten"}));
  std::uint64_t counted = 0;
  double upper = 0;
  for (const char* op : {"read", "write"}) {
    for (const Json& bucket : p.latency_histogram.at(op)) {
      counted += bucket.at(1).get<std::uint64_t>();
      upper = std::max(upper, bucket.at(0).get<double>());
    }
  }
  EXPECT_EQ(static_cast<double>(counted), metric(p, "requests"));
  EXPECT_GE(upper, metric(p, "latency_us.max"));
  EXPECT_LE(upper, metric(p, "latency_us.max") * 1.15);
}

// --- all files of one run ---------------------------------------------------------------------

struct Files {
  Files() {
    options.observe.requests = temporary("requests.csv");
    options.observe.timeline = temporary("timeline.json");
    options.observe.record = temporary("record.csv");
    options.observe.record_disk = temporary("disk.csv");
  }
  ~Files() {
    for (const auto& [option, file] : options.observe.files()) std::filesystem::remove(*file);
  }
  PointOptions options;
};

void check_rows(const Combination& c, const PointResult& p, const std::string& file) {
  const std::vector<Row> rows = read_rows(file);
  ASSERT_EQ(static_cast<double>(rows.size()), metric(p, "requests"));
  const bool software = std::string(c.driver) == "cryptosoft";
  const bool standard = std::string(c.path) == "standard";
  const bool framework = !standard;
  const bool direct = std::string(c.path) == "modern" && software;  // the API's own code
  std::set<std::string> ids;
  double latencies = 0;
  double longest = 0;
  double bytes = 0;
  std::size_t interrupts = 0;
  for (const Row& row : rows) {
    SCOPED_TRACE("request " + row.at("id"));
    EXPECT_TRUE(ids.insert(row.at("id")).second);
    EXPECT_EQ(row.at("error"), "0");
    bytes += std::stod(row.at("bytes"));
    const auto t = [&](const char* stage) { return time_of(row, stage); };
    const auto ordered = [&](std::initializer_list<const char*> stages) {
      const char* before = nullptr;
      for (const char* stage : stages) {
        EXPECT_FALSE(std::isnan(t(stage))) << stage;
        if (before != nullptr) {
          EXPECT_LE(t(before), t(stage)) << before << " " << stage;
        }
        before = stage;
      }
    };
    latencies += t("ended") - t("submitted");
    longest = std::max(longest, t("ended") - t("submitted"));
    ordered({"arrived", "submitted", "mapped"});
    ordered({"submitted", "disk_submitted", "disk_started", "on_disk", "ended"});
    const bool write = row.at("op") == "write";
    ordered({write ? "submitted" : "on_disk", "cipher_done", write ? "disk_submitted" : "ended"});
    if (framework) {
      ordered({write ? "submitted" : "on_disk", "dispatched_first", "dispatched_last"});
      ordered({"dispatched_last", "cipher_done"});
    } else {
      EXPECT_TRUE(std::isnan(t("dispatched_first")) && std::isnan(t("dispatched_last")));
    }
    if (standard || direct) {
      EXPECT_TRUE(std::isnan(t("callback")));
    } else if (std::string(c.path) == "modern") {
      ordered({"cipher_done", "callback", write ? "disk_submitted" : "ended"});
    } else {
      ordered({"cipher_done", "callback", write ? "disk_submitted" : "ended"});
    }
    if (software || standard) {
      EXPECT_TRUE(std::isnan(t("engine_start")) && std::isnan(t("interrupt")));
    } else {
      ordered({"dispatched_first", "engine_start", "cipher_done"});
      if (!std::isnan(t("interrupt"))) {
        ++interrupts;
        ordered({"cipher_done", "interrupt", "callback"});
      }
    }
  }
  EXPECT_EQ(bytes, metric(p, "bytes"));
  const double n = metric(p, "requests");
  EXPECT_NEAR(latencies / n, metric(p, "latency_us.mean"), 1e-6 * latencies / n);
  EXPECT_NEAR(longest, metric(p, "latency_us.max"), 1e-6 * longest);
  if (!software && !standard) {
    EXPECT_GT(interrupts, rows.size() / 2);
  }
}

struct Slice {
  std::int64_t from, to;  // ps
};
using Track = std::pair<unsigned, unsigned>;  // process and thread

Track track_of(const Json& event) {
  return {event.at("pid").get<unsigned>(), event.at("tid").get<unsigned>()};
}

std::int64_t ps(const Json& us) { return std::llround(us.get<double>() * 1e6); }

/// Checks what must hold for every timeline; adds its slices to `tracks`.
void check_timeline(const Json& events, std::map<Track, std::vector<Slice>>& tracks) {
  std::map<std::uint64_t, std::vector<const Json*>> flows;
  std::map<std::uint64_t, int> open;
  std::set<Track> named;
  for (const Json& e : events) {
    const std::string ph = e.at("ph");
    if (ph == "M") {
      if (e.at("name") == "thread_name") named.insert(track_of(e));
    } else if (ph == "X") {
      EXPECT_GE(e.at("dur").get<double>(), 0);
      tracks[track_of(e)].push_back({ps(e.at("ts")), ps(e.at("ts")) + ps(e.at("dur"))});
    } else if (ph == "s" || ph == "t" || ph == "f") {
      flows[e.at("id").get<std::uint64_t>()].push_back(&e);
    } else {
      EXPECT_TRUE(ph == "b" || ph == "n" || ph == "e") << ph;
      open[e.at("id").get<std::uint64_t>()] += ph == "b" ? 1 : ph == "e" ? -1 : 0;
    }
  }
  for (const auto& [id, balance] : open) EXPECT_EQ(balance, 0) << "request " << id;
  for (auto& [track, slices] : tracks) {
    EXPECT_TRUE(named.contains(track)) << track.first << '/' << track.second;
    std::sort(slices.begin(), slices.end(),
              [](const Slice& a, const Slice& b) { return a.from < b.from; });
    for (std::size_t i = 1; i < slices.size(); ++i) {
      // A double holds microseconds to less than a picosecond here.
      EXPECT_LE(slices[i - 1].to, slices[i].from + 1) << track.first << '/' << track.second;
    }
  }
  for (const auto& [id, steps] : flows) {
    EXPECT_GE(steps.size(), 2u);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const Json& e = *steps[i];
      EXPECT_EQ(e.at("ph"), i == 0 ? "s" : i + 1 == steps.size() ? "f" : "t") << "request " << id;
      if (i > 0) {
        EXPECT_LE(ps(steps[i - 1]->at("ts")), ps(e.at("ts"))) << "request " << id;
      }
      const std::int64_t at = ps(e.at("ts"));
      const auto& slices = tracks[track_of(e)];
      // The last one that begins by then, or one of no length before it.
      auto slice = std::upper_bound(slices.begin(), slices.end(), at + 1,
                                    [](std::int64_t t, const Slice& s) { return t < s.from; });
      ASSERT_NE(slice, slices.begin()) << "request " << id << ": no slice at " << e.dump();
      --slice;
      EXPECT_LE(at, slice->to + 1) << "request " << id << ": no slice at " << e.dump();
    }
  }
}

constexpr unsigned kCorePid = 10;

/// Busy picoseconds of all cores; their slices do not meet, whatever the track.
double busy_of_cores(const std::map<Track, std::vector<Slice>>& tracks) {
  std::map<unsigned, std::vector<Slice>> cores;
  for (const auto& [track, slices] : tracks) {
    if (track.first < kCorePid || track.first >= kCorePid + 16) continue;
    auto& all = cores[track.first];
    all.insert(all.end(), slices.begin(), slices.end());
  }
  double busy = 0;
  for (auto& [pid, slices] : cores) {
    std::sort(slices.begin(), slices.end(), [](const Slice& a, const Slice& b) {
      return std::pair(a.from, a.to) < std::pair(b.from, b.to);
    });
    for (std::size_t i = 0; i < slices.size(); ++i) {
      busy += static_cast<double>(slices[i].to - slices[i].from);
      if (i > 0) {
        EXPECT_LE(slices[i - 1].to, slices[i].from + 1) << "core " << pid - kCorePid;
      }
    }
  }
  return busy;
}

TEST_P(Observe, FilesTellWhatTheMetricsSay) {
  const Combination c = GetParam();
  const Trace trace;
  const Scenario s = make(c, trace);
  const Files files;
  const PointResult plain = run(s);
  const PointResult p = run(s, files.options);
  ASSERT_EQ(p.status, Status::ok) << p.error;

  // To look changes nothing.
  ASSERT_EQ(p.metrics.size(), plain.metrics.size());
  for (std::size_t i = 0; i < p.metrics.size(); ++i) {
    if (p.metrics[i].first == "host_seconds") continue;
    EXPECT_EQ(p.metrics[i], plain.metrics[i]) << p.metrics[i].first;
  }

  {
    SCOPED_TRACE("rows");
    check_rows(c, p, files.options.observe.requests);
  }
  {
    SCOPED_TRACE("timeline");
    const Json timeline = Json::parse(read_text(files.options.observe.timeline));
    const Json& events = timeline.at("traceEvents");
    std::map<Track, std::vector<Slice>> tracks;
    check_timeline(events, tracks);
    const double busy = busy_of_cores(tracks);
    const double cores = s.soc.cores;
    const double expected =
        sum(p.series.at("cpu_busy")) * p.series.at("bin_seconds").get<double>() * cores * 1e12;
    EXPECT_NEAR(busy, expected, 1e-5 * expected);
    std::set<std::uint64_t> with_arrows;
    std::set<unsigned> joined;
    for (const Json& e : events) {
      if (e.at("ph") == "s") with_arrows.insert(e.at("id").get<std::uint64_t>());
      if (e.contains("bp")) joined.insert(e.at("pid").get<unsigned>());
    }
    EXPECT_EQ(static_cast<double>(with_arrows.size()), metric(p, "requests"));
    EXPECT_TRUE(joined.contains(300)) << "the disk";
    const std::string driver = c.driver;
    if (driver != "cryptosoft") {
      EXPECT_TRUE(joined.contains(driver == "cesa_ring" ? 200u : 100u)) << "the engine";
    }
  }
  {
    SCOPED_TRACE("record");
    const auto read = [](const std::string& file) {
      std::vector<traces::TraceRecord> records;
      const auto reader = traces::open_trace(file, {});
      for (traces::TraceRecord r; reader->next(r);) records.push_back(r);
      return records;
    };
    const auto bios = read(files.options.observe.record);
    EXPECT_EQ(static_cast<double>(bios.size()), metric(p, "requests"));
    const auto commands = read(files.options.observe.record_disk);
    EXPECT_FALSE(commands.empty());
    for (const auto* list : {&bios, &commands}) {
      double moved = 0;
      for (const traces::TraceRecord& r : *list) {
        moved += static_cast<double>(r.bytes);
        EXPECT_NE(r.done_ns, traces::kUnknownTime);
      }
      EXPECT_EQ(moved, metric(p, "bytes"));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Paths, Observe,
    testing::Values(Combination{"standard", "cryptosoft"}, Combination{"ocf-v1", "cryptosoft"},
                    Combination{"ocf-v1", "cesa_pio"}, Combination{"ocf-v1", "cesa_tdma"},
                    Combination{"ocf-v3", "cesa_tdma"}, Combination{"ocf-v3", "cesa_hal"},
                    Combination{"ocf-lsp", "cesa_hal", "armada-385"},
                    Combination{"ocf-async", "cesa_tdma", "armada-385"},
                    Combination{"ocf-async", "cesa_ring", "armada-385"},
                    Combination{"modern", "cryptosoft", "armada-385"},
                    Combination{"modern", "cesa_tdma", "armada-385"},
                    Combination{"modern", "cesa_ring"}));

// --- windows, replay of what was recorded -----------------------------------------------------

TEST(Timeline, AWindowHoldsItsShare) {
  const Trace trace;
  const Scenario s = make({"ocf-v1", "cesa_tdma"}, trace);
  const PointResult plain = run(s);
  const double width = plain.series.at("bin_seconds");
  const std::size_t from = plain.series.at("bins").get<std::size_t>() / 3;
  const std::size_t to = from + 20;
  Files files;
  files.options.observe.timeline_window = {width * static_cast<double>(from),
                                           width * static_cast<double>(to)};
  files.options.observe.requests_window = files.options.observe.timeline_window;
  const PointResult p = run(s, files.options);
  ASSERT_EQ(p.status, Status::ok) << p.error;
  const Json timeline = Json::parse(read_text(files.options.observe.timeline));
  std::map<Track, std::vector<Slice>> tracks;
  check_timeline(timeline.at("traceEvents"), tracks);
  double expected = 0;
  for (std::size_t i = from; i < to; ++i) {
    expected += p.series.at("cpu_busy").at(i).get<double>() * width * 1e12;
  }
  ASSERT_GT(expected, 0);
  EXPECT_NEAR(busy_of_cores(tracks), expected, 1e-5 * expected);
  for (const auto& [track, slices] : tracks) {
    EXPECT_GE(slices.front().from, std::llround(width * static_cast<double>(from) * 1e12) - 1);
    EXPECT_LE(slices.back().to, std::llround(width * static_cast<double>(to) * 1e12) + 1);
  }
  const std::vector<Row> rows = read_rows(files.options.observe.requests);
  EXPECT_GT(rows.size(), 0u);
  EXPECT_LT(static_cast<double>(rows.size()), metric(p, "requests"));
  for (const Row& row : rows) {
    EXPECT_GE(time_of(row, "submitted"), files.options.observe.requests_window.from * 1e6 - 1e-6);
    EXPECT_LE(time_of(row, "submitted"), files.options.observe.requests_window.to * 1e6 + 1e-6);
  }
}

// Also where the scheduler's order is a seed's.
TEST(Timeline, DoesNotChangeARandomSchedule) {
  const Trace trace;
  Scenario s = make({"ocf-async", "cesa_tdma", "armada-385"}, trace);
  s.kernel.schedule_seed = 5;
  const Files files;
  const PointResult plain = run(s);
  const PointResult p = run(s, files.options);
  ASSERT_EQ(p.status, Status::ok) << p.error;
  for (std::size_t i = 0; i < p.metrics.size(); ++i) {
    if (p.metrics[i].first == "host_seconds") continue;
    EXPECT_EQ(p.metrics[i], plain.metrics[i]) << p.metrics[i].first;
  }
  EXPECT_EQ(p.series, plain.series);
  std::map<Track, std::vector<Slice>> tracks;
  const Json timeline = Json::parse(read_text(files.options.observe.timeline));
  check_timeline(timeline.at("traceEvents"), tracks);
}

TEST(Record, ReplayedGivesTheSameBios) {
  using Bio = std::tuple<traces::Op, std::uint64_t, std::uint64_t, std::uint32_t, std::string, int>;
  const auto bios = [](const std::string& file) {
    std::vector<Bio> out;
    const auto reader = traces::open_trace(file, {});
    for (traces::TraceRecord r; reader->next(r);) {
      out.emplace_back(r.op, r.sector, r.bytes, r.pid, reader->phase_name(r.phase), r.flags);
    }
    std::sort(out.begin(), out.end());
    return out;
  };
  const Trace trace;
  // Records larger than a bio: what is recorded is cut.
  Scenario s = make({"standard", "cryptosoft"}, trace);
  s.workload.max_bio_bytes = 32768;
  Files files;
  const PointResult first = run(s, files.options);
  ASSERT_EQ(first.status, Status::ok) << first.error;
  const std::vector<Bio> once = bios(files.options.observe.record);
  EXPECT_GT(once.size(), trace.rows);

  s.workload.trace_file = files.options.observe.record;
  PointOptions again;
  again.observe.record = temporary("again.csv.zst");
  const PointResult second = run(s, again);
  ASSERT_EQ(second.status, Status::ok) << second.error;
  EXPECT_EQ(bios(again.observe.record), once);
  std::filesystem::remove(again.observe.record);
}

// What cannot be written fails the point and leaves nothing behind.
TEST(Files, AnErrorIsThePoints) {
  const Trace trace;
  PointOptions options;
  options.observe.requests = temporary("no-such-folder") + "/rows.csv";
  const PointResult p = run(make({"standard", "cryptosoft"}, trace), options);
  EXPECT_EQ(p.status, Status::failed);
  EXPECT_THAT(p.error, HasSubstr("no-such-folder"));
}

}  // namespace
}  // namespace cesasim
