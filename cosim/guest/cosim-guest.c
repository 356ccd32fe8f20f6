// SPDX-License-Identifier: Apache-2.0
// Runs inside the guest: hashes and enciphers through AF_ALG (the kernel's crypto API from user
// space) by driver name, and measures in simulated time. One result per line on standard output.
//
//   cosim-guest digest DRIVER FILE           prints the digest in hexadecimal
//   cosim-guest cipher DRIVER BYTES COUNT    CBC, a fixed key; prints BYTES NANOSECONDS CHECKSUM
//   cosim-guest time COMMAND...              runs it; prints NANOSECONDS
//   cosim-guest compare SECONDS HW SW        digests of changing messages by both drivers until the
//                                            simulated time is over; prints how many; 1 if they differ
//
// Loads of several processes at once (load.h); each prints how many results are wrong, 1 if any is:
//
//   cosim-guest hashes USERS MESSAGES HW=SW...
//   cosim-guest ciphers USERS MESSAGES HW=SW...
//   cosim-guest disk write|check DEVICE USERS ROUNDS
#include <errno.h>
#include <fcntl.h>
#include <linux/if_alg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"
#include "load.h"

enum { kMaxDigest = 64, kMaxMessage = 1 << 16, kPauseUs = 25000 };

void fail(const char *what) {
  fprintf(stderr, "cosim-guest: %s: %s\n", what, strerror(errno));
  exit(2);
}

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int open_algorithm(const char *type, const char *driver) {
  struct sockaddr_alg a = {.salg_family = AF_ALG};
  strncpy((char *)a.salg_type, type, sizeof a.salg_type - 1);
  strncpy((char *)a.salg_name, driver, sizeof a.salg_name - 1);
  const int fd = socket(AF_ALG, SOCK_SEQPACKET, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0) fail(driver);
  return fd;
}

static ssize_t digest_of(int operation, const uint8_t *data, size_t bytes, uint8_t *digest) {
  while (bytes > 0) {
    const size_t part = bytes < kMaxMessage ? bytes : kMaxMessage;
    if (send(operation, data, part, MSG_MORE) != (ssize_t)part) fail("send");
    data += part;
    bytes -= part;
  }
  const ssize_t n = read(operation, digest, kMaxDigest);
  if (n <= 0) fail("digest");
  return n;
}

static int digest(const char *driver, const char *file) {
  const int operation = accept(open_algorithm("hash", driver), NULL, NULL);
  if (operation < 0) fail("accept");
  const int in = open(file, O_RDONLY);
  if (in < 0) fail(file);
  static uint8_t data[kMaxMessage];
  ssize_t n;
  while ((n = read(in, data, sizeof data)) > 0) {
    if (send(operation, data, (size_t)n, MSG_MORE) != n) fail("send");
  }
  uint8_t result[kMaxDigest];
  n = read(operation, result, sizeof result);
  if (n <= 0) fail("digest");
  for (ssize_t i = 0; i < n; i++) printf("%02x", result[i]);
  printf("\n");
  return 0;
}

static int cipher(const char *driver, size_t bytes, unsigned count) {
  if (bytes == 0 || bytes > kMaxMessage || bytes % 16 != 0) {
    fprintf(stderr, "cosim-guest: cipher of %zu bytes\n", bytes);
    return 2;
  }
  const int fd = open_algorithm("skcipher", driver);
  if (setsockopt(fd, SOL_ALG, ALG_SET_KEY, "0123456789abcdef", 16) != 0) fail("key");
  const int operation = accept(fd, NULL, NULL);
  if (operation < 0) fail("accept");
  static uint8_t data[kMaxMessage];
  for (size_t i = 0; i < bytes; i++) data[i] = (uint8_t)(i * 7);
  uint32_t checksum = 0;
  const uint64_t start = now_ns();
  for (unsigned n = 0; n < count; n++) {
    char control[CMSG_SPACE(4) + CMSG_SPACE(20)] = {0};
    struct iovec io = {data, bytes};
    struct msghdr m = {.msg_control = control, .msg_controllen = sizeof control, .msg_iov = &io,
                       .msg_iovlen = 1};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_ALG;
    c->cmsg_type = ALG_SET_OP;
    c->cmsg_len = CMSG_LEN(4);
    *(uint32_t *)CMSG_DATA(c) = ALG_OP_ENCRYPT;
    c = CMSG_NXTHDR(&m, c);
    c->cmsg_level = SOL_ALG;
    c->cmsg_type = ALG_SET_IV;
    c->cmsg_len = CMSG_LEN(20);
    struct af_alg_iv *iv = (struct af_alg_iv *)CMSG_DATA(c);
    iv->ivlen = 16;
    memset(iv->iv, 0x5a, 16);
    if (sendmsg(operation, &m, 0) != (ssize_t)bytes) fail("sendmsg");
    for (size_t got = 0; got < bytes;) {
      const ssize_t part = read(operation, data + got, bytes - got);
      if (part <= 0) fail("read");
      got += (size_t)part;
    }
    for (size_t i = 0; i < bytes; i++) checksum = checksum * 31 + data[i];
  }
  printf("%llu %llu %08x\n", (unsigned long long)bytes * count,
         (unsigned long long)(now_ns() - start), checksum);
  return 0;
}

static int timed(char **command) {
  const uint64_t start = now_ns();
  const pid_t child = fork();
  if (child == 0) {
    execvp(command[0], command);
    fail(command[0]);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) fail("fork");
  printf("%llu\n", (unsigned long long)(now_ns() - start));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int compare(unsigned seconds, const char *hardware, const char *software) {
  const int hw = accept(open_algorithm("hash", hardware), NULL, NULL);
  const int sw = accept(open_algorithm("hash", software), NULL, NULL);
  if (hw < 0 || sw < 0) fail("accept");
  static uint8_t data[kMaxMessage];
  uint32_t state = 12345;
  unsigned long count = 0;
  for (const uint64_t start = now_ns(); now_ns() - start < seconds * 1000000000ull; count++) {
    state = state * 1664525u + 1013904223u;
    const size_t bytes = 1 + (state >> 16) % 20000;
    for (size_t i = 0; i < bytes; i++) data[i] = (uint8_t)(state >> (i % 24));
    uint8_t a[kMaxDigest], b[kMaxDigest];
    const ssize_t n = digest_of(hw, data, bytes, a);
    if (digest_of(sw, data, bytes, b) != n || memcmp(a, b, (size_t)n) != 0) {
      fprintf(stderr, "cosim-guest: %s and %s differ at %zu bytes\n", hardware, software, bytes);
      return 1;
    }
    // The processor is infinitely fast: leave simulated time to the others.
    usleep(kPauseUs);
  }
  printf("%lu\n", count);
  return 0;
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  if (argc == 4 && strcmp(what, "digest") == 0) return digest(argv[2], argv[3]);
  if (argc == 5 && strcmp(what, "cipher") == 0) {
    return cipher(argv[2], strtoul(argv[3], NULL, 10), (unsigned)strtoul(argv[4], NULL, 10));
  }
  if (argc >= 3 && strcmp(what, "time") == 0) return timed(argv + 2);
  if (argc == 5 && strcmp(what, "compare") == 0) {
    return compare((unsigned)strtoul(argv[2], NULL, 10), argv[3], argv[4]);
  }
  const unsigned users = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
  const unsigned messages = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
  if (argc >= 5 && strcmp(what, "hashes") == 0) {
    return load_hashes(users, messages, argc - 4, argv + 4);
  }
  if (argc >= 5 && strcmp(what, "ciphers") == 0) {
    return load_ciphers(users, messages, argc - 4, argv + 4);
  }
  if (argc == 6 && strcmp(what, "disk") == 0) {
    const unsigned writers = (unsigned)strtoul(argv[4], NULL, 10);
    const unsigned rounds = (unsigned)strtoul(argv[5], NULL, 10);
    if (strcmp(argv[2], "write") == 0) return load_disk_write(argv[3], writers, rounds);
    if (strcmp(argv[2], "check") == 0) return load_disk_check(argv[3], writers, rounds);
  }
  fprintf(stderr,
          "usage: cosim-guest digest|cipher|time|compare|hashes|ciphers|disk ... (see docs/cosim.md)\n");
  return 2;
}
