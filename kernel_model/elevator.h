// SPDX-License-Identifier: Apache-2.0
// I/O schedulers of the block layers of 2.6.12 and 6.1: which queued request goes to the disk next.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "hw_model/common/units.h"
#include "hw_model/disk/disk_command.h"
#include "kernel_model/bio.h"

namespace cesasim::kernel {

/// A bio that was too large for one request and is ended when all its pieces are.
struct BioSplit {
  Bio* bio = nullptr;
  std::uint32_t remaining = 0;
  int error = 0;
};

/// struct request: a run of sectors that goes to the disk as one command.
struct Request {
  struct Part {
    Bio* bio = nullptr;
    BioSplit* split = nullptr;  ///< if the bio is spread over several requests
    std::uint32_t sectors = 0;  ///< of it in this request; the parts follow each other
  };
  bool write = false;
  std::uint64_t sector = 0;
  std::uint32_t sectors = 0;
  std::vector<hw::DiskSegment> segments;
  std::vector<Part> parts;
  std::uint64_t order = 0;  ///< of arrival; a merged request keeps the earlier one
  hw::Ps expires = 0;       ///< set by the elevator

  std::uint64_t end() const { return sector + sectors; }
};

/// Settings of the deadline elevator, in its own units.
struct DeadlineSettings {
  hw::Ps read_expire = 0;
  hw::Ps write_expire = 0;
  std::uint32_t fifo_batch = 0;
  std::uint32_t writes_starved = 0;
};

/// Holds the queued requests, each direction sorted by sector and by age. Plain C++; does not own
/// the requests. The base class is what the elevators share: merging looks requests up by sector.
class Elevator {
 public:
  virtual ~Elevator() = default;

  /// Queues `request` at time `now`.
  void add(Request& request, hw::Ps now);
  /// Takes the request that is due; nullptr if none is queued.
  virtual Request* next(hw::Ps now) = 0;

  /// The queued request of that direction that ends (starts) at `sector`, or nullptr.
  Request* ending_at(bool write, std::uint64_t sector) const;
  Request* starting_at(bool write, std::uint64_t sector) const;
  /// Grows `request` to the front by `sectors` (the sort order follows).
  void grow_front(Request& request, std::uint32_t sectors);
  /// `victim` has been merged into `survivor`, which takes over its age if it is older. `victim`
  /// leaves the queue.
  void merged(Request& survivor, Request& victim);

  bool empty() const { return sorted_[0].empty() && sorted_[1].empty(); }
  std::size_t size() const { return sorted_[0].size() + sorted_[1].size(); }

 protected:
  virtual hw::Ps expiry(bool write, hw::Ps now) const { return now; }
  void remove(Request& request);
  /// The first request of that direction at `sector` or above.
  std::vector<Request*>::const_iterator position(bool write, std::uint64_t sector) const;

  // Index 0 reads, 1 writes. At most nr_requests long, so flat arrays beat trees.
  std::array<std::vector<Request*>, 2> sorted_;
  std::array<std::deque<Request*>, 2> fifo_;

 private:
  void insert_sorted(Request& request);
  void remove_sorted(Request& request);
};

/// First come, first served (merging still applies).
class NoopElevator : public Elevator {
 public:
  Request* next(hw::Ps now) override;
};

/// Batches of up to fifo_batch requests of one direction in rising sector order; between
/// batches a request past its deadline goes first; reads before writes, except that writes wait
/// for at most writes_starved batches of reads.
///
/// Differs from 2.6.12's in that a batch does not end where two of its requests are not
/// adjacent: fifo_batch always counts requests, as its documentation says.
class DeadlineElevator : public Elevator {
 public:
  explicit DeadlineElevator(const DeadlineSettings& settings) : settings_(settings) {}
  Request* next(hw::Ps now) override;

 protected:
  hw::Ps expiry(bool write, hw::Ps now) const override {
    return now + (write ? settings_.write_expire : settings_.read_expire);
  }

 private:
  Request* take(Request& request);

  DeadlineSettings settings_;
  // One-way scan: where the batch under way goes on.
  bool batch_write_ = false;
  bool in_batch_ = false;
  std::uint64_t next_sector_ = 0;
  std::uint32_t batched_ = 0;
  std::uint32_t starved_ = 0;
};

/// mq-deadline of 6.1, for requests of one priority. It differs from 2.6.12's in two things: each
/// direction has a scan of its own, which goes on where it stopped when the other's batch is over;
/// and a scan that has come to the end, or has not begun, starts with the oldest request instead of
/// the lowest sector.
class MqDeadlineElevator : public Elevator {
 public:
  explicit MqDeadlineElevator(const DeadlineSettings& settings) : settings_(settings) {}
  Request* next(hw::Ps now) override;

 protected:
  hw::Ps expiry(bool write, hw::Ps now) const override {
    return now + (write ? settings_.write_expire : settings_.read_expire);
  }

 private:
  Request* upwards(bool write) const;
  Request* take(Request& request);

  struct Scan {
    bool begun = false;
    std::uint64_t next_sector = 0;
  };
  DeadlineSettings settings_;
  std::array<Scan, 2> scans_;
  bool last_write_ = false;
  std::uint32_t batched_ = 0;
  std::uint32_t starved_ = 0;
};

/// Throws std::invalid_argument for a name other than "noop", "deadline" and "mq-deadline".
std::unique_ptr<Elevator> make_elevator(const std::string& name, const DeadlineSettings& settings);

}  // namespace cesasim::kernel
