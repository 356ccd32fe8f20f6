// SPDX-License-Identifier: Apache-2.0
// Preloaded into User-mode Linux (LD_PRELOAD): ptrace as on a host whose processor has AMX, where
// the extended register state (NT_X86_XSTATE) is 11,008 bytes. As there, a set with a smaller
// buffer is refused with EFAULT and a get fills as much as it may; the part that this processor
// lacks reads as zeros.
//
// The environment may say
//   AMX_HOST_TRACE      a file that gets a line for the first set that was served and for the first
//                       that was refused, by which one knows that somebody ran on this host
//   AMX_HOST_SET_BYTES  the size that a set demands, if it is not what a get gives
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { kAmxBytes = 11008 };

static size_t set_bytes(void) {
  const char *text = getenv("AMX_HOST_SET_BYTES");
  return text ? strtoul(text, NULL, 10) : kAmxBytes;
}

static void trace(const char *what, size_t bytes) {
  const char *file = getenv("AMX_HOST_TRACE");
  const int fd = file ? open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
  if (fd < 0) return;
  char line[64];
  const int length = snprintf(line, sizeof line, "%s a set of %zu bytes\n", what, bytes);
  if (write(fd, line, (size_t)length) != length) abort();
  close(fd);
}

long ptrace(enum __ptrace_request request, ...) {
  static long (*real)(enum __ptrace_request, pid_t, void *, void *);
  if (!real)
    real = (long (*)(enum __ptrace_request, pid_t, void *, void *))dlsym(RTLD_NEXT, "ptrace");
  va_list arguments;
  va_start(arguments, request);
  const pid_t pid = va_arg(arguments, pid_t);
  void *address = va_arg(arguments, void *);
  void *data = va_arg(arguments, void *);
  va_end(arguments);
  const int xstate = (size_t)address == NT_X86_XSTATE;
  struct iovec *buffer = data;
  if (request == PTRACE_GETREGSET && xstate) {
    const size_t room = buffer->iov_len;
    const long result = real(request, pid, address, data);
    if (result != 0) return result;
    const size_t end = room < kAmxBytes ? room : kAmxBytes;
    if (end > buffer->iov_len) {
      memset((char *)buffer->iov_base + buffer->iov_len, 0, end - buffer->iov_len);
      buffer->iov_len = end;
    }
    return 0;
  }
  if (request == PTRACE_SETREGSET && xstate) {
    static int refused, served;
    if (buffer->iov_len < set_bytes()) {
      if (!refused++) trace("refused", buffer->iov_len);
      errno = EFAULT;
      return -1;
    }
    // This processor wants its own size, which it tells itself.
    static char own[1 << 16];
    struct iovec probe = {own, sizeof own};
    const long result = real(PTRACE_GETREGSET, pid, address, &probe);
    if (result != 0) return result;
    struct iovec cut = {buffer->iov_base, probe.iov_len};
    const long done = real(request, pid, address, &cut);
    if (done == 0 && !served++) trace("served", buffer->iov_len);
    return done;
  }
  return real(request, pid, address, data);
}
