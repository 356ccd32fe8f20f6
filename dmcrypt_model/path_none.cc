#include "dmcrypt_model/path_none.h"

#include <cerrno>

namespace cesasim::dmcrypt {

void NonePath::submit_bio(Bio& bio) {
  ++stats_.bios;
  if (bio.op != BioOp::flush &&
      (bio.sectors() > table_.sectors || bio.sector > table_.sectors - bio.sectors())) {
    bio.end_io(bio, -EIO);
    return;
  }
  crypt_map(bio);
}

int NonePath::crypt_map(Bio& bio) {
  if (bio.op != BioOp::flush) bio.sector += table_.start;
  lower_.submit_bio(bio);
  return 0;
}

}  // namespace cesasim::dmcrypt
