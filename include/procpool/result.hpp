// SPDX-License-Identifier: MIT
/// \file
/// ApplyResult and MapResult: handles on work that was handed to a Pool.
#pragma once

#include <procpool/codec.hpp>
#include <procpool/detail/job_handle.hpp>
#include <procpool/export.hpp>
#include <procpool/types.hpp>

#include <coroutine>
#include <csignal>
#include <cstddef>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace procpool {
namespace detail {

/// What ApplyResult and MapResult share. Cheap to copy; every copy sees the same outcome; dropping all copies
/// does not cancel the job. May outlive the Pool, which settles it when it goes. All members may be called on
/// any thread.
class ResultBase {
 public:
  /// Waits until the job has settled; false if `timeout` passed first. The timeout ends only the wait.
  bool wait(std::optional<Duration> timeout = std::nullopt) const { return handle_.wait(timeout); }
  /// The job has settled: get() does not block.
  [[nodiscard]] bool ready() const { return handle_.ready(); }
  /// The job gave a value. Throws std::logic_error before it is ready.
  [[nodiscard]] bool successful() const { return handle_.successful(); }
  /// A worker has begun with it.
  [[nodiscard]] bool accepted() const { return handle_.accepted(); }
  /// The workers that run it now, or ran it last; none if it has not begun.
  [[nodiscard]] std::vector<Pid> worker_pids() const { return handle_.worker_pids(); }
  /// True only if no worker has begun with it and none ever will: get() then throws Terminated. Otherwise
  /// nothing changes, except that false may also mean that it has settled.
  bool cancel() { return handle_.cancel(); }
  /// Stops the job, queued or running: a worker that runs it is killed and replaced, and get() throws
  /// Terminated with `signum`. Returns without waiting. Nothing happens to a job that has settled.
  void terminate(int signum = SIGTERM) { handle_.terminate(signum); }
  /// Nobody wants the result: get() throws Terminated from now on, no callback gets a value, what waits is
  /// not begun and what runs goes on for nothing. Nothing happens to a job that has settled.
  void discard() { handle_.discard(); }
  [[nodiscard]] JobId job_id() const { return handle_.job_id(); }
  /// As it was given with the call.
  [[nodiscard]] const std::string& correlation_id() const { return handle_.correlation_id(); }

 protected:
  ResultBase() = default;
  explicit ResultBase(JobHandle handle) noexcept : handle_(std::move(handle)) {}
  ~ResultBase() = default;
  ResultBase(const ResultBase&) = default;
  ResultBase(ResultBase&&) = default;
  ResultBase& operator=(const ResultBase&) = default;
  ResultBase& operator=(ResultBase&&) = default;

  JobHandle handle_;
};

template <class Value, class Result>
[[nodiscard]] std::future<Value> make_future(const Result& result, const JobHandle& handle) {
  auto promise = std::make_shared<std::promise<Value>>();
  handle.when_ready([promise, result] {
    try {
      if constexpr (std::is_void_v<Value>) {
        result.get();
        promise->set_value();
      } else {
        promise->set_value(result.get());
      }
    } catch (...) {
      promise->set_exception(std::current_exception());
    }
  });
  return promise->get_future();
}

template <class Result>
class ResultAwaiter {
 public:
  // Not an aggregate: GCC 12 copies those bit by bit into the coroutine's frame (GCC bug 98401).
  ResultAwaiter(Result result, JobHandle handle) noexcept
      : result_(std::move(result)), handle_(std::move(handle)) {}

  [[nodiscard]] bool await_ready() const { return handle_.ready(); }
  void await_suspend(std::coroutine_handle<> waiting) const {
    // The coroutine may go on, and end, with this object in its frame, before the call returns.
    const JobHandle handle = handle_;
    handle.when_ready([waiting] { waiting.resume(); });
  }
  decltype(auto) await_resume() const { return result_.get(); }

 private:
  Result result_;
  JobHandle handle_;
};

}  // namespace detail

/// The outcome of one call, from Pool::apply_async.
template <class T>
class ApplyResult : public detail::ResultBase {
 public:
  ApplyResult() = default;
  explicit ApplyResult(detail::JobHandle handle) noexcept : ResultBase(std::move(handle)) {}

  /// Waits for the outcome: returns what the task returned or throws what it threw, or the error that kept it
  /// from either, which is std::bad_alloc if the host had no memory for the result. Each call decodes a value
  /// of its own, so move-only types can be had more than once. With a timeout: TimeoutError if it passes
  /// first; the job goes on.
  T get(std::optional<Duration> timeout = std::nullopt) const {
    handle_.await(timeout);
    const auto bytes = handle_.value(0);
    if constexpr (!std::is_void_v<T>) return detail::decode<T>(bytes);
  }

  /// A future that becomes ready with the job, made so by the callback thread.
  [[nodiscard]] std::future<T> to_future() const { return detail::make_future<T>(*this, handle_); }
  /// `co_await result` gives what get() gives. The coroutine goes on in the callback thread. GCC 12 destroys
  /// aggregates that are made within a co_await expression twice: submit with options in a statement before.
  [[nodiscard]] auto operator co_await() const { return detail::ResultAwaiter<ApplyResult>(*this, handle_); }
};

/// The outcome of Pool::map_async: one value for each item of the input, in its order.
template <class T>
class MapResult : public detail::ResultBase {
 public:
  using Value = std::conditional_t<std::is_void_v<T>, void,
                                   std::vector<std::conditional_t<std::is_void_v<T>, char, T>>>;

  MapResult() = default;
  explicit MapResult(detail::JobHandle handle) noexcept : ResultBase(std::move(handle)) {}

  /// Waits until every item has settled. If items failed, throws the error of the first of them. A `map` of a
  /// task that returns nothing gives nothing.
  Value get(std::optional<Duration> timeout = std::nullopt) const {
    handle_.await(timeout);
    if (const auto error = handle_.error()) std::rethrow_exception(error);
    if constexpr (!std::is_void_v<T>) {
      std::vector<T> values;
      const std::size_t items = handle_.items();
      values.reserve(items);
      for (std::size_t i = 0; i < items; ++i) values.push_back(detail::decode<T>(handle_.value(i)));
      return values;
    }
  }

  /// As of ApplyResult.
  [[nodiscard]] std::future<Value> to_future() const { return detail::make_future<Value>(*this, handle_); }
  [[nodiscard]] auto operator co_await() const { return detail::ResultAwaiter<MapResult>(*this, handle_); }
};

}  // namespace procpool
