// SPDX-License-Identifier: MIT
/// \file
/// CallbackQueue: calls the users' functions, one after the other, on a thread of its own.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include <procpool/types.hpp>

namespace procpool::detail {

/// The thread starts with the first call, ends with finish(), and keeps the queue alive until then. Calls run in the
/// order in which they came, with no lock held. Owned by std::shared_ptr.
class CallbackQueue : public std::enable_shared_from_this<CallbackQueue> {
 public:
  CallbackQueue() = default;
  CallbackQueue(const CallbackQueue&) = delete;
  CallbackQueue& operator=(const CallbackQueue&) = delete;

  /// From now on there is no thread: calls are made by call_pending(). Before the first call.
  void do_without_thread();
  /// Makes the calls that wait, on the calling thread.
  void call_pending();

  /// Any thread.
  void push(std::function<void()> call);
  /// Gets what a callback throws.
  void set_error_handler(std::function<void(std::exception_ptr)> handler);
  /// Waits until all calls have been made, and ends the thread; a later call starts another. False if `deadline`
  /// passed first. On the queue's own thread it does not wait: the thread ends after the calls that are left.
  bool finish(std::optional<TimePoint> deadline);
  [[nodiscard]] bool on_own_thread() const;

 private:
  void run();
  void call_next(std::unique_lock<std::mutex>& lock);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> calls_;
  std::function<void(std::exception_ptr)> on_error_;
  std::thread thread_;
  std::thread::id thread_id_;
  bool running_ = false;
  bool finishing_ = false;
  bool threaded_ = true;
};

}  // namespace procpool::detail
