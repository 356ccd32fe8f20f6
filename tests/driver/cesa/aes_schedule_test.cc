// The key a decryption starts from, against the expanded keys of FIPS 197, appendix A.
#include "driver/cesa/aes_schedule.h"

#include <gtest/gtest.h>

#include "tests/driver/vectors.h"

namespace cesasim::driver {
namespace {

using test::Bytes;
using test::from_hex;

Bytes start_key(const char* key) {
  const auto out = aes_decrypt_start_key(from_hex(key));
  return Bytes(out.begin(), out.end());
}

TEST(AesDecryptStartKey, Fips197A1) {
  // w[40..43]
  EXPECT_EQ(start_key("2b7e151628aed2a6abf7158809cf4f3c"),
            from_hex("d014f9a8c9ee2589e13f0cc8b6630ca6"
                     "00000000000000000000000000000000"));
}

TEST(AesDecryptStartKey, Fips197A2) {
  // w[48..51], then w[46], w[47]
  EXPECT_EQ(start_key("8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b"),
            from_hex("e98ba06f448c773c8ecc720401002202"
                     "282d166abc3ce7b50000000000000000"));
}

TEST(AesDecryptStartKey, Fips197A3) {
  // w[56..59], then w[52..55]
  EXPECT_EQ(start_key("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"),
            from_hex("fe4890d1e6188d0b046df344706c631e"
                     "cafaaae3e4d59b349adf6acebd10190d"));
}

}  // namespace
}  // namespace cesasim::driver
