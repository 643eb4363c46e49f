// SPDX-License-Identifier: MIT
/// \file
/// Arrivals: the jobs of one imap_unordered that have settled, in the order in which they did.
#pragma once

#include "dispatcher/ref.hpp"
#include "dispatcher/submission.hpp"

#include <procpool/detail/job_handle.hpp>

#include <atomic>
#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

namespace procpool::detail {

/// Ready while there is something to take. Any thread.
class Arrivals : public Waitable {
 public:
  void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  /// Makes room for a job that will be pushed: when it has settled there may be no memory. Throws
  /// std::bad_alloc.
  void expect_one() {
    const std::lock_guard guard(mutex_);
    if (jobs_.size() + expected_ == jobs_.capacity()) {
      jobs_.erase(jobs_.begin(), jobs_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
      const std::size_t needed = jobs_.size() + expected_ + 1;
      if (needed > jobs_.capacity() / 2) jobs_.reserve(2 * needed);
    }
    ++expected_;
  }
  /// Of the jobs that are expected.
  void push(JobHandle job) noexcept {
    const std::lock_guard guard(mutex_);
    --expected_;
    if (abandoned_) return;
    jobs_.push_back(std::move(job));
    set_ready();
  }
  /// Nobody will take what is there, or what comes. Jobs and their arrivals refer to each other: without this
  /// neither would ever be let go.
  void abandon() noexcept {
    std::vector<JobHandle> jobs;
    const std::lock_guard guard(mutex_);
    abandoned_ = true;
    jobs.swap(jobs_);
    first_ = 0;
  }
  /// A handle that refers to no job if nothing is there.
  [[nodiscard]] JobHandle take() {
    const std::lock_guard guard(mutex_);
    if (first_ == jobs_.size()) return {};
    JobHandle job = std::move(jobs_[first_++]);
    if (first_ == jobs_.size()) {
      jobs_.clear();
      first_ = 0;
      clear_ready();
    }
    return job;
  }

 private:
  ~Arrivals() = default;

  std::atomic<int> references_{1};
  std::mutex mutex_;
  std::vector<JobHandle> jobs_;
  std::size_t first_ = 0;     ///< of those that are there; others were before it
  std::size_t expected_ = 0;  ///< for which there is room
  bool abandoned_ = false;
};

}  // namespace procpool::detail
