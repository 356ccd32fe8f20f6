// Objects that are used again and again instead of being made and freed.
#pragma once

#include <cstddef>
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
#endif

namespace cesasim::hw {

/// A pool that grows when it is empty and never shrinks; an object keeps its address. The last one
/// put is taken first. With AddressSanitizer an object in the pool may not be touched, so that a
/// use after its release is found as in memory that was freed.
template <class T>
class ObjectPool {
 public:
  ObjectPool() = default;
  ObjectPool(const ObjectPool&) = delete;
  ObjectPool& operator=(const ObjectPool&) = delete;
  ~ObjectPool() {
    for (T* object : free_) allow(*object);  // for its destructor
  }

  /// An object that nobody uses, as its last user left it; a new one is made from `args`.
  template <class... Args>
  T& take(Args&&... args) {
    if (free_.empty()) {
      objects_.push_back(std::make_unique<T>(std::forward<Args>(args)...));
      return *objects_.back();
    }
    T& object = *free_.back();
    free_.pop_back();
    allow(object);
    return object;
  }
  /// Gives back what take() gave. Nobody uses it from here on.
  void put(T& object) {
    free_.push_back(&object);
    forbid(object);
  }
  /// Objects taken and not put back.
  std::size_t in_use() const { return objects_.size() - free_.size(); }

 private:
#ifdef CESASIM_ASAN_POOL
  static void allow(T& object) { __asan_unpoison_memory_region(&object, sizeof object); }
  static void forbid(T& object) { __asan_poison_memory_region(&object, sizeof object); }
#else
  static void allow(T&) {}
  static void forbid(T&) {}
#endif

  std::vector<std::unique_ptr<T>> objects_;
  std::vector<T*> free_;
};

}  // namespace cesasim::hw
