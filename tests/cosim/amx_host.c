// Preloaded into User-mode Linux (LD_PRELOAD): ptrace as on a host whose processor has AMX, where
// the extended register state (NT_X86_XSTATE) is 11,008 bytes. As there, a set with a smaller
// buffer is refused with EFAULT and a get fills as much as it may; the part that this processor
// lacks reads as zeros.
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

enum { kAmxBytes = 11008 };

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
    if (buffer->iov_len < kAmxBytes) {
      errno = EFAULT;
      return -1;
    }
    // This processor wants its own size, which it tells itself.
    static char own[1 << 16];
    struct iovec probe = {own, sizeof own};
    const long result = real(PTRACE_GETREGSET, pid, address, &probe);
    if (result != 0) return result;
    struct iovec cut = {buffer->iov_base, probe.iov_len};
    return real(request, pid, address, &cut);
  }
  return real(request, pid, address, data);
}
