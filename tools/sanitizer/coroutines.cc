// SPDX-License-Identifier: Apache-2.0
// SystemC's coroutines, told to AddressSanitizer as they are. Linked into every program that uses
// SystemC under --config=asan, and into nothing else (tools/bazel/syslibs.BUILD).
//
// SystemC 2.3.4 announces a switch of stacks to the sanitizer, but neither the bounds of the main
// stack (it gives none) nor the switch away from a coroutine that ends. So the range that the
// sanitizer keeps for the thread can be that of a stack that is unmapped. LeakSanitizer scans that
// range at exit and dies there, and it takes no block for lost that was allocated with a wrong
// range. This file
// - puts the main stack's true bounds into every announcement that lacks them;
// - announces the switch behind a coroutine's end;
// - makes each coroutine's stack a root, so that what a suspended coroutine holds is no leak;
// - looks for leaks at one point: when the process exits, before the static objects are destroyed
//   that were there when the first coroutine ran, and with every suspended coroutine still there.
// SystemC 3.0.1 announces both; there only the last two matter.
#include <dlfcn.h>
#include <pthread.h>
#include <sanitizer/lsan_interface.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <map>

namespace {

struct Stack {
  const void* bottom = nullptr;
  std::size_t bytes = 0;

  bool holds(const void* address) const {
    const auto* at = static_cast<const char*>(address);
    const auto* from = static_cast<const char*>(bottom);
    return at >= from && at < from + bytes;
  }
};

/// Of the calling thread, which is the one that runs SystemC.
Stack find_main_stack() {
  pthread_attr_t attributes;
  void* bottom = nullptr;
  std::size_t bytes = 0;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0 ||
      pthread_attr_getstack(&attributes, &bottom, &bytes) != 0) {
    std::fputs("sanitizer: the bounds of the main stack cannot be found\n", stderr);
    std::abort();
  }
  pthread_attr_destroy(&attributes);
  return {bottom, bytes};
}

using StartSwitch = void (*)(void**, const void*, std::size_t);
using FinishSwitch = void (*)(void*, const void**, std::size_t*);

/// The sanitizer's own function of this name.
template <typename Function>
Function runtime(const char* name) {
  void* found = dlsym(RTLD_NEXT, name);
  if (found == nullptr) {
    std::fprintf(stderr, "sanitizer: %s is missing\n", name);
    std::abort();
  }
  return reinterpret_cast<Function>(found);
}

StartSwitch start_switch() {
  static const auto function = runtime<StartSwitch>("__sanitizer_start_switch_fiber");
  return function;
}

const Stack& main_stack() {
  static const Stack stack = find_main_stack();
  return stack;
}

/// Of coroutines, by their bottoms. Outlives every destructor. Those of coroutines that are gone
/// stay: as roots they do no harm, because only what is mapped is scanned.
std::map<const void*, std::size_t>& coroutine_stacks() {
  static auto& stacks = *new std::map<const void*, std::size_t>;
  return stacks;
}

void make_root(const Stack& stack) {
  std::size_t& known = coroutine_stacks()[stack.bottom];
  if (known == stack.bytes) return;
  if (known != 0) __lsan_unregister_root_region(stack.bottom, known);
  known = stack.bytes;
  __lsan_register_root_region(stack.bottom, stack.bytes);
}

/// Nothing for a stack that was never announced (a coroutine that has not yielded yet).
Stack stack_with(const void* address) {
  if (main_stack().holds(address)) return main_stack();
  const auto above = coroutine_stacks().upper_bound(address);
  if (above == coroutine_stacks().begin()) return {};
  const Stack stack = {std::prev(above)->first, std::prev(above)->second};
  return stack.holds(address) ? stack : Stack{};
}

/// Tells the sanitizer which stack the caller runs on.
void announce_current_stack() {
  const char here = 0;
  const Stack stack = stack_with(&here);
  if (stack.bottom == nullptr) return;
  void* fake_stack = nullptr;
  start_switch()(&fake_stack, stack.bottom, stack.bytes);
  runtime<FinishSwitch>("__sanitizer_finish_switch_fiber")(fake_stack, nullptr, nullptr);
}

void check_leaks_at_exit() {
  announce_current_stack();
  const char here = 0;
  if (!main_stack().holds(&here)) make_root(main_stack());  // exit() in a coroutine
  __lsan_do_leak_check();  // ends the process if there are any; nothing checks again after it
}

}  // namespace

/// Stands before the sanitizer's function of the same name. `bottom` and `bytes`: the stack that
/// runs next.
extern "C" void __sanitizer_start_switch_fiber(void** fake_stack, const void* bottom,
                                               std::size_t bytes) {
  static const int registered = std::atexit(check_leaks_at_exit);
  static_cast<void>(registered);
  const Stack next = bottom != nullptr ? Stack{bottom, bytes} : main_stack();
  if (next.bottom != main_stack().bottom) make_root(next);
  start_switch()(fake_stack, next.bottom, next.bytes);
}

/// Stands before SystemC's function of the same name, which runs first thing on the stack that
/// follows a coroutine's end.
extern "C" void* sc_cor_qt_aborthelp(void* sp, void* old_coroutine, void* new_coroutine) {
  using AbortHelp = void* (*)(void*, void*, void*);
  static const auto function = runtime<AbortHelp>("sc_cor_qt_aborthelp");
  void* const result = function(sp, old_coroutine, new_coroutine);
  announce_current_stack();
  return result;
}
