#include "dmcrypt_model/crypt_target.h"

#include <cerrno>

namespace cesasim::dmcrypt {

void CryptTarget::submit_bio(Bio& bio) {
  kernel_.charge(Activity::dm, costs_.dm_request);
  ++stats_.bios;
  if (bio.op == BioOp::flush) {
    // A flush has no data: dm passes it on to the device as it is.
    lower_.submit_bio(bio);
    return;
  }
  if (bio.sectors() > table_.sectors || bio.sector > table_.sectors - bio.sectors()) {
    bio.end_io(bio, -EIO);
    return;
  }
  const std::uint64_t id = bio.id;  // the bio may be gone when crypt_map returns
  kernel_.trace(kernel::TraceEvent::dm_map, id);
  const int error = crypt_map(bio);
  kernel_.trace(kernel::TraceEvent::dm_mapped, id);
  if (error != 0) bio.end_io(bio, error);
}

}  // namespace cesasim::dmcrypt
