// SPDX-License-Identifier: Apache-2.0
#include "kernel_model/elevator.h"

#include <algorithm>
#include <stdexcept>

namespace cesasim::kernel {

std::vector<Request*>::const_iterator Elevator::position(bool write, std::uint64_t sector) const {
  return std::lower_bound(sorted_[write].begin(), sorted_[write].end(), sector,
                          [](const Request* r, std::uint64_t s) { return r->sector < s; });
}

void Elevator::insert_sorted(Request& request) {
  sorted_[request.write].insert(position(request.write, request.sector), &request);
}

void Elevator::remove_sorted(Request& request) {
  auto& list = sorted_[request.write];
  // Requests that overlap may share their first sector: find this one by identity.
  list.erase(std::find(position(request.write, request.sector), list.cend(), &request));
}

void Elevator::add(Request& request, hw::Ps now) {
  request.expires = expiry(request.write, now);
  insert_sorted(request);
  fifo_[request.write].push_back(&request);
}

void Elevator::remove(Request& request) {
  remove_sorted(request);
  auto& fifo = fifo_[request.write];
  fifo.erase(std::find(fifo.begin(), fifo.end(), &request));
}

Request* Elevator::ending_at(bool write, std::uint64_t sector) const {
  const auto it = position(write, sector);
  if (it == sorted_[write].begin()) return nullptr;
  Request* r = *(it - 1);
  return r->end() == sector ? r : nullptr;
}

Request* Elevator::starting_at(bool write, std::uint64_t sector) const {
  const auto it = position(write, sector);
  return it != sorted_[write].end() && (*it)->sector == sector ? *it : nullptr;
}

void Elevator::grow_front(Request& request, std::uint32_t sectors) {
  remove_sorted(request);
  request.sector -= sectors;
  request.sectors += sectors;
  insert_sorted(request);
}

void Elevator::merged(Request& survivor, Request& victim) {
  auto& fifo = fifo_[survivor.write];
  if (victim.order < survivor.order) {
    fifo.erase(std::find(fifo.begin(), fifo.end(), &survivor));
    *std::find(fifo.begin(), fifo.end(), &victim) = &survivor;
    survivor.order = victim.order;
    survivor.expires = victim.expires;
  } else {
    fifo.erase(std::find(fifo.begin(), fifo.end(), &victim));
  }
  remove_sorted(victim);
}

Request* NoopElevator::next(hw::Ps) {
  Request* best = nullptr;
  for (const auto& fifo : fifo_) {
    if (!fifo.empty() && (best == nullptr || fifo.front()->order < best->order)) {
      best = fifo.front();
    }
  }
  if (best != nullptr) remove(*best);
  return best;
}

Request* DeadlineElevator::take(Request& request) {
  in_batch_ = true;
  batch_write_ = request.write;
  next_sector_ = request.sector + 1;
  ++batched_;
  remove(request);
  return &request;
}

Request* DeadlineElevator::next(hw::Ps now) {
  const auto upwards = [this](bool write) -> Request* {
    if (!in_batch_ || batch_write_ != write) return nullptr;
    const auto& list = sorted_[write];
    const auto it =
        std::lower_bound(list.begin(), list.end(), next_sector_,
                         [](const Request* r, std::uint64_t s) { return r->sector < s; });
    return it == list.end() ? nullptr : *it;
  };
  if (empty()) return nullptr;
  if (batched_ < settings_.fifo_batch) {
    if (Request* r = upwards(batch_write_)) return take(*r);
  }
  bool write = false;
  if (sorted_[0].empty()) {
    write = true;
  } else if (!sorted_[1].empty() && starved_++ >= settings_.writes_starved) {
    write = true;
  }
  if (write) starved_ = 0;
  Request* oldest = fifo_[write].front();
  Request* r = oldest->expires <= now ? oldest : upwards(write);
  // Out of higher sectors, or a change of direction: start again from the lowest.
  if (r == nullptr) r = sorted_[write].front();
  batched_ = 0;
  return take(*r);
}

Request* MqDeadlineElevator::upwards(bool write) const {
  if (!scans_[write].begun) return nullptr;
  const auto it = position(write, scans_[write].next_sector);
  return it == sorted_[write].end() ? nullptr : *it;
}

Request* MqDeadlineElevator::take(Request& request) {
  last_write_ = request.write;
  scans_[request.write] = {true, request.end()};
  ++batched_;
  remove(request);
  return &request;
}

Request* MqDeadlineElevator::next(hw::Ps now) {
  if (empty()) return nullptr;
  if (batched_ < settings_.fifo_batch) {
    if (Request* r = upwards(last_write_)) return take(*r);
  }
  const bool starving =
      !sorted_[1].empty() && !sorted_[0].empty() && starved_++ >= settings_.writes_starved;
  const bool write = sorted_[0].empty() || starving;
  if (write) starved_ = 0;
  Request* const oldest = fifo_[write].front();
  Request* r = oldest->expires <= now ? nullptr : upwards(write);
  if (r == nullptr) r = oldest;
  batched_ = 0;
  return take(*r);
}

std::unique_ptr<Elevator> make_elevator(const std::string& name, const DeadlineSettings& settings) {
  if (name == "noop") return std::make_unique<NoopElevator>();
  if (name == "deadline") return std::make_unique<DeadlineElevator>(settings);
  if (name == "mq-deadline") return std::make_unique<MqDeadlineElevator>(settings);
  throw std::invalid_argument("no elevator '" + name + "' (noop, deadline, mq-deadline)");
}

}  // namespace cesasim::kernel
