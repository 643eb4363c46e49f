// SPDX-License-Identifier: MIT
#include "worker/nudge.hpp"
#include "worker/task_context.hpp"

#include <procpool/errors.hpp>
#include <procpool/this_task.hpp>

#include <utility>

namespace procpool {
namespace detail {
namespace {

/// The task of the user's that the calling thread runs; nullptr if there is none.
TaskContext* users_task() noexcept {
  TaskContext* const task = task_of_this_thread();
  return task != nullptr && task->job != 0 ? task : nullptr;
}

}  // namespace
}  // namespace detail

namespace this_task {

struct SoftTimeoutAccess {
  static void call(on_soft_timeout& handler) noexcept {
    if (!std::exchange(handler.called_, true)) handler.handler_(handler.data_);
  }
};

bool is_inside_task() noexcept {
  return detail::users_task() != nullptr;
}

JobId job_id() noexcept {
  const detail::TaskContext* task = detail::users_task();
  return task != nullptr ? task->job : 0;
}

std::optional<TimePoint> deadline() noexcept {
  const detail::TaskContext* task = detail::users_task();
  if (task == nullptr) return std::nullopt;
  const std::optional<Duration> limit = task->hard_limit ? task->hard_limit : task->soft_limit;
  if (!limit || *limit > TimePoint::max() - task->started) return std::nullopt;
  return task->started + *limit;
}

bool soft_timeout_requested() noexcept {
  const detail::TaskContext* task = detail::users_task();
  return task != nullptr && task->is_due();
}

void check() {
  if (soft_timeout_requested())
    throw SoftTimeLimitExceeded("procpool: the soft time limit of the task has passed");
}

void sleep_for(Duration time) {
  const TimePoint now = Clock::now();
  wait_until(time > TimePoint::max() - now ? TimePoint::max() : now + time);
}

void wait_until(TimePoint time) {
  static constexpr std::atomic<std::uint64_t> nothing{0};
  const detail::TaskContext* task = detail::users_task();
  detail::sleep_until_nudged(time, task != nullptr ? *task->soft_due : nothing,
                             task != nullptr ? task->job : 1);
  check();
}

void report_progress(double fraction, std::string_view note) {
  const detail::TaskContext* task = detail::users_task();
  if (task != nullptr) task->progress->report(fraction, note);
}

on_soft_timeout::on_soft_timeout(Handler handler, void* data) noexcept
    : handler_(handler), data_(data), previous_(nullptr) {
  detail::TaskContext* task = detail::users_task();
  if (task == nullptr) return;
  previous_ = task->on_soft_timeout.load(std::memory_order_relaxed);
  task->on_soft_timeout.store(this, std::memory_order_seq_cst);
  if (task->is_due()) SoftTimeoutAccess::call(*this);
}

on_soft_timeout::~on_soft_timeout() {
  if (detail::TaskContext* task = detail::users_task()) {
    task->on_soft_timeout.store(previous_, std::memory_order_seq_cst);
  }
}

}  // namespace this_task

namespace detail {

/// That a signal arrived at all has ended the system call that the task was blocked in.
void on_nudge() noexcept {
  TaskContext* task = users_task();
  if (task == nullptr || !task->is_due()) return;
  if (this_task::on_soft_timeout* handler = task->on_soft_timeout.load(std::memory_order_relaxed)) {
    this_task::SoftTimeoutAccess::call(*handler);
  }
}

}  // namespace detail
}  // namespace procpool
