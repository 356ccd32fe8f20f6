// SPDX-License-Identifier: Apache-2.0
#include "hw_model/cesa/registers.h"

#include <array>
#include <string_view>

namespace cesasim::hw {
namespace {

constexpr RegisterField kWholeWord[] = {{"value", 31, 0, "whole word"}};
constexpr RegisterField kTdmaByteCountFields[] = {
    {"own", 31, 31, "1 = the DMA owns the descriptor, 0 = hand control to the accelerator"},
    {"count", 15, 0, "bytes to move"}};
constexpr RegisterField kTdmaControlFields[] = {
    {"outstanding_mode", 17, 16, "reads asked for ahead: 0 as bit 4 says, 1 two, 2 three, 3 four",
     cesa_feature::kOutstandingModes},
    {"active", 14, 14, "a transfer is in progress"},
    {"fetch_next", 13, 13, "fetch the next descriptor now"},
    {"enable", 12, 12, "the DMA may run"},
    {"no_byte_swap", 11, 11, "1 = bytes keep their order"},
    {"non_chained", 9, 9, "1 = one transfer from the registers, 0 = follow NEXT"},
    {"src_burst", 8, 6, "source burst limit: 3 = 32 bytes, 4 = 128 bytes"},
    {"outstanding_reads", 4, 4, "the next read burst is asked for before the last one ended"},
    {"dst_burst", 2, 0, "destination burst limit, same codes"}};
constexpr RegisterField kTdmaErrorFields[] = {
    {"data_error", 3, 3, "the memory returned an error"},
    {"both_hit", 2, 2, "source and destination on the same side"},
    {"double_hit", 1, 1, "an address hits two windows"},
    {"miss", 0, 0, "an address hits no window"}};
constexpr RegisterField kWinBaseFields[] = {{"base", 31, 16, "address bits 31..16"}};
constexpr RegisterField kWinCtrlFields[] = {{"size", 31, 16, "size in 64 KiB units, minus one"},
                                            {"attribute", 15, 8, "bus attribute of the target"},
                                            {"target", 7, 4, "bus target"},
                                            {"enable", 0, 0, "the window decodes"}};
constexpr RegisterField kAuthCommandFields[] = {
    {"terminated", 31, 31, "the digest is ready"},
    {"iv_byte_swap", 4, 4, "swap the bytes of the digest words"},
    {"data_byte_swap", 2, 2, "swap the bytes of the data"},
    {"continue", 1, 1, "0 = start anew, 1 = go on from the digest words"},
    {"sha1", 0, 0, "0 = MD5, 1 = SHA-1"}};
constexpr RegisterField kDesCommandFields[] = {
    {"terminated", 31, 31, "the engine has done what was written"},
    {"all_terminated", 30, 30, "and all results have been read"},
    {"read_allowed", 29, 29, "a result waits to be read"},
    {"out_byte_swap", 8, 8, "swap the bytes of the result words"},
    {"iv_byte_swap", 6, 6, "swap the bytes of the IV words"},
    {"data_byte_swap", 4, 4, "swap the bytes of the data words"},
    {"cbc", 3, 3, "0 = ECB, 1 = CBC"},
    {"ede", 2, 2, "3DES: 0 = EEE, 1 = EDE"},
    {"des3", 1, 1, "0 = DES, 1 = 3DES"},
    {"decrypt", 0, 0, "0 = encrypt, 1 = decrypt"}};
constexpr RegisterField kAesEncryptCommandFields[] = {
    {"terminated", 31, 31, "the result is ready"},
    {"out_byte_swap", 8, 8, "swap the bytes of the result words"},
    {"data_byte_swap", 4, 4, "swap the bytes of the data words"},
    {"key_mode", 1, 0, "0, 1, 2 = 128, 192, 256 bits"}};
constexpr RegisterField kAesDecryptCommandFields[] = {
    {"terminated", 31, 31, "the result is ready"},
    {"out_byte_swap", 8, 8, "swap the bytes of the result words"},
    {"data_byte_swap", 4, 4, "swap the bytes of the data words"},
    {"make_key", 2, 2, "turn the key in the registers into the start key of decryption"},
    {"key_mode", 1, 0, "0, 1, 2 = 128, 192, 256 bits"}};
constexpr RegisterField kCmdFields[] = {
    {"sha2", 31, 31, "or-ed in by one vendor driver on later SoCs; no known effect"},
    {"stop", 2, 2, "stop what runs"},
    {"activate1", 1, 1, "start channel 1; reads 1 until it is done", cesa_feature::kSecondChannel},
    {"activate0", 0, 0, "start channel 0; reads 1 until it is done"}};
constexpr RegisterField kDescFields[] = {{"offset", 15, 3, "SRAM offset of the descriptor"}};
constexpr RegisterField kCfgFields[] = {
    {"no_parallel", 13, 13, "cipher and MAC of one operation never overlap"},
    {"multi_packet_chain", 11, 11, "the DMA goes on after each operation to the end of the chain"},
    {"ch1_activate_dma", 10, 10, "channel 1 starts the DMA", cesa_feature::kSecondChannel},
    {"ch0_activate_dma", 9, 9, "channel 0 starts the DMA"},
    {"ch1_wait_dma", 8, 8, "channel 1 waits for a descriptor the DMA does not own",
     cesa_feature::kSecondChannel},
    {"ch0_wait_dma", 7, 7, "channel 0 waits for a descriptor the DMA does not own"},
    {"digest_error", 1, 0, "on a digest mismatch: 0 continue, 1 skip, 3 stop"}};
constexpr RegisterField kStatusFields[] = {
    {"state", 31, 13, "internal state"},
    {"digest_error1", 9, 9, "channel 1: the digest did not match", cesa_feature::kSecondChannel},
    {"digest_error0", 8, 8, "channel 0: the digest did not match"},
    {"active1", 1, 1, "channel 1 runs", cesa_feature::kSecondChannel},
    {"active0", 0, 0, "channel 0 runs"}};
constexpr RegisterField kIrqFields[] = {
    {"end_of_packet", 14, 14, "coalesced end of packet", cesa_feature::kCoalescing},
    {"tdma_parity_error", 12, 12, "parity error in the DMA", cesa_feature::kTdma},
    {"chained_packet_done", 11, 11, "one packet of a chain done, its data out of the SRAM"},
    {"dma_ownership_error", 10, 10, "a descriptor nobody may take"},
    {"dma_done", 9, 9, "DMA done"},
    {"accel1_dma_done", 8, 8, "channel 1 and its DMA done: end of the chain",
     cesa_feature::kSecondChannel},
    {"accel0_dma_done", 7, 7, "channel 0 and its DMA done: end of the chain"},
    {"accel1_done", 6, 6, "channel 1: one operation done", cesa_feature::kSecondChannel},
    {"accel0_done", 5, 5, "channel 0: one operation done"},
    {"cipher_done", 4, 4, "cipher done"},
    {"aes_decrypt_done", 3, 3, "AES decryption engine done"},
    {"aes_encrypt_done", 2, 2, "AES encryption engine done"},
    {"des_done", 1, 1, "DES engine done"},
    {"auth_done", 0, 0, "authentication engine done"}};
constexpr RegisterField kCoalescePacketFields[] = {{"packets", 7, 0, "packets until an interrupt"}};
constexpr RegisterField kCoalesceTimeFields[] = {
    {"time", 23, 0, "TCLK cycles from the first packet to an interrupt"}};

constexpr std::uint32_t kAll = 0xFFFFFFFF;
using namespace cesa_reg;  // NOLINT(google-build-using-namespace): the table reads as the map
using cesa_feature::kTdma;

constexpr RegisterDesc whole(std::uint32_t offset, std::string_view name, std::string_view doc,
                             std::uint8_t features = 0) {
  return {.offset = offset, .name = name, .doc = doc, .fields = kWholeWord, .features = features};
}
/// A command register of the directly addressed engines. What was never started has ended.
constexpr RegisterDesc direct_command(std::uint32_t offset, std::string_view name,
                                      std::string_view doc, std::span<const RegisterField> fields,
                                      std::uint32_t ro, std::uint32_t reset) {
  return {.offset = offset, .name = name, .doc = doc, .fields = fields, .ro = ro, .reset = reset};
}
constexpr RegisterDesc win_base(unsigned i, std::string_view name) {
  return {.offset = tdma_win_base(i),
          .name = name,
          .doc = "DMA address window, base",
          .fields = kWinBaseFields,
          .features = kTdma};
}
constexpr RegisterDesc win_ctrl(unsigned i, std::string_view name) {
  return {.offset = tdma_win_ctrl(i),
          .name = name,
          .doc = "DMA address window, control",
          .fields = kWinCtrlFields,
          .features = kTdma};
}

constexpr auto kTableWithoutReserved = std::to_array<RegisterDesc>({
    {.offset = kTdmaByteCount,
     .name = "tdma_byte_count",
     .doc = "bytes left and owner",
     .fields = kTdmaByteCountFields,
     .features = kTdma},
    whole(kTdmaSrc, "tdma_src", "bus address read from", kTdma),
    whole(kTdmaDst, "tdma_dst", "bus address written to", kTdma),
    whole(kTdmaNext, "tdma_next", "bus address of the next descriptor, 0 = end", kTdma),
    {.offset = kTdmaControl,
     .name = "tdma_control",
     .doc = "DMA control",
     .fields = kTdmaControlFields,
     .ro = cesa_bit::tdma_control::kActive,
     .self_clearing = cesa_bit::tdma_control::kFetchNext,
     .features = kTdma},
    whole(kTdmaCurrent, "tdma_current", "descriptor in progress or last finished", kTdma),
    {.offset = kTdmaErrorCause,
     .name = "tdma_error_cause",
     .doc = "DMA errors",
     .fields = kTdmaErrorFields,
     .w0c = 0xF,
     .features = kTdma},
    {.offset = kTdmaErrorMask,
     .name = "tdma_error_mask",
     .doc = "mask of the DMA errors",
     .fields = kTdmaErrorFields,
     .features = kTdma},
    win_base(0, "tdma_win_base0"),
    win_ctrl(0, "tdma_win_ctrl0"),
    win_base(1, "tdma_win_base1"),
    win_ctrl(1, "tdma_win_ctrl1"),
    win_base(2, "tdma_win_base2"),
    win_ctrl(2, "tdma_win_ctrl2"),
    win_base(3, "tdma_win_base3"),
    win_ctrl(3, "tdma_win_ctrl3"),
    whole(ivdig(0), "ivdig_a", "IV or digest word A"),
    whole(ivdig(1), "ivdig_b", "IV or digest word B"),
    whole(ivdig(2), "ivdig_c", "IV or digest word C"),
    whole(ivdig(3), "ivdig_d", "IV or digest word D"),
    whole(ivdig(4), "ivdig_e", "IV or digest word E"),
    direct_command(kAuthCommand, "auth_command", "direct authentication: command",
                   kAuthCommandFields, 1u << 31, 1u << 31),
    whole(kAuthBitCountLow, "auth_bit_count_low", "direct authentication: length, low word"),
    whole(kAuthBitCountHigh, "auth_bit_count_high", "direct authentication: length, high word"),
    // Linux's driver restores all eight words on units without SHA-256 too, and is none the
    // worse for it: the last three exist everywhere and are merely of no use there (assumed).
    whole(ivdig(5), "ivdig_f", "digest word F, used by SHA-256 alone"),
    whole(ivdig(6), "ivdig_g", "digest word G, used by SHA-256 alone"),
    whole(ivdig(7), "ivdig_h", "digest word H, used by SHA-256 alone"),
    whole(kAuthDataIn, "auth_data_in", "direct authentication: data"),
    whole(kDesIvLow, "des_iv_low", "direct DES: IV, then chaining value, low word"),
    whole(kDesIvHigh, "des_iv_high", "direct DES: IV, then chaining value, high word"),
    whole(kDesKey0Low, "des_key0_low", "direct DES: first key, low word"),
    whole(kDesKey0High, "des_key0_high", "direct DES: first key, high word"),
    whole(kDesKey1Low, "des_key1_low", "direct DES: second key, low word"),
    whole(kDesKey1High, "des_key1_high", "direct DES: second key, high word"),
    direct_command(kDesCommand, "des_command", "direct DES: command", kDesCommandFields, 7u << 29,
                   3u << 30),
    whole(kDesKey2Low, "des_key2_low", "direct DES: third key, low word"),
    whole(kDesKey2High, "des_key2_high", "direct DES: third key, high word"),
    {.offset = kFpgaIntStatus,
     .name = "fpga_int_status",
     .doc = "the same causes as int_cause",
     .fields = kIrqFields,
     .w0c = 0x5FFF,
     .alias_of = kIntCause},
    whole(kDesDataLow, "des_data_low", "direct DES: data, low word"),
    whole(kDesDataHigh, "des_data_high", "direct DES: data, high word"),
    {.offset = kDesOutLow,
     .name = "des_out_low",
     .doc = "direct DES: result, low word",
     .fields = kWholeWord,
     .ro = kAll},
    {.offset = kDesOutHigh,
     .name = "des_out_high",
     .doc = "direct DES: result, high word",
     .fields = kWholeWord,
     .ro = kAll},
    whole(aes_encrypt_key(7), "aes_encrypt_key7", "direct AES encryption: key word 7"),
    whole(aes_encrypt_key(6), "aes_encrypt_key6", "direct AES encryption: key word 6"),
    whole(aes_encrypt_key(5), "aes_encrypt_key5", "direct AES encryption: key word 5"),
    whole(aes_encrypt_key(4), "aes_encrypt_key4", "direct AES encryption: key word 4"),
    whole(aes_encrypt_key(3), "aes_encrypt_key3", "direct AES encryption: key word 3"),
    whole(aes_encrypt_key(2), "aes_encrypt_key2", "direct AES encryption: key word 2"),
    whole(aes_encrypt_key(1), "aes_encrypt_key1", "direct AES encryption: key word 1"),
    whole(aes_encrypt_key(0), "aes_encrypt_key0", "direct AES encryption: key word 0"),
    whole(aes_encrypt_data(3), "aes_encrypt_data3", "direct AES encryption: column 3"),
    whole(aes_encrypt_data(2), "aes_encrypt_data2", "direct AES encryption: column 2"),
    whole(aes_encrypt_data(1), "aes_encrypt_data1", "direct AES encryption: column 1"),
    whole(aes_encrypt_data(0), "aes_encrypt_data0", "direct AES encryption: column 0"),
    direct_command(kAesEncryptCommand, "aes_encrypt_command", "direct AES encryption: command",
                   kAesEncryptCommandFields, 1u << 31, 1u << 31),
    whole(aes_decrypt_key(7), "aes_decrypt_key7", "direct AES decryption: key word 7"),
    whole(aes_decrypt_key(6), "aes_decrypt_key6", "direct AES decryption: key word 6"),
    whole(aes_decrypt_key(5), "aes_decrypt_key5", "direct AES decryption: key word 5"),
    whole(aes_decrypt_key(4), "aes_decrypt_key4", "direct AES decryption: key word 4"),
    whole(aes_decrypt_key(3), "aes_decrypt_key3", "direct AES decryption: key word 3"),
    whole(aes_decrypt_key(2), "aes_decrypt_key2", "direct AES decryption: key word 2"),
    whole(aes_decrypt_key(1), "aes_decrypt_key1", "direct AES decryption: key word 1"),
    whole(aes_decrypt_key(0), "aes_decrypt_key0", "direct AES decryption: key word 0"),
    whole(aes_decrypt_data(3), "aes_decrypt_data3", "direct AES decryption: column 3"),
    whole(aes_decrypt_data(2), "aes_decrypt_data2", "direct AES decryption: column 2"),
    whole(aes_decrypt_data(1), "aes_decrypt_data1", "direct AES decryption: column 1"),
    whole(aes_decrypt_data(0), "aes_decrypt_data0", "direct AES decryption: column 0"),
    direct_command(kAesDecryptCommand, "aes_decrypt_command", "direct AES decryption: command",
                   kAesDecryptCommandFields, 1u << 31, 1u << 31),
    {.offset = kCmd,
     .name = "cmd",
     .doc = "accelerator command",
     .fields = kCmdFields,
     .self_clearing = cesa_bit::cmd::kActivate0 | cesa_bit::cmd::kActivate1 | cesa_bit::cmd::kStop |
                      cesa_bit::cmd::kSha2},
    {.offset = kDescP0, .name = "desc_p0", .doc = "channel 0 descriptor", .fields = kDescFields},
    {.offset = kCfg, .name = "cfg", .doc = "accelerator configuration", .fields = kCfgFields},
    {.offset = kStatus,
     .name = "status",
     .doc = "accelerator status",
     .fields = kStatusFields,
     .ro = kAll},
    {.offset = kDescP1,
     .name = "desc_p1",
     .doc = "channel 1 descriptor",
     .fields = kDescFields,
     .features = cesa_feature::kSecondChannel},
    {.offset = kIntCause,
     .name = "int_cause",
     .doc = "interrupt causes",
     .fields = kIrqFields,
     .w0c = 0x5FFF},
    {.offset = kIntMask,
     .name = "int_mask",
     .doc = "causes that raise the line",
     .fields = kIrqFields},
    {.offset = kCoalescePackets,
     .name = "coalesce_packets",
     .doc = "interrupt coalescing, count",
     .fields = kCoalescePacketFields,
     .features = cesa_feature::kCoalescing},
    {.offset = kCoalesceTime,
     .name = "coalesce_time",
     .doc = "interrupt coalescing, time",
     .fields = kCoalesceTimeFields,
     .features = cesa_feature::kCoalescing},
});

constexpr auto kTable = with_reserved(kTableWithoutReserved);

static_assert(well_formed(kTable));

}  // namespace

std::span<const RegisterDesc> cesa_registers() { return kTable; }

}  // namespace cesasim::hw
