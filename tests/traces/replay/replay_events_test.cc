// SPDX-License-Identifier: Apache-2.0
// What a listener of a replay is notified of, and when somebody waits for a request.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/traces/replay/replay_bench.h"

namespace cesasim::traces {
namespace {

using testing::ElementsAre;

const char* name_of(RowEvent event) {
  switch (event) {
    case RowEvent::offered:
      return "offered";
    case RowEvent::skipped:
      return "skipped";
    case RowEvent::rejected:
      return "rejected";
    case RowEvent::taken_up:
      return "taken_up";
    case RowEvent::queued:
      return "queued";
    case RowEvent::completed:
      return "completed";
  }
  return "";
}

/// Writes down what it is notified of: "row 2 queued", "bio 1 submitted".
class Notes : public ReplayListener {
 public:
  std::vector<std::string> events;

  void row(RowEvent event, const TraceRecord& record, Ps) override {
    events.push_back("row " + std::to_string(record.line) + " " + name_of(event));
  }
  void submitted(const RequestLog& log, BioPages pages) override {
    note_bio(log, pages, "submitted");
  }
  void completed(RequestLog& log, BioPages pages) override { note_bio(log, pages, "completed"); }
  void completed_again(const RequestLog& log) override {
    events.push_back("bio " + std::to_string(log.id) + " completed again");
  }
  void phase(std::uint32_t index, bool entered, Ps) override {
    events.push_back("phase " + std::to_string(index) + (entered ? " entered" : " left"));
  }
  void finished() override { events.push_back("finished"); }

 private:
  void note_bio(const RequestLog& log, BioPages pages, const char* what) {
    EXPECT_EQ(pages.size(), (log.bytes + 4095) / 4096);
    events.push_back("bio " + std::to_string(log.id) + " " + what);
  }
};

TEST(ReplayEvents, OfARowComeInOrder) {
  ReplayBench b;
  Notes notes;
  b.params.max_bio_bytes = 4096;
  b.trace({"W,0,8192,1,a", "D,0,4096,1,a", "R,0,512,1,b"});
  b.make().add_listener(notes);
  b.run();
  EXPECT_THAT(notes.events,
              ElementsAre("row 2 offered", "phase 0 entered", "row 2 taken_up", "row 2 queued",
                          "row 3 offered", "row 3 skipped", "row 4 offered", "bio 1 submitted",
                          "bio 2 submitted", "bio 1 completed", "bio 2 completed",
                          "row 2 completed", "phase 0 left", "phase 1 entered", "row 4 taken_up",
                          "row 4 queued", "bio 3 submitted", "bio 3 completed", "row 4 completed",
                          "phase 1 left", "finished"));
}

TEST(ReplayEvents, ARowBeyondTheDeviceIsRejected) {
  ReplayBench b;
  Notes notes;
  b.device.size = 8;
  b.trace({"R,8,512,1,a"});
  b.make().add_listener(notes);
  b.run();
  EXPECT_THAT(notes.events, ElementsAre("row 2 offered", "row 2 rejected", "finished"));
}

TEST(ReplayEvents, ASecondEndIsAnEventOfItsOwn) {
  ReplayBench b;
  Notes notes;
  b.device.end_twice = [](const kernel::Bio&) { return true; };
  b.trace({"W,0,4096,1,a"});
  b.make().add_listener(notes);
  const ReplayReport report = b.run();
  EXPECT_EQ(std::count(notes.events.begin(), notes.events.end(), "bio 1 completed"), 1);
  EXPECT_EQ(std::count(notes.events.begin(), notes.events.end(), "bio 1 completed again"), 1);
  EXPECT_EQ(report.double_ended, 1u);
}

// A listener that checks nothing costs nothing: the data is whatever the pages hold.
TEST(ReplayEvents, AReplayWithoutAVerifierChecksNothing) {
  ReplayBench b;
  b.trace({"W,0,4096,1,a", "R,0,4096,1,b"});
  Notes notes;
  Replay replay(b.kernel, b.device, *b.reader, b.params);
  replay.add_listener(notes);
  replay.start();
  sc_core::sc_start(sc_core::sc_time(1, sc_core::SC_SEC));
  EXPECT_TRUE(replay.done());
  EXPECT_EQ(replay.report().total.bios(), 2u);
  EXPECT_EQ(notes.events.back(), "finished");
  sc_core::sc_stop();
}

// An application that takes its time is not waited for; a request that does not end is.
TEST(ReplayEvents, SomebodyWaitsOnlyForRequests) {
  ReplayBench b;
  b.params.phase_costs["default"].user_cycles_per_bio = 1e9;  // 1 s
  b.device.lose = [](const kernel::Bio& bio) { return bio.sector == 8; };
  b.trace({"W,0,4096,1,a", "W,8,4096,1,a"});
  b.make().start();
  const auto run_until = [](double seconds) {
    sc_core::sc_start(sc_core::sc_time(seconds, sc_core::SC_SEC) - sc_core::sc_time_stamp());
  };
  run_until(0.5);
  EXPECT_FALSE(b.replay->waiting()) << "the first write's data is being made";
  run_until(1.5);
  EXPECT_FALSE(b.replay->waiting()) << "it has ended, and the second's data is being made";
  run_until(100);
  EXPECT_TRUE(b.replay->waiting()) << "the second never ends";
  EXPECT_FALSE(b.replay->done());
  sc_core::sc_stop();
}

}  // namespace
}  // namespace cesasim::traces
