// SPDX-License-Identifier: Apache-2.0
// Objects that are used again and again instead of being made and freed.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#define CESASIM_ASAN_POOL 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CESASIM_ASAN_POOL 1
#endif
#endif
#ifdef CESASIM_ASAN_POOL
#include <sanitizer/asan_interface.h>

#include <cstdio>
#include <cstdlib>
#endif

namespace cesasim::hw {

/// A pool that grows when it is empty and never shrinks; an object keeps its address. The last one
/// put is taken first. With AddressSanitizer an object in the pool may not be touched, so that a
/// use after its release is found as in memory that was freed, and a second release aborts.
template <class T>
class ObjectPool {
 public:
  using Make = std::function<std::unique_ptr<T>()>;

  /// `make` makes each new object.
  explicit ObjectPool(Make make = [] { return std::make_unique<T>(); }) : make_(std::move(make)) {}
  ObjectPool(const ObjectPool&) = delete;
  ObjectPool& operator=(const ObjectPool&) = delete;
  ~ObjectPool() {
    for (T* object : free_) allow(*object);  // for its destructor
  }

  /// An object that nobody uses: as its last user left it, or a new one.
  T& take() {
    if (free_.empty()) {
      objects_.push_back(make_());
      return *objects_.back();
    }
    T& object = *free_.back();
    free_.pop_back();
    allow(object);
    return object;
  }
  /// Releases what take() returned, once. Nobody uses it from here on.
  void put(T& object) {
    must_be_allowed(object);
    free_.push_back(&object);
    forbid(object);
  }
  /// Objects taken and not put back.
  std::size_t in_use() const { return objects_.size() - free_.size(); }

 private:
#ifdef CESASIM_ASAN_POOL
  static void allow(T& object) { __asan_unpoison_memory_region(&object, sizeof object); }
  static void forbid(T& object) { __asan_poison_memory_region(&object, sizeof object); }
  static void must_be_allowed(T& object) {
    if (__asan_address_is_poisoned(&object) == 0) return;
    std::fprintf(stderr, "ObjectPool: an object was put back twice\n");
    __asan_describe_address(&object);
    std::abort();
  }
#else
  static void allow(T&) {}
  static void forbid(T&) {}
  static void must_be_allowed(T&) {}
#endif

  Make make_;
  std::vector<std::unique_ptr<T>> objects_;
  std::vector<T*> free_;
};

}  // namespace cesasim::hw
