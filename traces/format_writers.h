// SPDX-License-Identifier: Apache-2.0
// The writers of the formats that others made.
#pragma once

#include <memory>

#include "traces/trace_writer.h"

namespace cesasim::traces {

/// Q and C lines of one device 253,0, as blkparse prints them; phases as messages.
std::unique_ptr<TraceWriter> make_blkparse_writer(ByteSink& sink, const Carries& carries);
/// Queue and complete events, little endian, in one file, as `blkparse -d` merges them; phases
/// as messages. Time 0 is one second after the machine's start.
std::unique_ptr<TraceWriter> make_blktrace_writer(ByteSink& sink, const Carries& carries);
/// Actions on a file "/dev/trace" (fio: --replay_redirect chooses another). Version 2 is written
/// without waits: fio's documentation and program do not agree on their unit.
std::unique_ptr<TraceWriter> make_iolog2_writer(ByteSink& sink, const Carries& carries);
std::unique_ptr<TraceWriter> make_iolog3_writer(ByteSink& sink, const Carries& carries);
/// Host "trace", disk 0; time 0 is 2007-02-22 17:00 UTC, about when the collection begins.
std::unique_ptr<TraceWriter> make_msr_writer(ByteSink& sink, const Carries& carries);

}  // namespace cesasim::traces
