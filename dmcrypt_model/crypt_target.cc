// SPDX-License-Identifier: Apache-2.0
#include "dmcrypt_model/crypt_target.h"

#include <algorithm>
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

void BounceBuffers::alloc_wait(Bio& clone, std::uint32_t bytes) {
  wait_.wait_event([this] { return !locked_; });
  locked_ = true;
  fill(clone, bytes, true);
  locked_ = false;
  wait_.wake_up();
}

bool BounceBuffers::fill(Bio& clone, std::uint32_t bytes, bool may_wait) {
  clone.vecs.clear();
  clone.size = bytes;
  for (std::uint32_t left = bytes; left != 0;) {
    kernel_.charge(Activity::dm, page_cycles_);
    const hw::PhysAddr page = pool_.alloc(may_wait);
    if (page == 0) {
      free(clone);
      return false;
    }
    const std::uint32_t len = std::min(left, hw::kPageBytes);
    clone.vecs.push_back({page, len});
    left -= len;
  }
  return true;
}

void BounceBuffers::free(Bio& clone) {
  for (const kernel::BioVec& vec : clone.vecs) pool_.free(vec.addr);
  clone.vecs.clear();
}

}  // namespace cesasim::dmcrypt
