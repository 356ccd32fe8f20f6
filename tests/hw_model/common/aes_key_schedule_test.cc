// SPDX-License-Identifier: Apache-2.0
// The end of the AES key schedule, against the expanded keys of FIPS 197, appendix A.
#include "hw_model/common/aes_key_schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/driver/vectors.h"

namespace cesasim::hw {
namespace {

using test::Bytes;
using test::from_hex;
using testing::ElementsAreArray;

struct Schedule {
  const char* key;
  const char* start;  ///< the last round key, then the words just before it
};

constexpr Schedule kFips197[] = {
    // A.1: w[40..43]
    {"2b7e151628aed2a6abf7158809cf4f3c", "d014f9a8c9ee2589e13f0cc8b6630ca6"},
    // A.2: w[48..51], then w[46], w[47]
    {"8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
     "e98ba06f448c773c8ecc720401002202282d166abc3ce7b5"},
    // A.3: w[56..59], then w[52..55]
    {"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
     "fe4890d1e6188d0b046df344706c631ecafaaae3e4d59b349adf6acebd10190d"}};

TEST(AesKeySchedule, DecryptionStartsFromTheEndOfTheSchedule) {
  for (const Schedule& s : kFips197) {
    const Bytes key = from_hex(s.key);
    Bytes start(key.size());
    aes_decrypt_start_from_key(key, start);
    EXPECT_THAT(start, ElementsAreArray(from_hex(s.start)));
  }
}

TEST(AesKeySchedule, TheKeyComesBackFromTheEndOfTheSchedule) {
  for (const Schedule& s : kFips197) {
    const Bytes start = from_hex(s.start);
    Bytes key(start.size());
    aes_key_from_decrypt_start(start, key);
    EXPECT_THAT(key, ElementsAreArray(from_hex(s.key)));
  }
}

}  // namespace
}  // namespace cesasim::hw
