// SPDX-License-Identifier: MIT
#include "dispatcher/waiting.hpp"

#include "dispatcher/dispatcher.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace procpool::detail {
namespace {

/// The loop's ticks settle what a lost ring would leave; this only bounds the wait.
constexpr Duration longest_sleep = std::chrono::seconds(1);

Duration time_left(std::optional<TimePoint> deadline) {
  if (!deadline) return longest_sleep;
  return std::clamp(*deadline - Clock::now(), Duration::zero(), longest_sleep);
}

}  // namespace

void Waiting::set_bell(std::unique_lock<std::mutex>& lock, HostBell* bell) {
  if (bell == nullptr && bell_ != nullptr) {
    HostBell* const old = std::exchange(bell_, nullptr);
    while (leader_sleeps_) {
      old->ring();
      leader_left_bell_.wait(lock);
    }
  }
  bell_ = bell;
}

bool Waiting::wait(Dispatcher& dispatcher, std::unique_lock<std::mutex>& lock, Waitable& waitable,
                   std::optional<TimePoint> deadline) {
  waitable.waiters_.fetch_add(1, std::memory_order_relaxed);
  while (!waitable.ready() && (!deadline || Clock::now() < *deadline)) {
    if (awaited_ == nullptr && bell_ != nullptr) {
      lead(dispatcher, lock, waitable, deadline);
    } else {
      follow(lock, waitable, deadline);
    }
  }
  waitable.waiters_.fetch_sub(1, std::memory_order_relaxed);
  if (awaited_ == nullptr && !followers_.empty()) {
    followers_.front()->leads = true;
    followers_.front()->wake.notify_one();
  }
  return waitable.ready();
}

void Waiting::lead(Dispatcher& dispatcher, std::unique_lock<std::mutex>& lock, Waitable& waitable,
                   std::optional<TimePoint> deadline) {
  awaited_ = &waitable;
  const auto something_to_do = [&dispatcher] { return dispatcher.changed() || dispatcher.inbox_waits(); };
  while (bell_ != nullptr) {
    dispatcher.pass();
    if (waitable.ready() || (deadline && Clock::now() >= *deadline)) break;
    dispatcher.aim();
    if (spin_.until(something_to_do)) continue;
    dispatcher.arm();
    if (something_to_do()) continue;
    HostBell& bell = *bell_;
    leader_sleeps_ = true;
    lock.unlock();
    // Who could not have the lock just now left its submission to us.
    if (!dispatcher.inbox_waits()) {
      if (dispatcher.loop_.has_thread()) {
        bell.wait(time_left(deadline));
      } else {
        dispatcher.loop_.drive(time_left(deadline));
      }
    }
    lock.lock();
    leader_sleeps_ = false;
    if (bell_ == nullptr) leader_left_bell_.notify_all();
  }
  awaited_ = nullptr;
}

void Waiting::follow(std::unique_lock<std::mutex>& lock, Waitable& waitable,
                     std::optional<TimePoint> deadline) {
  Follower self{waitable, {}, false};
  followers_.push_back(&self);
  const TimePoint until = Clock::now() + time_left(deadline);
  while (!self.leads && !waitable.ready()) {
    if (self.wake.wait_until(lock, until) == std::cv_status::timeout) break;
  }
  followers_.erase(std::find(followers_.begin(), followers_.end(), &self));
}

void Waiting::settled(DispatcherLoop& loop, Waitable& waitable) noexcept {
  if (waitable.waiters_.load(std::memory_order_relaxed) == 0) return;
  if (awaited_ == &waitable && leader_sleeps_ && bell_ != nullptr) {
    if (loop.has_thread()) {
      bell_->ring();
    } else {
      loop.serve_soon();
    }
  }
  for (Follower* follower : followers_) {
    if (&follower->waitable == &waitable) follower->wake.notify_one();
  }
}

}  // namespace procpool::detail
