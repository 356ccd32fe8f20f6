// SPDX-License-Identifier: Apache-2.0
// Disks for the tests: round numbers, so that expected times can be seen.
#pragma once

#include "hw_model/disk/disk_timing.h"

namespace cesasim::test {

/// 7200 rpm (8.333 ms a revolution), 60 MB/s outside, 30 MB/s inside.
inline hw::DiskParams hard_disk() {
  hw::DiskParams p;
  p.kind = "hard-disk";
  p.capacity_gib = 8;
  p.queue_depth = 1;
  p.command_overhead_us = 200;
  p.interface_bytes_per_s = 100e6;
  p.write_cache_kib = 2048;
  p.rpm = 7200;
  p.heads = 2;
  p.zones = 16;
  p.media_outer_bytes_per_s = 60e6;
  p.media_inner_bytes_per_s = 30e6;
  p.seek_track_ms = 1;
  p.seek_average_ms = 8.5;
  p.seek_full_ms = 16;
  p.write_settle_ms = 0.5;
  p.head_switch_ms = 0.8;
  p.read_buffer_kib = 4096;
  p.read_segments = 4;
  p.lookahead_kib = 512;
  p.destage_idle_ms = 5;
  return p;
}

/// 4 channels of 2 dies; a 4 KiB page takes 50 us to sense, 102.4 us on the channel.
inline hw::DiskParams flash_disk() {
  hw::DiskParams p;
  p.kind = "flash";
  p.capacity_gib = 1;
  p.queue_depth = 32;
  p.command_overhead_us = 10;
  p.interface_bytes_per_s = 300e6;
  p.write_cache_kib = 0;
  p.flash_channels = 4;
  p.flash_dies_per_channel = 2;
  p.flash_page_bytes = 4096;
  p.flash_read_us = 50;
  p.flash_program_us = 500;
  p.flash_channel_bytes_per_s = 40e6;
  return p;
}

}  // namespace cesasim::test
