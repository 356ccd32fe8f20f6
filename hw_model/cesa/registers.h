// SPDX-License-Identifier: Apache-2.0
// The register map of one CESA engine as one table: decode, reset, masks, the drivers'
// constants, the dump and the register page all come from it.
//
// Offsets are from the unit's base; engine i stands kEngineStride * i above engine 0.
// Sources: the public drivers of Linux (marvell/cesa, mv_cesa), Marvell's OCF HAL, NetBSD
// mvxpsec and FreeBSD cesa. Reset values are not published; 0 is safe because every driver
// programs what it uses.
#pragma once

#include <cstdint>
#include <span>

#include "hw_model/registers/register_table.h"

namespace cesasim::hw {

/// Byte offsets of the registers.
namespace cesa_reg {
inline constexpr std::uint32_t kTdmaByteCount = 0x800;
inline constexpr std::uint32_t kTdmaSrc = 0x810;
inline constexpr std::uint32_t kTdmaDst = 0x820;
inline constexpr std::uint32_t kTdmaNext = 0x830;
inline constexpr std::uint32_t kTdmaControl = 0x840;
inline constexpr std::uint32_t kTdmaCurrent = 0x870;
inline constexpr std::uint32_t kTdmaErrorCause = 0x8C8;
inline constexpr std::uint32_t kTdmaErrorMask = 0x8CC;
inline constexpr unsigned kTdmaWindows = 4;
constexpr std::uint32_t tdma_win_base(unsigned i) { return 0xA00 + 8 * i; }
constexpr std::uint32_t tdma_win_ctrl(unsigned i) { return 0xA04 + 8 * i; }
/// IV/digest word `i` (0..7).
constexpr std::uint32_t ivdig(unsigned i) { return 0xDD00 + 4 * i + (i >= 5 ? 0x14 : 0); }
inline constexpr std::uint32_t kAuthCommand = 0xDD18;
inline constexpr std::uint32_t kAuthBitCountLow = 0xDD20;
inline constexpr std::uint32_t kAuthBitCountHigh = 0xDD24;
inline constexpr std::uint32_t kAuthDataIn = 0xDD38;
inline constexpr std::uint32_t kDesIvLow = 0xDD40;
inline constexpr std::uint32_t kDesIvHigh = 0xDD44;
inline constexpr std::uint32_t kDesDataLow = 0xDD70;
inline constexpr std::uint32_t kDesDataHigh = 0xDD74;
inline constexpr std::uint32_t kDesOutLow = 0xDD78;
inline constexpr std::uint32_t kDesOutHigh = 0xDD7C;
/// Column `c` (0..3, bytes 4c..4c+3) of a block going in, then of the result.
constexpr std::uint32_t aes_encrypt_data(unsigned c) { return 0xDDA0 + 4 * (3 - c); }
constexpr std::uint32_t aes_decrypt_data(unsigned c) { return 0xDDE0 + 4 * (3 - c); }
inline constexpr std::uint32_t kAesEncryptCommand = 0xDDB0;
inline constexpr std::uint32_t kAesDecryptCommand = 0xDDF0;
inline constexpr std::uint32_t kDesKey0Low = 0xDD48;
inline constexpr std::uint32_t kDesKey0High = 0xDD4C;
inline constexpr std::uint32_t kDesKey1Low = 0xDD50;
inline constexpr std::uint32_t kDesKey1High = 0xDD54;
inline constexpr std::uint32_t kDesCommand = 0xDD58;
inline constexpr std::uint32_t kDesKey2Low = 0xDD60;
inline constexpr std::uint32_t kDesKey2High = 0xDD64;
inline constexpr std::uint32_t kFpgaIntStatus = 0xDD68;
/// Word `n` of the key of the directly addressed AES engines (descending in memory).
constexpr std::uint32_t aes_encrypt_key(unsigned n) { return 0xDD80 + 4 * (7 - n); }
constexpr std::uint32_t aes_decrypt_key(unsigned n) { return 0xDDC0 + 4 * (7 - n); }
inline constexpr std::uint32_t kCmd = 0xDE00;
inline constexpr std::uint32_t kDescP0 = 0xDE04;
inline constexpr std::uint32_t kCfg = 0xDE08;
inline constexpr std::uint32_t kStatus = 0xDE0C;
inline constexpr std::uint32_t kDescP1 = 0xDE14;
constexpr std::uint32_t desc_p(unsigned channel) { return kDescP0 + 0x10 * channel; }
inline constexpr std::uint32_t kIntCause = 0xDE20;
inline constexpr std::uint32_t kIntMask = 0xDE24;
inline constexpr std::uint32_t kCoalescePackets = 0xDE30;
inline constexpr std::uint32_t kCoalesceTime = 0xDE34;

inline constexpr std::uint32_t kEngineStride = 0x2000;
inline constexpr std::uint32_t kWindowBytes = 0x10000;
}  // namespace cesa_reg

/// Bits of the registers, one scope for each.
namespace cesa_bit {
namespace tdma_byte_count {
inline constexpr std::uint32_t kOwn = 1u << 31;
inline constexpr std::uint32_t kCountMask = 0xFFFF;
}  // namespace tdma_byte_count
namespace tdma_control {
inline constexpr std::uint32_t kBurst32 = 3;
inline constexpr std::uint32_t kBurst128 = 4;
inline constexpr std::uint32_t kDstBurst32 = kBurst32;
inline constexpr std::uint32_t kDstBurst128 = kBurst128;
inline constexpr std::uint32_t kOutstandingReads = 1u << 4;
inline constexpr std::uint32_t kSrcBurst32 = kBurst32 << 6;
inline constexpr std::uint32_t kSrcBurst128 = kBurst128 << 6;
inline constexpr std::uint32_t kNonChained = 1u << 9;
inline constexpr std::uint32_t kNoByteSwap = 1u << 11;
inline constexpr std::uint32_t kEnable = 1u << 12;
inline constexpr std::uint32_t kFetchNext = 1u << 13;
inline constexpr std::uint32_t kActive = 1u << 14;
constexpr std::uint32_t dst_burst(std::uint32_t control) { return control & 7; }
constexpr std::uint32_t src_burst(std::uint32_t control) { return (control >> 6) & 7; }
constexpr std::uint32_t outstanding_mode(std::uint32_t control) { return (control >> 16) & 3; }
}  // namespace tdma_control
namespace tdma_error {
inline constexpr std::uint32_t kMiss = 1u << 0;
inline constexpr std::uint32_t kDoubleHit = 1u << 1;
inline constexpr std::uint32_t kBothHit = 1u << 2;
inline constexpr std::uint32_t kDataError = 1u << 3;
}  // namespace tdma_error
namespace tdma_win {
inline constexpr std::uint32_t kEnable = 1u << 0;
}  // namespace tdma_win
namespace cmd {
inline constexpr std::uint32_t kActivate0 = 1u << 0;
inline constexpr std::uint32_t kActivate1 = 1u << 1;
inline constexpr std::uint32_t kStop = 1u << 2;
inline constexpr std::uint32_t kSha2 = 1u << 31;
constexpr std::uint32_t activate(unsigned channel) { return kActivate0 << channel; }
}  // namespace cmd
namespace cfg {
inline constexpr std::uint32_t kDigestErrorMask = 3;
inline constexpr std::uint32_t kDigestErrorContinue = 0;
inline constexpr std::uint32_t kDigestErrorSkip = 1;
inline constexpr std::uint32_t kDigestErrorStop = 3;
inline constexpr std::uint32_t kCh0WaitDma = 1u << 7;
inline constexpr std::uint32_t kCh1WaitDma = 1u << 8;
inline constexpr std::uint32_t kCh0ActivateDma = 1u << 9;
inline constexpr std::uint32_t kCh1ActivateDma = 1u << 10;
inline constexpr std::uint32_t kMultiPacketChain = 1u << 11;
inline constexpr std::uint32_t kNoParallel = 1u << 13;
constexpr std::uint32_t wait_dma(unsigned channel) { return kCh0WaitDma << channel; }
constexpr std::uint32_t activate_dma(unsigned channel) { return kCh0ActivateDma << channel; }
}  // namespace cfg
namespace status {
inline constexpr std::uint32_t kActive0 = 1u << 0;
inline constexpr std::uint32_t kActive1 = 1u << 1;
inline constexpr std::uint32_t kDigestError0 = 1u << 8;
inline constexpr std::uint32_t kDigestError1 = 1u << 9;
constexpr std::uint32_t active(unsigned channel) { return kActive0 << channel; }
constexpr std::uint32_t digest_error(unsigned channel) { return kDigestError0 << channel; }
}  // namespace status
namespace irq {
inline constexpr std::uint32_t kAuthDone = 1u << 0;
inline constexpr std::uint32_t kDesDone = 1u << 1;
inline constexpr std::uint32_t kAesEncryptDone = 1u << 2;
inline constexpr std::uint32_t kAesDecryptDone = 1u << 3;
inline constexpr std::uint32_t kCipherDone = 1u << 4;
inline constexpr std::uint32_t kAccel0Done = 1u << 5;
inline constexpr std::uint32_t kAccel1Done = 1u << 6;
inline constexpr std::uint32_t kAccel0DmaDone = 1u << 7;
inline constexpr std::uint32_t kAccel1DmaDone = 1u << 8;
inline constexpr std::uint32_t kDmaDone = 1u << 9;
inline constexpr std::uint32_t kDmaOwnershipError = 1u << 10;
inline constexpr std::uint32_t kChainedPacketDone = 1u << 11;
inline constexpr std::uint32_t kTdmaParityError = 1u << 12;
inline constexpr std::uint32_t kEndOfPacketCoalesce = 1u << 14;
constexpr std::uint32_t accel_done(unsigned channel) { return kAccel0Done << channel; }
constexpr std::uint32_t accel_dma_done(unsigned channel) { return kAccel0DmaDone << channel; }
}  // namespace irq
}  // namespace cesa_bit

/// What a SoC generation must have for a register, or one of its fields, to exist.
namespace cesa_feature {
inline constexpr std::uint8_t kTdma = 1;
inline constexpr std::uint8_t kCoalescing = 2;
inline constexpr std::uint8_t kSecondChannel = 4;
inline constexpr std::uint8_t kOutstandingModes = 8;
}  // namespace cesa_feature

/// Every register of one engine in ascending order of offset.
std::span<const RegisterDesc> cesa_registers();

/// Splits an offset in the 64 KiB window into the engine and the engine's own offset.
/// `valid` is false where no engine has registers.
struct CesaRegisterAddress {
  unsigned engine = 0;
  std::uint32_t offset = 0;
  bool valid = false;
};
constexpr CesaRegisterAddress split_cesa_address(std::uint32_t window_offset) {
  const std::uint32_t own = window_offset & ~cesa_reg::kEngineStride;
  return {(window_offset & cesa_reg::kEngineStride) ? 1u : 0u, own,
          window_offset < cesa_reg::kWindowBytes && (own < 0x2000 || own >= 0xC000)};
}

/// Table index of the register at an engine's `offset`, whatever the unit's features, or
/// kNoRegister.
inline std::uint8_t find_cesa_register(std::uint32_t offset) {
  return find_register(cesa_registers(), offset);
}

}  // namespace cesasim::hw
