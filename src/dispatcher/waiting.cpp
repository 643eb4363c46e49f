// SPDX-License-Identifier: MIT
#include "dispatcher/waiting.hpp"

#include "dispatcher/dispatcher.hpp"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

namespace procpool::detail {
namespace {

/// The loop's ticks settle what a lost ring would leave; this only bounds the wait.
constexpr Duration longest_sleep = std::chrono::seconds(1);

/// The leader keeps the lock for so long though others want it: to change hands costs a wake-up each time.
constexpr Duration longest_hold = std::chrono::milliseconds(1);
/// What it gives others then to take it.
constexpr Duration longest_way = std::chrono::milliseconds(1);

Duration time_left(std::optional<TimePoint> deadline) {
  if (!deadline) return longest_sleep;
  return std::clamp(*deadline - Clock::now(), Duration::zero(), longest_sleep);
}

/// Calls the function when it ends, also by an exception.
template <class F>
class AtEnd {
 public:
  explicit AtEnd(F function) : function_(std::move(function)) {}
  AtEnd(const AtEnd&) = delete;
  AtEnd& operator=(const AtEnd&) = delete;
  ~AtEnd() { function_(); }

 private:
  F function_;
};

}  // namespace

std::unique_lock<std::mutex> Waiting::enter(std::mutex& mutex) const {
  std::unique_lock lock(mutex, std::try_to_lock);
  if (!lock) {
    wanted_.fetch_add(1, std::memory_order_relaxed);
    lock.lock();
    wanted_.fetch_sub(1, std::memory_order_relaxed);
  }
  return lock;
}

/// To unlock and lock again is not enough: whoever waits for the lock has to wake up first.
void Waiting::give_way(std::unique_lock<std::mutex>& lock) const {
  lock.unlock();
  const std::uint32_t wanted = wanted_.load(std::memory_order_relaxed);
  const TimePoint until = Clock::now() + longest_way;
  while (wanted_.load(std::memory_order_relaxed) >= wanted && Clock::now() < until) std::this_thread::yield();
  lock.lock();
}

void Waiting::set_bell(std::unique_lock<std::mutex>& lock, HostBell* bell) {
  if (bell == nullptr && bell_ != nullptr) {
    HostBell* const old = std::exchange(bell_, nullptr);
    while (leader_sleeps_ && leader_ != std::this_thread::get_id()) {
      old->ring();
      leader_left_bell_.wait(lock);
    }
  }
  bell_ = bell;
}

bool Waiting::wait(Dispatcher& dispatcher, std::unique_lock<std::mutex>& lock, Waitable& waitable,
                   std::optional<TimePoint> deadline) {
  waitable.waiters_.fetch_add(1, std::memory_order_relaxed);
  const AtEnd leave([&] {
    waitable.waiters_.fetch_sub(1, std::memory_order_relaxed);
    if (awaited_ == nullptr && !followers_.empty()) {
      followers_.front()->leads = true;
      followers_.front()->wake.notify_one();
    }
  });
  while (!waitable.ready() && (!deadline || Clock::now() < *deadline)) {
    if (may_lead()) {
      lead(dispatcher, lock, waitable, deadline);
    } else {
      if (dispatcher.inbox_waits()) {
        dispatcher.pass();
        dispatcher.end_turn();
      }
      if (!waitable.ready()) follow(lock, waitable, deadline);
    }
  }
  return waitable.ready();
}

bool Waiting::may_lead() const noexcept {
  return bell_ != nullptr && (awaited_ == nullptr || leader_ == std::this_thread::get_id());
}

void Waiting::lead(Dispatcher& dispatcher, std::unique_lock<std::mutex>& lock, Waitable& waitable,
                   std::optional<TimePoint> deadline) {
  const Waitable* const awaited_before = std::exchange(awaited_, &waitable);
  const bool slept_before = std::exchange(leader_sleeps_, false);
  leader_ = std::this_thread::get_id();
  const AtEnd leave([&] {
    awaited_ = awaited_before;
    leader_sleeps_ = slept_before;
    if (awaited_ == nullptr) leader_ = {};
  });
  TimePoint held_since = Clock::now();
  const auto wanted = [&] {
    return wanted_.load(std::memory_order_relaxed) != 0 && Clock::now() - held_since > longest_hold;
  };
  const auto something_to_do = [&] { return dispatcher.changed() || dispatcher.inbox_waits() || wanted(); };
  while (bell_ != nullptr) {
    if (wanted()) {
      give_way(lock);
      held_since = Clock::now();
      if (bell_ == nullptr) break;
    }
    dispatcher.pass();
    if (waitable.ready() || (deadline && Clock::now() >= *deadline)) break;
    dispatcher.aim();
    dispatcher.disarm();
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
    held_since = Clock::now();
    leader_sleeps_ = false;
    if (bell_ == nullptr) leader_left_bell_.notify_all();
  }
}

void Waiting::follow(std::unique_lock<std::mutex>& lock, Waitable& waitable,
                     std::optional<TimePoint> deadline) {
  Follower self{waitable, {}, false};
  followers_.push_back(&self);
  const TimePoint until = Clock::now() + time_left(deadline);
  while (!self.leads && !waitable.ready()) {
    if (self.wake.wait_until(lock, until) == std::cv_status::timeout) break;
  }
  if (self.settled) wanted_.fetch_sub(1, std::memory_order_relaxed);
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
    if (&follower->waitable != &waitable) continue;
    if (!std::exchange(follower->settled, true)) wanted_.fetch_add(1, std::memory_order_relaxed);
    follower->wake.notify_one();
  }
}

}  // namespace procpool::detail
