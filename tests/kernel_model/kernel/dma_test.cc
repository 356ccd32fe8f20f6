// SPDX-License-Identifier: Apache-2.0
// Drivers that handle DMA buffers right and wrong, and what the DMA sanitizer says about them.
#include <tlm_utils/simple_initiator_socket.h>

#include <new>
#include <string>
#include <vector>

#include "tests/kernel_model/kernel/bench.h"

namespace cesasim::kernel {
namespace {

using Kind = hw::DmaHazard::Kind;
constexpr auto kTo = hw::DmaDirection::to_device;
constexpr auto kFrom = hw::DmaDirection::from_device;
constexpr auto kBoth = hw::DmaDirection::bidirectional;

/// Moves bytes by DMA at once when told.
class Device : public sc_core::sc_module {
 public:
  tlm_utils::simple_initiator_socket<Device> dma;

  Device(sc_core::sc_module_name name, hw::Mbus& mbus, unsigned master)
      : sc_module(name), dma("dma") {
    dma.bind(mbus.in);
    extension_.master = master;
    payload_.set_extension(&extension_);
  }
  ~Device() override { payload_.clear_extension(&extension_); }
  void read(PhysAddr addr, unsigned bytes) { go(tlm::TLM_READ_COMMAND, addr, bytes); }
  void write(PhysAddr addr, unsigned bytes) { go(tlm::TLM_WRITE_COMMAND, addr, bytes); }

 private:
  void go(tlm::tlm_command command, PhysAddr addr, unsigned bytes) {
    std::vector<std::uint8_t> data(bytes, 0x77);
    payload_.set_command(command);
    payload_.set_address(addr);
    payload_.set_data_ptr(data.data());
    payload_.set_data_length(bytes);
    payload_.set_streaming_width(bytes);
    payload_.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    sc_core::sc_time delay;
    dma->b_transport(payload_, delay);
    EXPECT_TRUE(payload_.is_response_ok());
  }
  hw::MbusExtension extension_;
  tlm::tlm_generic_payload payload_;
};

/// One driver thread with a buffer of two pages, and the hazards it makes.
struct DmaBench : Bench {
  explicit DmaBench(BenchOptions o = {}, unsigned master = hw::kMbusMasterDisk)
      : Bench(o), device("device", *mbus, master) {}

  /// Runs `body` as the driver and compares the hazards with `kinds`.
  void drive(const std::function<void()>& body, const std::vector<Kind>& kinds) {
    thread("driver", [&] {
      buffer = k().alloc_page(Activity::driver, hw::AllocSite::page_cache);
      body();
    });
    go();
    const auto& reports = k().dma_sanitizer().reports();
    EXPECT_EQ(k().dma_sanitizer().hazards(), kinds.size());
    ASSERT_EQ(reports.size(), kinds.size()) << reports.back().text;
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      EXPECT_EQ(reports[i].kind, kinds[i]) << reports[i].text;
    }
  }
  void map(hw::DmaDirection d, unsigned bytes = 4096) { k().dma_map_single(buffer, bytes, d); }
  void unmap(hw::DmaDirection d, unsigned bytes = 4096) { k().dma_unmap_single(buffer, bytes, d); }
  void fill() { k().cpu_write(buffer, 4096); }
  void look() { k().cpu_read(buffer, 4096); }
  std::string text(std::size_t i = 0) { return k().dma_sanitizer().reports().at(i).text; }
  bool says(const std::string& what) { return text().find(what) != std::string::npos; }

  Device device;
  PhysAddr buffer = 0;
};

TEST(Dma, ARightDriverHasNoHazards) {
  DmaBench b;
  b.drive(
      [&] {
        for (int i = 0; i < 3; ++i) {
          b.fill();
          b.map(kTo);
          b.device.read(b.buffer, 4096);
          b.unmap(kTo);
          b.map(kFrom);
          b.device.write(b.buffer, 4096);
          b.unmap(kFrom);
          b.look();
          b.fill();
          b.map(kBoth);
          b.device.read(b.buffer, 2048);
          b.device.write(b.buffer, 2048);
          b.unmap(kBoth);
          b.look();
        }
        b.map(kFrom);
        for (int i = 0; i < 3; ++i) {
          b.device.write(b.buffer, 4096);
          b.k().dma_sync_single_for_cpu(b.buffer, 4096, kFrom);
          b.look();
          b.k().dma_sync_single_for_device(b.buffer, 4096, kFrom);
        }
        b.unmap(kFrom);
        const PhysAddr ring = b.k().dma_alloc_coherent(4096);
        b.k().cpu_write(ring, 4096);
        b.device.read(ring, 4096);
        b.device.write(ring, 4096);
        b.k().cpu_read(ring, 4096);
      },
      {});
  EXPECT_EQ(b.k().dma_sanitizer().mappings(), 0u);
}

TEST(Dma, ForgetsToClean) {
  DmaBench b;
  b.drive(
      [&] {
        b.fill();
        b.device.read(b.buffer, 512);
      },
      {Kind::uncleaned_read});
  EXPECT_TRUE(b.says("the disk reads 512 bytes at 0x3fff000 at 0.0000020")) << b.text();
  EXPECT_TRUE(b.says("nobody cleaned them; 'driver' on cpu 0 wrote there at 0.0000020"))
      << b.text();
  EXPECT_TRUE(b.says("; not mapped")) << b.text();
}

TEST(Dma, ACopyIsAWriteAndARead) {
  DmaBench b;
  b.drive(
      [&] {
        const PhysAddr other = b.k().alloc_page(Activity::driver, hw::AllocSite::page_cache);
        b.map(kFrom);
        b.device.write(b.buffer, 4096);
        b.k().memcpy(other, b.buffer, 4096);  // before the unmap
        b.unmap(kFrom);
        b.device.read(other, 4096);
      },
      {Kind::not_owner, Kind::uncleaned_read});
}

TEST(Dma, ForgetsToInvalidate) {
  DmaBench b;
  b.drive(
      [&] {
        b.look();  // what was there before
        b.device.write(b.buffer, 512);
        b.look();
      },
      {Kind::stale_read});
  EXPECT_TRUE(b.says("'driver' on cpu 0 reads 512 bytes at 0x3fff000")) << b.text();
  EXPECT_TRUE(b.says("the disk wrote them")) << b.text();
}

TEST(Dma, MapsAReadBufferToTheDevice) {
  DmaBench b({}, hw::mbus_master_tdma(1));
  b.drive(
      [&] {
        b.look();
        b.map(kTo);
        b.device.write(b.buffer, 512);
        b.unmap(kTo);
        b.look();
      },
      {Kind::wrong_direction});
  EXPECT_TRUE(b.says("TDMA engine 1 writes 512 bytes at 0x3fff000")) << b.text();
  EXPECT_TRUE(b.says("mapped to_device by 'driver'")) << b.text();
}

TEST(Dma, MapsAWriteBufferFromTheDevice) {
  DmaBench b;
  b.drive(
      [&] {
        b.fill();
        b.map(kFrom);
        b.device.read(b.buffer, 4096);
        b.unmap(kFrom);
      },
      {Kind::wrong_direction});
  EXPECT_TRUE(b.says("mapped from_device by 'driver'")) << b.text();
}

TEST(Dma, TouchesTheBufferWhileTheDeviceHasIt) {
  DmaBench b;
  b.drive(
      [&] {
        b.fill();
        b.map(kTo);
        b.k().cpu_update(b.buffer + 64, 4);
        b.device.read(b.buffer, 4096);
        b.unmap(kTo);
      },
      {Kind::not_owner});
  EXPECT_TRUE(b.says("'driver' on cpu 0 writes 4 bytes at 0x3fff040")) << b.text();
}

TEST(Dma, UnmapsTooEarly) {
  DmaBench b;
  b.drive(
      [&] {
        b.map(kFrom);
        b.device.write(b.buffer, 2048);
        b.unmap(kFrom);
        b.device.write(b.buffer + 2048, 2048);
        b.look();
      },
      {Kind::not_mapped});
  EXPECT_TRUE(b.says("the disk writes 2048 bytes at 0x3fff800")) << b.text();
}

TEST(Dma, LooksBeforeTheDeviceIsDone) {
  DmaBench b;
  b.drive(
      [&] {
        b.map(kFrom);
        b.unmap(kFrom);
        b.look();
        b.device.write(b.buffer, 4096);
        b.look();
      },
      {Kind::stale_read});
}

TEST(Dma, SharesALineWithItsOwnData) {
  DmaBench b;
  b.drive(
      [&] {
        // struct { u8 data[48]; u32 count; }
        b.map(kFrom, 48);
        b.k().cpu_write(b.buffer + 48, 4);
        b.device.write(b.buffer, 48);
        b.unmap(kFrom, 48);
        b.k().cpu_read(b.buffer, 48);
      },
      {Kind::dirty_overwritten});
  EXPECT_TRUE(b.says("the disk writes 16 bytes at 0x3fff020")) << b.text();
  EXPECT_TRUE(b.says("mapped from_device by 'driver'")) << b.text();
}

TEST(Dma, UnmapsAnotherSize) {
  DmaBench b;
  b.drive(
      [&] {
        b.map(kBoth);
        b.unmap(kBoth, 512);
        b.unmap(kBoth);
      },
      {Kind::bad_unmap, Kind::bad_unmap});
  EXPECT_TRUE(b.says("'driver' on cpu 0 unmaps 512 bytes at 0x3fff000")) << b.text();
  EXPECT_TRUE(b.says("mapped were 4096 bytes")) << b.text();
}

TEST(Dma, InterruptsAreNamed) {
  DmaBench b;
  b.Bench::device(Bench::kIrq, {20 * kUs}, [&] { b.fill(); });
  b.drive(
      [&] {
        b.map(kBoth);
        b.use(50 * kUs);
        b.unmap(kBoth);
      },
      {Kind::not_owner});
  EXPECT_TRUE(b.says("'driver' on cpu 0 (interrupt) writes 4096 bytes")) << b.text();
}

TEST(Dma, ACoherentMachineForgivesTheCache) {
  BenchOptions o;
  o.settings.non_coherent_dma = false;
  DmaBench b(o);
  b.drive(
      [&] {
        b.fill();
        b.map(kBoth, 48);
        b.k().cpu_write(b.buffer + 48, 4);
        b.device.read(b.buffer, 48);
        b.device.write(b.buffer, 48);
        b.unmap(kBoth, 48);
        b.look();
      },
      {});
}

/// sync_for_cpu costs what an unmap does, sync_for_device what a map does.
TEST(Dma, SyncIsCharged) {
  DmaBench b;
  b.drive(
      [&] {
        b.map(kBoth, 1024);
        const Ps before = b.k().now();
        b.k().dma_sync_single_for_cpu(b.buffer, 1024, kBoth);
        EXPECT_EQ(b.k().now() - before, 70 * kCycle);
        b.k().dma_sync_single_for_device(b.buffer, 1024, kBoth);
        EXPECT_EQ(b.k().now() - before, (70 + 70 + 32 * 10) * kCycle);
        b.unmap(kBoth, 1024);
      },
      {});
}

TEST(Dma, CoherentMemoryFromAPageThatWasInUse) {
  BenchOptions o;
  o.dram_mib = 1;
  DmaBench b(o);
  b.drive(
      [&] {
        b.fill();
        while (b.k().alloc_page(Activity::fs, hw::AllocSite::page_cache) != 0) {
        }
        EXPECT_THROW(b.k().dma_alloc_coherent(64), std::bad_alloc);
        b.k().free_page(b.buffer, Activity::fs);
        EXPECT_THROW(b.k().dma_alloc_coherent(8192), std::bad_alloc);
        EXPECT_EQ(b.k().dma_alloc_coherent(64), b.buffer);
        b.device.read(b.buffer, 4096);
      },
      {});
}

}  // namespace
}  // namespace cesasim::kernel
