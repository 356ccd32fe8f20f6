// none: no dm-crypt at all. What the same load takes on the plain disk, the zero line of every
// comparison.
#pragma once

#include "dmcrypt_model/crypt_target.h"

namespace cesasim::dmcrypt {

/// Bios go to the device below as they came; nothing is charged, nothing is ciphered. The table
/// says where on the device they lie.
class NonePath : public CryptTarget {
 public:
  using CryptTarget::CryptTarget;

  void submit_bio(Bio& bio) override;
  const char* path() const override { return "none"; }

 protected:
  int crypt_map(Bio& bio) override;
};

}  // namespace cesasim::dmcrypt
