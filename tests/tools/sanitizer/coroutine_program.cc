// SPDX-License-Identifier: Apache-2.0
// A SystemC program for leak_check_test: argument 1 says how it leaves its coroutines and memory.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <systemc>
#include <vector>

namespace {

/// Volatile, so that nothing is optimised away.
void* volatile lost = nullptr;

/// Several blocks: the address of one may stay in a register or on the stack.
[[gnu::noinline]] void lose_memory() {
  for (int i = 0; i < 8; ++i) lost = std::malloc(123);
  lost = nullptr;
}

[[gnu::noinline]] void overwrite_stack() {
  volatile char bytes[4096];
  for (volatile char& b : bytes) b = 0;
}

class Threads : public sc_core::sc_module {
 public:
  explicit Threads(const sc_core::sc_module_name& name, const std::string& mode)
      : sc_module(name), mode_(mode) {
    SC_HAS_PROCESS(Threads);
    SC_THREAD(sleeper);
    SC_THREAD(ends_last);
  }

 private:
  /// Suspended at the end, with memory that only its own stack knows.
  void sleeper() {
    const std::vector<std::unique_ptr<int>> mine = [] {
      std::vector<std::unique_ptr<int>> made;
      for (int i = 0; i < 10; ++i) made.push_back(std::make_unique<int>(i));
      return made;
    }();
    if (mode_ == "leak-in-thread") lose_memory();
    overwrite_stack();
    wait();
    std::printf("%d\n", *mine.front());
  }

  /// SystemC's last switch is the one away from this ending coroutine, its stack is unmapped.
  void ends_last() {
    wait(1, sc_core::SC_NS);
    if (mode_ == "exit-in-thread") std::exit(7);
  }

  std::string mode_;
};

}  // namespace

int sc_main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  {
    Threads threads("threads", mode);
    sc_core::sc_start(10, sc_core::SC_NS);
    if (mode == "leak-in-main") lose_memory();
    overwrite_stack();
    if (mode == "modules-live") std::exit(0);
  }
  return 0;
}
