// SPDX-License-Identifier: MIT
/// \file
/// Arrivals: the jobs of one imap_unordered that have settled, in the order in which they did.
#pragma once

#include "dispatcher/ref.hpp"
#include "dispatcher/submission.hpp"

#include <procpool/detail/job_handle.hpp>

#include <atomic>
#include <deque>
#include <mutex>

namespace procpool::detail {

/// Ready while there is something to take. Any thread.
class Arrivals : public Waitable {
 public:
  void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  void push(JobHandle job) {
    const std::lock_guard guard(mutex_);
    if (abandoned_) return;
    jobs_.push_back(std::move(job));
    set_ready();
  }
  /// Nobody will take what is there, or what comes. Jobs and their arrivals refer to each other: without this
  /// neither would ever be let go.
  void abandon() {
    std::deque<JobHandle> jobs;
    const std::lock_guard guard(mutex_);
    abandoned_ = true;
    jobs.swap(jobs_);
  }
  /// A handle that refers to no job if nothing is there.
  [[nodiscard]] JobHandle take() {
    const std::lock_guard guard(mutex_);
    if (jobs_.empty()) return {};
    JobHandle job = std::move(jobs_.front());
    jobs_.pop_front();
    if (jobs_.empty()) clear_ready();
    return job;
  }

 private:
  ~Arrivals() = default;

  std::atomic<int> references_{1};
  std::mutex mutex_;
  std::deque<JobHandle> jobs_;
  bool abandoned_ = false;
};

}  // namespace procpool::detail
