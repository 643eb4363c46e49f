// SPDX-License-Identifier: MIT
/// \file
/// Semaphore: how many jobs may be on their way at the same time.
#pragma once

#include <procpool/types.hpp>

#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace procpool {

/// Counts free slots. May be shared by several pools (PoolOptions::semaphore), which take a slot for each
/// call and give it back when the call has settled, and by the host's own code. Any thread.
class Semaphore {
 public:
  explicit Semaphore(std::size_t count) : size_(count), free_(count) {}

  /// Waits for a free slot and takes it.
  void acquire() {
    std::unique_lock lock(mutex_);
    freed_.wait(lock, [this] { return free_ > debt_; });
    --free_;
  }
  /// False if there is none.
  [[nodiscard]] bool try_acquire() {
    const std::lock_guard guard(mutex_);
    if (free_ <= debt_) return false;
    --free_;
    return true;
  }
  /// False if none is free before `timeout` has passed.
  [[nodiscard]] bool try_acquire_for(Duration timeout) {
    const TimePoint now = Clock::now();
    if (timeout > (TimePoint::max)() - now) {
      acquire();
      return true;
    }
    std::unique_lock lock(mutex_);
    if (!freed_.wait_until(lock, now + timeout, [this] { return free_ > debt_; })) return false;
    --free_;
    return true;
  }
  /// Gives a slot back. Never more than there are.
  void release() {
    const std::lock_guard guard(mutex_);
    if (free_ < size_ + debt_) ++free_;
    settle_debt();
    freed_.notify_one();
  }

  void grow(std::size_t count = 1) {
    const std::lock_guard guard(mutex_);
    size_ += count;
    free_ += count;
    settle_debt();
    freed_.notify_all();
  }
  /// Slots that are taken now vanish when they are given back. One at least stays.
  void shrink(std::size_t count = 1) {
    const std::lock_guard guard(mutex_);
    if (count >= size_) count = size_ == 0 ? 0 : size_ - 1;
    size_ -= count;
    debt_ += count;
    settle_debt();
  }

  [[nodiscard]] std::size_t size() const {
    const std::lock_guard guard(mutex_);
    return size_;
  }
  [[nodiscard]] std::size_t(free)() const {  // Microsoft's leak check has a macro of that name
    const std::lock_guard guard(mutex_);
    return free_ > debt_ ? free_ - debt_ : 0;
  }

 private:
  void settle_debt() noexcept {
    const std::size_t paid = debt_ < free_ ? debt_ : free_;
    debt_ -= paid;
    free_ -= paid;
  }

  mutable std::mutex mutex_;
  std::condition_variable freed_;
  std::size_t size_;
  std::size_t free_;
  std::size_t debt_ = 0;  ///< slots to vanish as they come back
};

}  // namespace procpool
