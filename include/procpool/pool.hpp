// SPDX-License-Identifier: MIT
/// \file
/// Pool: runs functions in worker processes, so that a crash, a leak or a hang costs one task and not the
/// program.
#pragma once

#include <procpool/detail/pool_calls.hpp>
#include <procpool/detail/pool_handle.hpp>
#include <procpool/options.hpp>
#include <procpool/result.hpp>
#include <procpool/result_iterator.hpp>
#include <procpool/task.hpp>
#include <procpool/types.hpp>

#include <concepts>
#include <csignal>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace procpool {
/// A pool of worker processes. `f` in every call is a function, a lambda without captures, a function object
/// that serializes, or procpool::named<...>("..."); see task.hpp. Arguments are encoded before a call
/// returns: what cannot be encoded throws SerializationError there. After close() or terminate() submissions
/// throw PoolClosedError.
///
/// All members may be called from any number of threads and from callbacks, but not while the pool is being
/// moved or destroyed. The destructor is terminate() and join(): prompt whatever the workers do, and every
/// handle that is still out settles. It waits for the callbacks, so what they use has to outlive the pool:
/// declare it before.
class Pool {
  template <class F, class R>
  using ItemResult = typename detail::ItemCalls<F, R>::Result;
  template <class F, class R>
  using StarResult = typename detail::StarCalls<F, R>::Result;

 public:
  /// Starts the workers. Throws std::invalid_argument naming the option that makes no sense, SpawnError if a
  /// worker cannot be started, NotInitializedError if workers have to run this program anew and
  /// procpool::init was not called.
  explicit Pool(PoolOptions options = {}) : handle_(std::move(options)) {}
  explicit Pool(std::size_t processes) : Pool(PoolOptions{.processes = processes}) {}
  Pool(Pool&&) noexcept = default;
  Pool& operator=(Pool&& other) noexcept {
    if (this != &other) {
      handle_.end();
      handle_ = std::move(other.handle_);
    }
    return *this;
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() { handle_.end(); }

  // --- one call

  /// Runs f(args...) in a worker and returns its result, or throws what it threw. A long string or vector
  /// among the arguments must not change until then: it is read from where it lies, by other threads too.
  /// (Not in pools without PoolOptions::threads or with synack, which make callbacks meanwhile: there it is
  /// copied.)
  template <class F, class... Args>
  detail::TaskResult<F, Args...> apply(F&& f, Args&&... args) {
    using Result = detail::TaskResult<F, Args...>;
    detail::TaskCall call = start_call<F, Args...>(f);
    const std::size_t prefix_length = call.prefix.size();
    const auto may_lend = [this] { return handle_.may_lend(); };
    detail::Loan loan{
        detail::encode_arguments_lending<F>(call.prefix, may_lend, std::forward<Args>(args)...)};
    if constexpr (detail::has_place<Result>) {
      detail::PlaceIn<Result> place;
      loan.place = &place;
      const auto handle = handle_.call_and_wait(call.ref, prefix_length, std::move(call.prefix), loan);
      const auto bytes = handle.value(0);
      return place.full() ? std::move(place.value()) : detail::decode<Result>(bytes);
    } else {
      return ApplyResult<Result>(handle_.call_and_wait(call.ref, prefix_length, std::move(call.prefix), loan))
          .get();
    }
  }

  /// Returns an ApplyResult of what f returns.
  template <class F, class... Args>
  requires(!detail::unpacks_tuple<F, Args...>) auto apply_async(F&& f, Args&&... args) {
    return submit<F, Args...>(nullptr, f, std::forward<Args>(args)...);
  }
  /// The arguments as a tuple, and options.
  template <class F, class... Args>
  auto apply_async(F&& f, const std::tuple<Args...>& args,
                   CallOptions<typename detail::ResultIfCallable<F, Args...>::Type> options) {
    using Result = ApplyResult<detail::TaskResult<F, Args...>>;
    return std::apply(
        [&](const Args&... arg) {
          return submit<F, const Args&...>(detail::erase_types<Result>(options), f, arg...);
        },
        args);
  }
  template <class F, class... Args>
  requires(detail::unpacks_tuple<F, const std::tuple<Args...>&>) auto apply_async(
      F&& f, const std::tuple<Args...>& args) {
    return apply_async(std::forward<F>(f), args, {});
  }

  // --- many calls

  /// f(item) for each item; blocks until all have settled, and returns the results in the order of the input.
  /// If items fail, throws the error of the first of them.
  template <class F, std::ranges::input_range R>
  auto map(F&& f, R&& range, std::optional<std::size_t> chunksize = std::nullopt) {
    return map_and_wait<detail::ItemCalls<F, R>, detail::Callable<F>>(f, std::forward<R>(range), chunksize);
  }
  template <class F, std::ranges::input_range R>
  auto map_async(F&& f, R&& range, MapOptions<ItemResult<F, R>> options) -> MapResult<ItemResult<F, R>> {
    return submit_map<detail::ItemCalls<F, R>>(f, std::forward<R>(range), options);
  }
  // No default arguments: GCC 12 destroys theirs twice within a co_await expression.
  template <class F, std::ranges::input_range R>
  auto map_async(F&& f, R&& range) {
    return map_async(std::forward<F>(f), std::forward<R>(range), {});
  }
  /// f(a, b, ...) for each tuple (a, b, ...).
  template <class F, std::ranges::input_range R>
  auto starmap(F&& f, R&& range, std::optional<std::size_t> chunksize = std::nullopt) {
    return map_and_wait<detail::StarCalls<F, R>, detail::Callable<F>>(f, std::forward<R>(range), chunksize);
  }
  template <class F, std::ranges::input_range R>
  auto starmap_async(F&& f, R&& range, MapOptions<StarResult<F, R>> options) -> MapResult<StarResult<F, R>> {
    return submit_map<detail::StarCalls<F, R>>(f, std::forward<R>(range), options);
  }
  template <class F, std::ranges::input_range R>
  auto starmap_async(F&& f, R&& range) {
    return starmap_async(std::forward<F>(f), std::forward<R>(range), {});
  }

  /// f(item) for each item, lazily: the input is read as results are taken, a bounded number of items ahead,
  /// and may be endless. An lvalue range is kept by reference, any other by value.
  template <class F, std::ranges::input_range R>
  auto imap(F&& f, R&& range, std::size_t chunksize = 1) -> ResultIterator<ItemResult<F, R>> {
    return submit_imap(std::forward<F>(f), std::forward<R>(range), chunksize, true);
  }
  /// The same, with the results in the order in which they arrive.
  template <class F, std::ranges::input_range R>
  auto imap_unordered(F&& f, R&& range, std::size_t chunksize = 1) -> ResultIterator<ItemResult<F, R>> {
    return submit_imap(std::forward<F>(f), std::forward<R>(range), chunksize, false);
  }

  // --- the pool

  /// No more submissions; what has been submitted is still done, and then the workers end.
  void close() { handle_.close(); }
  /// No more submissions; the workers are killed at once, and every open job fails with Terminated. Returns
  /// without waiting.
  void terminate() { handle_.terminate(); }
  /// Waits until the workers have ended and all callbacks have been made. Throws std::logic_error before
  /// close() or terminate(). In a callback it waits for everything but the callbacks.
  void join() { handle_.join(std::nullopt); }
  /// False if `timeout` passed first.
  bool join(Duration timeout) { return handle_.join(timeout); }

  /// The pool keeps so many more workers.
  void grow(std::size_t count = 1) { handle_.grow(count); }
  /// So many fewer, those with the least to do; a busy one ends after its task. Throws std::invalid_argument
  /// if none would be left.
  void shrink(std::size_t count = 1) { handle_.shrink(count); }
  /// Replaces all workers: idle ones at once, busy ones after their task. What has not begun yet, or is
  /// submitted from now on, runs on new ones; no job is lost. Throws std::logic_error without
  /// PoolOptions::allow_restart.
  void restart() { handle_.restart(); }
  /// Kills the worker, and whatever job it runs fails with Terminated. Throws std::invalid_argument if the
  /// pid is not that of a worker of this pool.
  void terminate_job(Pid pid, int signum = SIGTERM) { handle_.terminate_job(pid, signum); }
  /// Looks after the workers now: replaces the dead. With PoolOptions::threads that happens all the time by
  /// itself.
  void maintain_pool() { handle_.maintain(); }
  /// Without PoolOptions::threads: serves whatever is due, makes the callbacks, and returns without waiting.
  /// Throws std::logic_error if the pool has threads.
  void handle_result_event() { handle_.handle_result_event(); }
  /// Without PoolOptions::threads: becomes readable when handle_result_event() should be called; time limits
  /// and all else included. A descriptor on POSIX; the HANDLE of an event on Windows. It belongs to the pool.
  /// Throws std::logic_error if the pool has threads.
  [[nodiscard]] NativeHandle event_handle() const { return handle_.event_handle(); }
  /// All workers of the pool are there, and the last of them to start did get as far as its first task.
  [[nodiscard]] bool did_start_ok() const { return handle_.did_start_ok(); }
  /// For each worker a native handle that becomes ready when it ends; a descriptor on POSIX, a HANDLE on
  /// Windows. They belong to the pool and are valid until their worker has been replaced.
  [[nodiscard]] std::vector<NativeHandle> process_sentinels() const { return handle_.process_sentinels(); }
  /// Who enforces PoolOptions::memory_limit.
  [[nodiscard]] MemoryLimitBy memory_limit_by() const { return handle_.memory_limit_by(); }
  [[nodiscard]] PoolStats stats() const { return handle_.stats(); }
  /// As the free function.
  [[nodiscard]] static std::size_t cpu_count();

  /// The workers that the pool keeps.
  [[nodiscard]] std::size_t size() const { return handle_.size(); }
  [[nodiscard]] std::vector<Pid> worker_pids() const { return handle_.worker_pids(); }
  /// Gets what a callback has thrown, on the callback thread. Without it that is dropped.
  void on_callback_error(std::function<void(std::exception_ptr)> handler) {
    handle_.on_callback_error(std::move(handler));
  }

 private:
  template <class F, class... Args>
  detail::TaskCall start_call(const detail::Callable<F>& f) {
    detail::TaskCall call = detail::make_task_call<detail::Callable<F>, Args...>(f);
    call.prefix.set_limit(handle_.max_message());
    return call;
  }

  template <class F, class... Args>
  auto submit(std::unique_ptr<detail::JobOptions> options, const detail::Callable<F>& f, Args&&... args)
      -> ApplyResult<detail::TaskResult<F, Args...>> {
    detail::TaskCall call = start_call<F, Args...>(f);
    const std::size_t prefix_length = call.prefix.size();
    detail::encode_arguments<F>(call.prefix, std::forward<Args>(args)...);
    return ApplyResult<detail::TaskResult<F, Args...>>(
        handle_.call(call.ref, prefix_length, std::move(call.prefix), std::move(options)));
  }

  template <class Calls, class F, class R>
  auto submit_map(const F& f, R&& range, MapOptions<typename Calls::Result>& options)
      -> MapResult<typename Calls::Result> {
    using Result = MapResult<typename Calls::Result>;
    handle_.check_open();
    detail::TaskCall call = Calls::call(f);
    detail::MapItems items = detail::encode_items<Calls>(
        std::forward<R>(range), detail::checked_chunksize(options.chunksize), handle_.max_message());
    return Result(handle_.map(call.ref, std::move(call.prefix), std::move(items),
                              detail::erase_types<Result>(options)));
  }

  /// Results that are numbers go straight into the vector that is returned.
  template <class Calls, class F, class R>
  auto map_and_wait(const F& f, R&& range, std::optional<std::size_t> chunksize) {
    using T = typename Calls::Result;
    if constexpr (archives::is_blittable<T>) {
      handle_.check_open();
      detail::TaskCall call = Calls::call(f);
      std::vector<T> values;
      detail::MapItems items = detail::encode_items_with_place<Calls>(
          values, std::forward<R>(range), detail::checked_chunksize(chunksize), handle_.max_message());
      detail::ValuesPlace place{std::as_writable_bytes(std::span(values)).data(), sizeof(T)};
      const MapResult<T> result(
          handle_.map_and_wait(call.ref, std::move(call.prefix), std::move(items), place));
      return place.full ? std::move(values) : result.get();
    } else {
      MapOptions<T> options{.chunksize = chunksize};
      return submit_map<Calls>(f, std::forward<R>(range), options).get();
    }
  }

  template <class F, class R>
  auto submit_imap(F&& f, R&& range, std::size_t chunksize, bool ordered)
      -> ResultIterator<ItemResult<F, R>> {
    using Calls = detail::ItemCalls<F, std::views::all_t<R>>;
    handle_.check_open();
    detail::TaskCall call = Calls::call(f);
    return ResultIterator<ItemResult<F, R>>(detail::ImapSession(
        handle_, {call.ref, std::move(call.prefix), detail::checked_chunksize(chunksize), ordered},
        detail::make_pull<Calls>(std::views::all(std::forward<R>(range)))));
  }

  detail::PoolHandle handle_;
};

/// How many processors this process may use, by its affinity and its control groups' quotas.
[[nodiscard]] PROCPOOL_EXPORT std::size_t cpu_count();

inline std::size_t Pool::cpu_count() {
  return procpool::cpu_count();
}

}  // namespace procpool
