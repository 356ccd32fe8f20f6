// SPDX-License-Identifier: Apache-2.0
// A load of many users at once; every result is compared with the software implementation's.
#pragma once

enum {
  kLoadRight = 0,   ///< exit code: every result is right
  kLoadWrong = 1,   ///< every user came to its end, with wrong results
  kLoadBroken = 2,  ///< something could not be done
};

/// Each of `users` processes hashes `messages` messages of random length in odd pieces. Now and
/// then a half-built hash is exported into a second one; both are ended. User i takes pair
/// i mod `pairs`, each "DRIVER=SOFTWARE". A pair of HMACs gets a random key. Prints one line per
/// user.
int load_hashes(unsigned users, unsigned messages, int pairs, char** pair);

/// Each of `users` processes enciphers and deciphers `messages` messages of random length under
/// random keys, piece by piece: the IV that one request leaves is the next one's. Some have no
/// bytes at all.
int load_ciphers(unsigned users, unsigned messages, int pairs, char** pair);

/// Each of `users` processes writes its part of a block device `rounds` times with large direct
/// requests, reads back what it wrote, and leaves the last round's data there.
int load_disk_write(const char* device, unsigned users, unsigned rounds);

/// Looks for what load_disk_write() with the same numbers leaves.
int load_disk_check(const char* device, unsigned users, unsigned rounds);
