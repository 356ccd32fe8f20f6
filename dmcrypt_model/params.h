// SPDX-License-Identifier: Apache-2.0
// Costs of device-mapper and dm-crypt, in core cycles; values and sources in the presets.
#pragma once

#include "hw_model/common/params.h"

namespace cesasim::dmcrypt {

struct DmCryptCosts {
  double dm_request = 0;
  double crypt_map = 0;
  double clone_bio = 0;
  double alloc_buffer_page = 0;
  double convert_sector = 0;
  double iv = 0;
  double endio = 0;
  double dec_pending = 0;
  double sort_write = 0;

  void describe(hw::ParamVisitor& v) {
    auto cycles = [&v](const char* name, double& value, const char* doc) {
      v.number(name, value, "cycles", 0, 1e6, doc);
    };
    cycles("dm_request", dm_request, "dm_request: table look-up, split and clone of one bio");
    cycles("crypt_map", crypt_map, "crypt_map beyond allocations and conversion");
    cycles("clone_bio", clone_bio, "making one clone bio beyond its slab allocation");
    cycles("alloc_buffer_page", alloc_buffer_page,
           "crypt_alloc_buffer, per page beyond the page allocation");
    cycles("convert_sector", convert_sector,
           "one turn of crypt_convert's loop: scatterlist, cursors");
    cycles("iv", iv, "writing a sector's IV (the ESSIV block encryption apart)");
    cycles("endio", endio, "crypt_endio of one clone");
    cycles("dec_pending", dec_pending, "one dec_pending");
    cycles("sort_write", sort_write,
           "modern: putting one write into the sorted tree of the write thread and taking it out");
  }
};

}  // namespace cesasim::dmcrypt
