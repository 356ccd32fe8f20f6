// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE  // O_DIRECT
#include "load.h"

#include <fcntl.h>
#include <linux/if_alg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

enum {
  kMaxUsers = 64,
  kMaxBytes = 8192,  // of a message: several of the engine's payloads of 1,920 or 1,888 bytes
  kHashBlock = 64,
  kMaxDigest = 64,
  kMaxKey = 32,
  kMaxIv = 16,
  kDiskRequest = 256 << 10,  // 512 sectors: more than the driver's queue takes
  kDiskRequests = 2,         // of each user
};

// Numbers of which equal seeds give equal series (xorshift64*).
struct random {
  uint64_t state;
};

static struct random seeded(unsigned seed) {
  struct random r = {0x9E3779B97F4A7C15ull * (seed + 1)};
  return r;
}

static uint32_t next(struct random *r) {
  r->state ^= r->state >> 12;
  r->state ^= r->state << 25;
  r->state ^= r->state >> 27;
  return (uint32_t)((r->state * 0x2545F4914F6CDD1Dull) >> 32);
}

static uint32_t below(struct random *r, uint32_t limit) { return next(r) % limit; }

static void fill(struct random *r, uint8_t *data, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) data[i] = (uint8_t)next(r);
}

struct pair {
  char *hardware;
  char *software;
};

static struct pair split(const char *text) {
  struct pair p = {strdup(text), NULL};
  p.software = p.hardware == NULL ? NULL : strchr(p.hardware, '=');
  if (p.software == NULL) {
    fprintf(stderr, "cosim-guest: '%s' is not DRIVER=SOFTWARE\n", text);
    exit(kLoadBroken);
  }
  *p.software++ = '\0';
  return p;
}

/// Runs `body` in `users` processes; the worst exit code.
static int as_users(unsigned users, int (*body)(unsigned user, const void *argument),
                    const void *argument) {
  if (users == 0 || users > kMaxUsers) {
    fprintf(stderr, "cosim-guest: 1 to %d users\n", kMaxUsers);
    return kLoadBroken;
  }
  pid_t children[kMaxUsers];
  fflush(stdout);
  for (unsigned u = 0; u < users; u++) {
    children[u] = fork();
    if (children[u] < 0) fail("fork");
    if (children[u] == 0) exit(body(u, argument));
  }
  int worst = kLoadRight;
  for (unsigned u = 0; u < users; u++) {
    int status = 0;
    if (waitpid(children[u], &status, 0) != children[u]) fail("wait");
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : kLoadBroken;
    if (code > worst) worst = code;
  }
  return worst;
}

struct series {
  unsigned messages;
  int pairs;
  char **pair;
};

static int report(const struct pair *p, unsigned wrong, unsigned messages) {
  printf("%s: %u of %u wrong\n", p->hardware, wrong, messages);
  fflush(stdout);
  return wrong == 0 ? kLoadRight : kLoadWrong;
}

static int operation_of(int algorithm) {
  const int operation = accept(algorithm, NULL, NULL);
  if (operation < 0) fail("accept");
  return operation;
}

// Reads the digest, ends the operation and compares with what software makes of the same bytes.
static bool ends_right(int operation, int software, const uint8_t *data, size_t bytes) {
  uint8_t got[kMaxDigest], want[kMaxDigest];
  const ssize_t n = read(operation, got, sizeof got);
  if (n <= 0) fail("digest");
  close(operation);
  const int reference = operation_of(software);
  if (bytes > 0 && send(reference, data, bytes, MSG_MORE) != (ssize_t)bytes) fail("send");
  if (read(reference, want, sizeof want) != n) fail("digest of the software");
  close(reference);
  return memcmp(got, want, (size_t)n) == 0;
}

static bool hash_message(struct random *r, int hardware, int software, bool keyed) {
  static uint8_t data[kMaxBytes];
  size_t bytes = below(r, kMaxBytes);
  if (below(r, 8) == 0) bytes -= bytes % kHashBlock;  // nothing is left for the last step
  if (below(r, 16) == 0) bytes = 0;
  // An HMAC of nothing but whole blocks meets a known fault of the driver, which is not this
  // load's to show.
  if (keyed && bytes % kHashBlock == 0) bytes++;
  fill(r, data, bytes);
  int operation = operation_of(hardware);
  bool right = true;
  for (size_t at = 0; at < bytes;) {
    // Some pieces do not fill a block, some are longer than the engine takes at a time.
    size_t piece = 1 + below(r, below(r, 2) ? 100 : 3000);
    if (piece > bytes - at) piece = bytes - at;
    const bool last = at + piece == bytes;
    const int flags = last && below(r, 2) ? 0 : MSG_MORE;
    if (send(operation, data + at, piece, flags) != (ssize_t)piece) fail("send");
    at += piece;
    if (last || below(r, 6) != 0 || (keyed && at % kHashBlock == 0)) continue;
    const int twin = operation_of(operation);  // exports the state and imports it
    const bool old_ends = below(r, 2);
    right &= ends_right(old_ends ? operation : twin, software, data, at);
    if (old_ends) operation = twin;
  }
  return right & ends_right(operation, software, data, bytes);
}

static int hash_user(unsigned user, const void *argument) {
  const struct series *s = argument;
  const struct pair p = split(s->pair[user % s->pairs]);
  struct random r = seeded(user);
  const int hardware = open_algorithm("hash", p.hardware);
  const int software = open_algorithm("hash", p.software);
  const bool keyed = strstr(p.hardware, "hmac") != NULL;
  if (keyed) {
    uint8_t key[100];  // longer than a block at times
    fill(&r, key, sizeof key);
    const socklen_t bytes = 1 + below(&r, sizeof key);
    if (setsockopt(hardware, SOL_ALG, ALG_SET_KEY, key, bytes) != 0 ||
        setsockopt(software, SOL_ALG, ALG_SET_KEY, key, bytes) != 0) {
      fail("key");
    }
  }
  unsigned wrong = 0;
  for (unsigned m = 0; m < s->messages; m++) wrong += !hash_message(&r, hardware, software, keyed);
  return report(&p, wrong, s->messages);
}

int load_hashes(unsigned users, unsigned messages, int pairs, char **pair) {
  const struct series s = {messages, pairs, pair};
  return as_users(users, hash_user, &s);
}

// Sends bytes to be enciphered; the first ones of a message bring direction and IV.
static void send_piece(int operation, const uint8_t *data, size_t bytes, bool more, bool first,
                       bool decrypt, const uint8_t *iv, size_t iv_bytes) {
  char control[CMSG_SPACE(4) + CMSG_SPACE(4 + kMaxIv)] = {0};
  struct iovec io = {(void *)data, bytes};
  struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1};
  if (first) {
    m.msg_control = control;
    m.msg_controllen = CMSG_SPACE(4) + (iv_bytes > 0 ? CMSG_SPACE(4 + iv_bytes) : 0);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_ALG;
    c->cmsg_type = ALG_SET_OP;
    c->cmsg_len = CMSG_LEN(4);
    const uint32_t direction = decrypt ? ALG_OP_DECRYPT : ALG_OP_ENCRYPT;
    memcpy(CMSG_DATA(c), &direction, sizeof direction);
    if (iv_bytes > 0) {
      c = CMSG_NXTHDR(&m, c);
      c->cmsg_level = SOL_ALG;
      c->cmsg_type = ALG_SET_IV;
      c->cmsg_len = CMSG_LEN(4 + iv_bytes);
      struct af_alg_iv *value = (struct af_alg_iv *)CMSG_DATA(c);
      value->ivlen = (uint32_t)iv_bytes;
      memcpy(value->iv, iv, iv_bytes);
    }
  }
  if (sendmsg(operation, &m, more ? MSG_MORE : 0) != (ssize_t)bytes) fail("sendmsg");
}

static void receive(int operation, uint8_t *out, size_t bytes) {
  for (size_t got = 0; got < bytes;) {
    const ssize_t n = read(operation, out + got, bytes - got);
    if (n <= 0) fail("read");
    got += (size_t)n;
  }
}

static bool cipher_message(struct random *r, int hardware, int software, size_t block, bool cbc,
                           size_t key_bytes) {
  static uint8_t data[kMaxBytes], got[kMaxBytes + 64], want[kMaxBytes];
  uint8_t key[kMaxKey], iv[kMaxIv];
  fill(r, key, key_bytes);
  fill(r, iv, sizeof iv);
  if (setsockopt(hardware, SOL_ALG, ALG_SET_KEY, key, (socklen_t)key_bytes) != 0 ||
      setsockopt(software, SOL_ALG, ALG_SET_KEY, key, (socklen_t)key_bytes) != 0) {
    fail("key");
  }
  const bool decrypt = below(r, 2);
  const size_t iv_bytes = cbc ? block : 0;
  const size_t bytes = below(r, 8) == 0 ? 0 : block * (1 + below(r, kMaxBytes / (uint32_t)block));
  fill(r, data, bytes);
  uint8_t *out = got + below(r, 64);  // its pages are cut in ever new ways
  int operation = operation_of(hardware);
  if (bytes == 0) {  // nothing, and no error
    send_piece(operation, data, 0, false, true, decrypt, iv, iv_bytes);
    if (read(operation, out, block) != 0) fail("a message without a byte");
    close(operation);
    return true;
  }
  for (size_t at = 0; at < bytes;) {
    size_t piece = block * (1 + below(r, (below(r, 2) ? 256u : 4096u) / (uint32_t)block));
    if (piece > bytes - at) piece = bytes - at;
    send_piece(operation, data + at, piece, at + piece < bytes, at == 0, decrypt, iv, iv_bytes);
    receive(operation, out + at, piece);
    at += piece;
  }
  close(operation);
  operation = operation_of(software);
  send_piece(operation, data, bytes, false, true, decrypt, iv, iv_bytes);
  receive(operation, want, bytes);
  close(operation);
  return memcmp(out, want, bytes) == 0;
}

static int cipher_user(unsigned user, const void *argument) {
  const struct series *s = argument;
  const struct pair p = split(s->pair[user % s->pairs]);
  struct random r = seeded(1000 + user);
  const int hardware = open_algorithm("skcipher", p.hardware);
  const int software = open_algorithm("skcipher", p.software);
  const bool aes = strstr(p.software, "aes") != NULL;
  const bool triple = strstr(p.software, "des3") != NULL;
  const bool cbc = strstr(p.software, "cbc") != NULL;
  unsigned wrong = 0;
  for (unsigned m = 0; m < s->messages; m++) {
    const size_t key_bytes = aes ? 16 + 8 * below(&r, 3) : triple ? 24 : 8;
    wrong += !cipher_message(&r, hardware, software, aes ? 16 : 8, cbc, key_bytes);
  }
  return report(&p, wrong, s->messages);
}

int load_ciphers(unsigned users, unsigned messages, int pairs, char **pair) {
  const struct series s = {messages, pairs, pair};
  return as_users(users, cipher_user, &s);
}

struct disk {
  const char *device;
  unsigned rounds;
};

static off_t place_of(unsigned user, unsigned round) {
  return (off_t)kDiskRequest * (user * kDiskRequests + round % kDiskRequests);
}

static void disk_data(unsigned user, unsigned round, uint8_t *data) {
  struct random r = seeded(2000 + user * 1000 + round);
  fill(&r, data, kDiskRequest);
}

// Memory that direct requests can use.
static uint8_t *pages(void) {
  void *memory = NULL;
  if (posix_memalign(&memory, 4096, kDiskRequest) != 0) fail("memory");
  return memory;
}

static bool reads_back(int fd, off_t at, const uint8_t *want, uint8_t *got) {
  memset(got, 0, kDiskRequest);
  if (pread(fd, got, kDiskRequest, at) != kDiskRequest) fail("read");
  return memcmp(got, want, kDiskRequest) == 0;
}

static int disk_user(unsigned user, const void *argument) {
  const struct disk *d = argument;
  const int fd = open(d->device, O_RDWR | O_DIRECT);
  if (fd < 0) fail(d->device);
  uint8_t *data = pages(), *got = pages();
  unsigned wrong = 0;
  for (unsigned round = 0; round < d->rounds; round++) {
    const off_t at = place_of(user, round);
    disk_data(user, round, data);
    if (pwrite(fd, data, kDiskRequest, at) != kDiskRequest) fail("write");
    wrong += !reads_back(fd, at, data, got);
  }
  printf("writer %u: %u of %u wrong\n", user, wrong, d->rounds);
  fflush(stdout);
  return wrong == 0 ? kLoadRight : kLoadWrong;
}

int load_disk_write(const char *device, unsigned users, unsigned rounds) {
  const struct disk d = {device, rounds};
  return as_users(users, disk_user, &d);
}

int load_disk_check(const char *device, unsigned users, unsigned rounds) {
  const int fd = open(device, O_RDONLY | O_DIRECT);
  if (fd < 0) fail(device);
  uint8_t *data = pages(), *got = pages();
  unsigned wrong = 0, looked = 0;
  for (unsigned user = 0; user < users; user++) {
    for (unsigned back = 0; back < kDiskRequests && back < rounds; back++, looked++) {
      disk_data(user, rounds - 1 - back, data);
      wrong += !reads_back(fd, place_of(user, rounds - 1 - back), data, got);
    }
  }
  printf("%u of %u wrong\n", wrong, looked);
  return wrong == 0 ? kLoadRight : kLoadWrong;
}
