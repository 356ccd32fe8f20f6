// SPDX-License-Identifier: Apache-2.0
#include "cosim/transport/session.h"

#include <poll.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace cesasim::cosim {

Session::Session(FileDescriptor calendar_listener, FileDescriptor device_listener,
                 GuestMemory& memory, SimulatedDevice& device, const SessionOptions& options)
    : calendar_listener_(std::move(calendar_listener)),
      device_listener_(std::move(device_listener)),
      memory_(memory),
      device_(device),
      options_(options),
      function_(options.identity, device) {}

void Session::run() {
  try {
    calendar_.emplace(
        accept_from(calendar_listener_), device_, [this] { serve(true); }, options_.epoch_ns,
        options_.time_limit_ns);
    for (;;) {
      bool moved = false;
      if (calendar_->guest_waits()) {
        moved = calendar_->step();
        deliver_interrupts();
      }
      // While the guest waits for time to pass, messages come only in answer to an interrupt.
      serve(!(moved && calendar_->guest_waits()));
    }
  } catch (const Disconnected&) {
    // The guest has powered off, or died: its own exit tells which.
  }
}

void Session::serve(bool block) {
  pollfd fds[3] = {{calendar_->message_fd(), POLLIN, 0},
                   {guest_ ? guest_->answer_fd() : -1, POLLIN, 0},
                   {guest_ ? guest_->message_fd() : device_listener_.get(), POLLIN, 0}};
  if (block) set_busy(false);
  const int ready = ::poll(fds, 3, block ? -1 : 0);
  if (block) set_busy(true);
  if (ready < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "poll");
  if (ready <= 0) return;
  if (fds[0].revents) {
    calendar_->handle_message();
  } else if (fds[1].revents) {
    guest_->handle_answer();
  } else if (fds[2].revents) {
    if (guest_) {
      guest_->handle_message();
    } else {
      guest_.emplace(
          accept_from(device_listener_), memory_, [this](unsigned queue) { on_kick(queue); },
          [this] { serve(true); });
      pcidev_.emplace(*guest_, function_);
    }
  }
}

void Session::set_busy(bool busy) const {
  if (on_busy) on_busy(busy);
}

void Session::on_kick(unsigned queue) {
  if (queue != VirtioPcidev::kCommandQueue) return;  // more buffers for interrupts
  calendar_->catch_up();
  pcidev_->run_commands();
  deliver_interrupts();
}

void Session::deliver_interrupts() {
  while (const auto vector = device_.take_interrupt()) {
    if (pcidev_) pcidev_->raise(*vector);
  }
}

}  // namespace cesasim::cosim
