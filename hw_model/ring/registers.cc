// SPDX-License-Identifier: Apache-2.0
#include "hw_model/ring/registers.h"

#include <array>
#include <string_view>

namespace cesasim::hw {
namespace {

constexpr std::uint32_t kAll = 0xFFFFFFFF;

constexpr RegisterField kWholeWord[] = {{"value", 31, 0, "whole word"}};
constexpr RegisterField kVersionFields[] = {{"major", 31, 16, "incompatible changes"},
                                            {"minor", 15, 0, "additions"}};
constexpr RegisterField kCaps0Fields[] = {{"key_slots", 31, 24, "key slots"},
                                          {"prefetch", 23, 16, "descriptors fetched ahead"},
                                          {"buffers", 11, 8, "SRAM buffers of an engine"},
                                          {"engines", 7, 4, "engines"},
                                          {"rings", 3, 0, "rings"}};
constexpr RegisterField kCaps1Fields[] = {{"list_prefetch", 27, 20, "list entries read at a time"},
                                          {"size_max", 19, 16, "log2 of the largest ring"},
                                          {"list_max", 15, 0, "entries of the longest list"}};
constexpr RegisterField kAlgorithmFields[] = {{"xts", 16, 16, "AES in XTS mode"},
                                              {"codes", 15, 0, "bit n: algorithm code n"}};
constexpr RegisterField kControlFields[] = {{"reset", 0, 0, "reset every ring and key slot"}};
constexpr RegisterField kUnitStatusFields[] = {{"busy", 7, 0, "bit e: engine e holds a request"}};
constexpr RegisterField kSummaryFields[] = {{"rings", 7, 0, "bit r: the line of ring r is up"}};
constexpr RegisterField kKeyCommandFields[] = {
    {"load", 31, 31, "copy key_data to the slot"},
    {"erase", 30, 30, "empty the slot"},
    {"size", 10, 8, "0 = 128, 1 = 192, 2 = 256, 3 = 64, 4 = 512 bits"},
    {"slot", 4, 0, "number of the slot"}};
constexpr RegisterField kBase64Fields[] = {{"address", 31, 6, "address bits 31..6"}};
constexpr RegisterField kShadowFields[] = {{"address", 31, 2, "address bits 31..2"}};
constexpr RegisterField kIndexFields[] = {{"address", 31, 3, "address bits 31..3"}};
constexpr RegisterField kSizeFields[] = {{"log2", 3, 0, "log2 of the number of slots"}};
constexpr RegisterField kConfigFields[] = {
    {"index_writeback", 3, 3, "indexes are written to memory"},
    {"shadow", 2, 2, "the producer index is also in memory"},
    {"out_of_order", 1, 1, "completions as requests end"},
    {"enable", 0, 0, "the ring runs"}};
constexpr RegisterField kCommandFields[] = {{"reset", 0, 0, "reads 1 until complete"}};
constexpr RegisterField kStatusFields[] = {
    {"in_flight", 31, 16, "requests between dispatch and completion"},
    {"cq_full", 3, 3, "a request waits for a free completion entry"},
    {"stopped", 2, 2, "a bus error stopped the ring"},
    {"draining", 1, 1, "disabled, requests still run"},
    {"running", 0, 0, "enabled or draining"}};
constexpr RegisterField kPositionFields[] = {{"index", 15, 0, "runs freely"}};
constexpr RegisterField kIrqFields[] = {
    {"config_error", 7, 7, "enable was refused"},
    {"drained", 6, 6, "the disabled ring has come to rest"},
    {"cq_full", 5, 5, "a request waits for a free completion entry"},
    {"writeback_error", 4, 4, "the bus refused a completion or the indexes"},
    {"fetch_error", 3, 3, "the bus refused a descriptor or the shadow"},
    {"index_error", 2, 2, "an index past what it may be"},
    {"failed", 1, 1, "a completion whose status is not ok"},
    {"done", 0, 0, "completions to take"}};
constexpr RegisterField kCountFields[] = {{"completions", 7, 0, "0 = no announcement by count"}};
constexpr RegisterField kTimeFields[] = {{"cycles", 23, 0, "0 = no announcement by time"}};
constexpr RegisterField kErrorFields[] = {{"index", 31, 16, "submission index"},
                                          {"status", 7, 0, "status code"}};

constexpr RegisterDesc read_only(std::uint32_t offset, std::string_view name, std::string_view doc,
                                 std::span<const RegisterField> fields, std::uint32_t reset = 0) {
  return {.offset = offset, .name = name, .doc = doc, .fields = fields, .ro = kAll, .reset = reset};
}
constexpr RegisterDesc plain(std::uint32_t offset, std::string_view name, std::string_view doc,
                             std::span<const RegisterField> fields, std::uint32_t reset = 0) {
  return {.offset = offset, .name = name, .doc = doc, .fields = fields, .reset = reset};
}
/// Every written bit acts at once and none reads back.
constexpr RegisterDesc write_only(std::uint32_t offset, std::string_view name, std::string_view doc,
                                  std::span<const RegisterField> fields) {
  RegisterDesc r = plain(offset, name, doc, fields);
  r.self_clearing = r.field_bits();
  return r;
}

using namespace ring_unit_reg;  // NOLINT(google-build-using-namespace): register names only

constexpr auto kUnitTable = with_reserved(std::to_array<RegisterDesc>({
    read_only(kId, "id", "\"RING\"", kWholeWord, ring_bit::kId),
    read_only(kVersion, "version", "revision of the data sheet", kVersionFields,
              ring_bit::kVersion),
    read_only(kCaps0, "caps0", "what is built", kCaps0Fields),
    read_only(kCaps1, "caps1", "limits", kCaps1Fields),
    read_only(kAlgorithms, "algorithms", "ciphers that are built", kAlgorithmFields),
    write_only(kControl, "control", "unit control", kControlFields),
    read_only(ring_unit_reg::kStatus, "status", "engines", kUnitStatusFields),
    read_only(kIntSummary, "int_summary", "interrupt lines", kSummaryFields),
    write_only(kKeyCommand, "key_command", "key slots", kKeyCommandFields),
    read_only(kKeyValid, "key_valid", "bit s: slot s holds a key", kWholeWord),
    write_only(key_data(0), "key_data0", "key bytes 0..3", kWholeWord),
    write_only(key_data(1), "key_data1", "key bytes 4..7", kWholeWord),
    write_only(key_data(2), "key_data2", "key bytes 8..11", kWholeWord),
    write_only(key_data(3), "key_data3", "key bytes 12..15", kWholeWord),
    write_only(key_data(4), "key_data4", "key bytes 16..19", kWholeWord),
    write_only(key_data(5), "key_data5", "key bytes 20..23", kWholeWord),
    write_only(key_data(6), "key_data6", "key bytes 24..27", kWholeWord),
    write_only(key_data(7), "key_data7", "key bytes 28..31", kWholeWord),
    write_only(key_data(8), "key_data8", "key bytes 32..35", kWholeWord),
    write_only(key_data(9), "key_data9", "key bytes 36..39", kWholeWord),
    write_only(key_data(10), "key_data10", "key bytes 40..43", kWholeWord),
    write_only(key_data(11), "key_data11", "key bytes 44..47", kWholeWord),
    write_only(key_data(12), "key_data12", "key bytes 48..51", kWholeWord),
    write_only(key_data(13), "key_data13", "key bytes 52..55", kWholeWord),
    write_only(key_data(14), "key_data14", "key bytes 56..59", kWholeWord),
    write_only(key_data(15), "key_data15", "key bytes 60..63", kWholeWord),
}));

constexpr auto kRingTable = with_reserved(std::to_array<RegisterDesc>({
    plain(ring_reg::kSqBaseLo, "sq_base_lo", "submission ring", kBase64Fields),
    plain(ring_reg::kSqBaseHi, "sq_base_hi", "submission ring, high word", kWholeWord),
    plain(ring_reg::kSqSize, "sq_size", "descriptors of the submission ring", kSizeFields),
    plain(ring_reg::kCqBaseLo, "cq_base_lo", "completion ring", kBase64Fields),
    plain(ring_reg::kCqBaseHi, "cq_base_hi", "completion ring, high word", kWholeWord),
    plain(ring_reg::kCqSize, "cq_size", "entries of the completion ring", kSizeFields),
    plain(ring_reg::kShadowLo, "shadow_lo", "producer index in memory", kShadowFields),
    plain(ring_reg::kShadowHi, "shadow_hi", "producer index in memory, high word", kWholeWord),
    plain(ring_reg::kIndexLo, "index_lo", "the device's indexes in memory", kIndexFields),
    plain(ring_reg::kIndexHi, "index_hi", "the device's indexes in memory, high word", kWholeWord),
    plain(ring_reg::kConfig, "config", "settings of the ring", kConfigFields),
    write_only(ring_reg::kCommand, "command", "reset of the ring", kCommandFields),
    read_only(ring_reg::kStatus, "status", "state of the ring", kStatusFields),
    plain(ring_reg::kSqProducer, "sq_producer", "doorbell", kPositionFields),
    read_only(ring_reg::kSqConsumer, "sq_consumer", "first descriptor not fetched",
              kPositionFields),
    read_only(ring_reg::kCqProducer, "cq_producer", "completions written", kPositionFields),
    plain(ring_reg::kCqConsumer, "cq_consumer", "completions taken", kPositionFields),
    {.offset = ring_reg::kIntCause,
     .name = "int_cause",
     .doc = "interrupt causes",
     .fields = kIrqFields,
     .w0c = 0xFF},
    plain(ring_reg::kIntMask, "int_mask", "causes that raise the line", kIrqFields),
    plain(ring_reg::kCoalesceCount, "coalesce_count", "completions that make an interrupt",
          kCountFields, 1),
    plain(ring_reg::kCoalesceTime, "coalesce_time", "cycles after which one is made", kTimeFields),
    read_only(ring_reg::kError, "error", "last request that failed", kErrorFields),
}));

static_assert(well_formed(kUnitTable));
static_assert(well_formed(kRingTable));

}  // namespace

std::span<const RegisterDesc> ring_unit_registers() { return kUnitTable; }
std::span<const RegisterDesc> ring_registers() { return kRingTable; }

}  // namespace cesasim::hw
