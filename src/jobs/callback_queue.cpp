// SPDX-License-Identifier: MIT
#include "jobs/callback_queue.hpp"

#include <exception>
#include <iterator>
#include <utility>

namespace procpool::detail {

void CallbackQueue::push(std::function<void()> callback) {
  Calls one;
  one.push_front(std::move(callback));
  // libc++ leaves a copy of a small function where it was moved from, which must not be the last to end.
  callback = nullptr;
  push_all(std::move(one));
}

void CallbackQueue::push_all(Calls&& calls) noexcept {
  if (calls.empty()) return;
  std::unique_lock lock(mutex_);
  if (finished_) {
    lock.unlock();
    for (const auto& callback : calls) call(callback);
    return;
  }
  const bool woken = !calls_.empty();
  calls_.splice_after(last_, calls);
  for (auto next = std::next(last_); next != calls_.end(); ++next) last_ = next;
  if (!threaded_) {
    if (!woken && wake_) wake_();
    return;
  }
  try {
    run_thread();
  } catch (const std::exception&) {
    // The next call tries again: there is no thread to be had, or no memory.
  }
  changed_.notify_all();
}

void CallbackQueue::start() {
  const std::lock_guard guard(mutex_);
  if (threaded_ && !finished_) run_thread();
}

/// With the lock.
void CallbackQueue::run_thread() {
  if (running_) return;
  thread_ = std::thread([self = shared_from_this()] { self->run(); });
  running_ = true;
  thread_id_ = thread_.get_id();
}

void CallbackQueue::set_error_handler(std::function<void(std::exception_ptr)> handler) {
  auto shared = std::make_shared<const std::function<void(std::exception_ptr)>>(std::move(handler));
  {
    const std::lock_guard guard(mutex_);
    on_error_.swap(shared);
  }
  // What the old one holds ends here, without the lock.
}

bool CallbackQueue::on_own_thread() const {
  const std::lock_guard guard(mutex_);
  return running_ && std::this_thread::get_id() == thread_id_;
}

bool CallbackQueue::finish(std::optional<TimePoint> deadline) {
  std::unique_lock lock(mutex_);
  finishing_ = true;
  if (!threaded_) {
    lock.unlock();
    call_pending();
    lock.lock();
  }
  if (running_ && std::this_thread::get_id() == thread_id_) {
    if (thread_.joinable()) thread_.detach();
    wake_ = nullptr;  // the pool is about to end, in the midst of a callback
    return true;
  }
  changed_.notify_all();
  while (running_) {
    if (!deadline) {
      changed_.wait(lock);
    } else if (changed_.wait_until(lock, *deadline) == std::cv_status::timeout && running_) {
      return false;
    }
  }
  finished_ = true;
  wake_ = nullptr;
  std::thread ended = std::move(thread_);
  lock.unlock();
  if (ended.joinable()) ended.join();
  return true;
}

void CallbackQueue::do_without_thread(std::function<void()> wake) {
  const std::lock_guard guard(mutex_);
  threaded_ = false;
  wake_ = std::move(wake);
}

void CallbackQueue::call_pending() {
  std::unique_lock lock(mutex_);
  const bool nested = running_ && thread_id_ == std::this_thread::get_id();
  if (running_ && !nested) return;
  running_ = true;
  thread_id_ = std::this_thread::get_id();
  while (!calls_.empty()) call_next(lock);
  if (nested) return;
  running_ = false;
  if (finishing_) finished_ = true;
  changed_.notify_all();
}

void CallbackQueue::call(const std::function<void()>& callback) {
  try {
    callback();
  } catch (...) {
    std::unique_lock lock(mutex_);
    const auto on_error = on_error_;
    lock.unlock();
    if (!on_error || !*on_error) return;
    try {
      (*on_error)(std::current_exception());
    } catch (...) {
      // Who was to be told of errors has one: there is nobody left to tell.
    }
  }
}

void CallbackQueue::call_next(std::unique_lock<std::mutex>& lock) {
  Calls next;
  next.splice_after(next.before_begin(), calls_, calls_.before_begin());
  if (calls_.empty()) last_ = calls_.before_begin();
  lock.unlock();
  call(next.front());
  next.clear();
  lock.lock();
}

void CallbackQueue::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (!calls_.empty()) {
      call_next(lock);
    } else if (finishing_) {
      break;
    } else {
      changed_.wait(lock);
    }
  }
  running_ = false;
  finished_ = true;
  changed_.notify_all();
}

}  // namespace procpool::detail
