// SPDX-License-Identifier: Apache-2.0
// Random requests with their expected results, which keep clear of the driver's known faults.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>

#include "tests/stock_driver/board.h"
#include "tests/stock_driver/client.h"

namespace cesasim::stock {

// Of the SRAM, what the driver's layout leaves for data.
inline constexpr unsigned kLayoutBytes = 0x80;

inline unsigned payload_bytes(const Variant& v) { return 2048 - v.sram_reserved - kLayoutBytes; }

/// A cipher request; `most_bytes` limits its size.
struct CipherJob {
  CipherJob(const CipherAlgorithm& alg, Rng& rng, unsigned most_bytes)
      : key(random_bytes(rng, alg.key_bytes[rng() % alg.key_bytes.size()])),
        iv(random_bytes(rng, alg.iv_bytes)),
        input(random_bytes(
            rng,
            alg.block_bytes * random_between(rng, 1, limit(rng, most_bytes) / alg.block_bytes))),
        encrypt(rng() % 2 == 0),
        expected(reference_cipher(alg, encrypt, key, iv, input)),
        cipher(alg, key),
        request(cipher, iv, Scattered(input, rng),
                rng() % 2 ? nullptr : std::make_unique<Scattered>(input, rng)) {}

  // Half of them short: most requests are sectors and packets.
  static unsigned limit(Rng& rng, unsigned most) { return rng() % 2 ? std::min(most, 512u) : most; }

  void check(const CipherAlgorithm& alg) const {
    EXPECT_EQ(request.error(), 0);
    EXPECT_EQ(request.output(), expected) << input.size() << " bytes, encrypt " << encrypt;
    if (alg.iv_bytes > 0) {
      const Bytes& ciphertext = encrypt ? expected : input;
      EXPECT_EQ(request.iv(), Bytes(ciphertext.end() - alg.iv_bytes, ciphertext.end()));
    }
  }

  Bytes key, iv, input;
  bool encrypt;
  Bytes expected;
  Cipher cipher;
  CipherRequest request;
};

/// A message on its way through a request, one step after the other.
class Message {
 public:
  Message(const Variant& variant, const HashAlgorithm& alg, Rng& rng, unsigned most_bytes)
      : rng_(rng),
        // The largest step: what an Armada 370 hashes wrongly has its own test.
        step_limit_(variant.sram_reserved ? payload_bytes(variant) - 64 : 100'000),
        // Bugs 1 and 4: the last step must have something to hash.
        feed_last_step_(!variant.tdma || alg.keyed),
        key_(alg.keyed ? random_bytes(rng, random_between(rng, 1, 150)) : Bytes()),
        input_(random_bytes(rng, random_between(rng, feed_last_step_, most_bytes))),
        expected_(reference_hash(alg, key_, input_)),
        hash_(alg, key_),
        request_(hash_) {
    EXPECT_EQ(hash_.key_error(), 0);
  }

  bool ended() const { return state_ == State::ended && !request_.busy(); }

  /// Starts the next step, if there is one to start.
  void go_on() {
    if (request_.busy() || state_ == State::ended) return;
    EXPECT_EQ(request_.error(), 0);
    if (state_ == State::fresh) {
      if (rng_() % 4 == 0 && input_.size() <= step_limit_) {
        accept(request_.digest(Scattered(input_, rng_), input_.size()), true);
        return;
      }
      accept(request_.init(), false);
      state_ = State::open;
    }
    if (rng_() % 3 == 0) {
      EXPECT_EQ(request_.export_import(), 0);
    }
    const auto left = static_cast<unsigned>(input_.size() - done_);
    const unsigned part = random_between(rng_, 0, std::min(left, pick_limit()));
    if (part == left && rng_() % 2 == 0 && (part > 0 || !feed_last_step_)) {
      accept(request_.finup(next(part), part), true);
    } else if (left == 0) {
      accept(request_.final(), true);
    } else if (part == left && feed_last_step_ && (done_ + part) % 64 == 0) {
      accept(request_.finup(next(part), part), true);
    } else {
      accept(request_.update(next(part), part), false);
    }
  }

  void check() const {
    EXPECT_EQ(request_.error(), 0);
    EXPECT_EQ(request_.result(), expected_) << input_.size() << " bytes";
  }

 private:
  enum class State { fresh, open, ended };

  unsigned pick_limit() {
    static constexpr unsigned kLimits[] = {5, 64, 200, 4096, 100'000};
    return std::min(kLimits[rng_() % 5], step_limit_);
  }
  Scattered next(unsigned size) {
    const std::span<const std::uint8_t> all(input_);
    Scattered part(all.subspan(done_, size), rng_);
    done_ += size;
    return part;
  }
  void accept(int result, bool last) {
    EXPECT_TRUE(result == 0 || result == -EINPROGRESS) << result;
    if (last) state_ = State::ended;
  }

  Rng& rng_;
  unsigned step_limit_;
  bool feed_last_step_;
  Bytes key_, input_, expected_;
  std::size_t done_ = 0;
  State state_ = State::fresh;
  Hash hash_;
  HashRequest request_;
};

}  // namespace cesasim::stock
