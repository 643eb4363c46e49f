// SPDX-License-Identifier: MIT
/// \file
/// CallbackQueue: calls the users' functions, one after the other, on a thread of its own.
#pragma once

#include <procpool/types.hpp>

#include <condition_variable>
#include <exception>
#include <forward_list>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

namespace procpool::detail {

/// The thread starts with start(), or with the first call, ends with finish(), and keeps the queue alive
/// until then. Calls run in the order in which they came, with no lock held. Owned by std::shared_ptr.
class CallbackQueue : public std::enable_shared_from_this<CallbackQueue> {
 public:
  using Calls = std::forward_list<std::function<void()>>;

  CallbackQueue() = default;
  CallbackQueue(const CallbackQueue&) = delete;
  CallbackQueue& operator=(const CallbackQueue&) = delete;

  /// From now on there is no thread: calls are made by call_pending(), and `wake` says that it has something
  /// to do. It is called on any thread, with locks held, until finish(), and throws nothing. Before the first
  /// call.
  void do_without_thread(std::function<void()> wake);
  /// Makes the calls that wait, on the calling thread; nothing if another thread is at it. Within one of
  /// these calls it makes those that are left.
  void call_pending();

  /// Starts the thread before there is a call, where that can be refused: throws std::system_error.
  void start();
  /// Any thread. After finish() the call is made at once, on the calling thread. Throws std::bad_alloc, and
  /// has done nothing then.
  void push(std::function<void()> callback);
  /// The same for some, in this order, which need no more memory.
  void push_all(Calls&& calls) noexcept;
  /// Gets what a callback throws from now on, also one that runs.
  void set_error_handler(std::function<void(std::exception_ptr)> handler);
  /// Waits until all calls have been made, and ends the thread. To be called when no call is pushed any more
  /// but by those who ask for one after the pool's end. False if `deadline` passed first. On the queue's own
  /// thread it does not wait: the thread ends after the calls that are left.
  bool finish(std::optional<TimePoint> deadline);
  [[nodiscard]] bool on_own_thread() const;

 private:
  void run();
  void run_thread();
  void call(const std::function<void()>& callback);
  void call_next(std::unique_lock<std::mutex>& lock);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Calls calls_;
  Calls::iterator last_ = calls_.before_begin();
  /// Shared: a call of it goes on when it has been replaced.
  std::shared_ptr<const std::function<void(std::exception_ptr)>> on_error_;
  std::thread thread_;
  std::thread::id thread_id_;   ///< of the thread, or of whoever makes the calls in its place
  std::function<void()> wake_;  ///< only without a thread
  bool running_ = false;
  bool finishing_ = false;
  bool finished_ = false;
  bool threaded_ = true;
};

}  // namespace procpool::detail
