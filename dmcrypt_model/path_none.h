// none: the disk without dm-crypt.
#pragma once

#include "dmcrypt_model/crypt_target.h"
#include "dmcrypt_model/path_info.h"

namespace cesasim::dmcrypt {

/// What a target is where there is none: every bio goes to the device below as it is, at no cost. A
/// table says where on the device they lie, as a partition does.
class NoCryptPath : public CryptTarget {
 public:
  using CryptTarget::CryptTarget;

  void submit_bio(Bio& bio) override {
    ++stats_.bios;
    if (bio.op != BioOp::flush) bio.sector += table_.start;
    lower_.submit_bio(bio);
  }
  const char* path() const override { return kNoCrypt; }

 protected:
  int crypt_map(Bio&) override { return -1; }  // never asked: submit_bio passes everything on
};

}  // namespace cesasim::dmcrypt
