// SPDX-License-Identifier: MIT
/// \file
/// The parts of Pool's templates that need no pool.
#pragma once

#include <procpool/detail/imap_session.hpp>
#include <procpool/detail/job_handle.hpp>
#include <procpool/detail/job_options.hpp>
#include <procpool/detail/map_items.hpp>
#include <procpool/options.hpp>
#include <procpool/task.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
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

namespace procpool::detail {

template <class T>
inline constexpr bool is_tuple = false;
template <class... T>
inline constexpr bool is_tuple<std::tuple<T...>> = true;

template <class T>
inline constexpr bool is_call_options = false;
template <class T>
inline constexpr bool is_call_options<CallOptions<T>> = true;

/// apply_async(f, std::tuple{...}) unpacks the tuple, unless f takes one; with options it always does.
template <class F, class... Args>
inline constexpr bool unpacks_tuple = false;
template <class F, class Arg>
inline constexpr bool unpacks_tuple<F, Arg> =
    is_tuple<std::remove_cvref_t<Arg>> && !std::is_invocable_v<F, Arg>;
template <class F, class Arg, class Options>
inline constexpr bool unpacks_tuple<F, Arg, Options> =
    is_tuple<std::remove_cvref_t<Arg>>&& is_call_options<std::remove_cvref_t<Options>>;

/// TaskResult without its errors, for declarations that the compiler looks at before it knows which one is
/// meant.
template <class F, class... A>
struct ResultIfCallable {
  using Type = void;
};
template <class F, class... A>
requires std::is_invocable_v < Callable<F>
&, std::decay_t<A>... > struct ResultIfCallable<F, A...> {
  using Type = Storage<std::invoke_result_t<Callable<F>&, std::decay_t<A>...>>;
};

/// One call for each item of a range.
template <class F, class R>
struct ItemCalls {
  using Item = std::ranges::range_reference_t<R>;
  using Result = TaskResult<F, Item>;

  static TaskCall call(const Callable<F>& f) { return make_task_call<Callable<F>, Item>(f); }
  static void encode(ByteBuffer& out, Item&& item) { encode_arguments<F>(out, std::forward<Item>(item)); }

  static constexpr std::size_t item_size = arguments_size<F, Item>;
  static std::byte* store(std::byte* to, Item&& item) {
    return store_arguments<F>(to, std::forward<Item>(item));
  }
};

/// The same with items that are tuples of arguments.
template <class F, class R, class Tuple = std::remove_cvref_t<std::ranges::range_reference_t<R>>>
struct StarCalls;

template <class F, class R, class... A>
struct StarCalls<F, R, std::tuple<A...>> {
  using Item = std::ranges::range_reference_t<R>;
  using Result = TaskResult<F, A...>;

  static TaskCall call(const Callable<F>& f) { return make_task_call<Callable<F>, A...>(f); }
  static void encode(ByteBuffer& out, Item&& item) {
    std::apply([&out](auto&&... arg) { encode_arguments<F>(out, std::forward<decltype(arg)>(arg)...); },
               std::forward<Item>(item));
  }

  static constexpr std::size_t item_size = arguments_size<F, A...>;
  static std::byte* store(std::byte* to, Item&& item) {
    return std::apply(
        [to](auto&&... arg) { return store_arguments<F>(to, std::forward<decltype(arg)>(arg)...); },
        std::forward<Item>(item));
  }
};
template <class F, class R, class A, class B>
struct StarCalls<F, R, std::pair<A, B>> : StarCalls<F, R, std::tuple<A, B>> {};

/// How many items travel as one message; throws std::invalid_argument.
[[nodiscard]] inline std::uint32_t checked_chunksize(std::optional<std::size_t> chunksize) {
  constexpr std::size_t most = std::size_t{1} << 20;
  const std::size_t size = chunksize.value_or(1);
  if (size == 0 || size > most) {
    throw std::invalid_argument("procpool: chunksize has to be from 1 to 1048576");
  }
  return static_cast<std::uint32_t>(size);
}

template <class Calls, class R>
[[nodiscard]] MapItems encode_items(R&& range, std::uint32_t chunksize, std::size_t max_message) {
  MapItems items(chunksize, max_message);
  for (auto&& item : range) {
    items.add([&](ByteBuffer& out) {
      Calls::encode(out, std::forward<decltype(item)>(item));
      return true;
    });
  }
  return items;
}

/// The same for items whose results will be written to `values`, which then has an element for each. Until
/// then that is where their arguments are, if each takes as much, and a chunk is no longer than a message.
template <class Calls, class R>
[[nodiscard]] MapItems encode_items_with_place(std::vector<typename Calls::Result>& values, R&& range,
                                               std::uint32_t chunksize, std::size_t max_message) {
  constexpr std::size_t item_size = sizeof(typename Calls::Result);
  if constexpr (Calls::item_size == item_size) {
    if (chunksize <= max_message / item_size) {
      if constexpr (std::ranges::sized_range<R>) {
        const auto count = static_cast<std::uint64_t>(std::ranges::size(range));
        if (count <= values.max_size()) values.reserve(static_cast<std::size_t>(count));
      }
      constexpr std::size_t few = (std::size_t{16} << 10) / item_size;
      std::size_t stored = 0;
      for (auto&& item : range) {
        // A few at a time: resize() writes them, and the cache has them still when their turn comes.
        if (stored == values.size()) {
          const std::size_t room = values.capacity() - stored;
          values.resize(stored + (room == 0 ? few : (std::min)(room, few)));
        }
        Calls::store(reinterpret_cast<std::byte*>(values.data() + stored),
                     std::forward<decltype(item)>(item));
        ++stored;
      }
      values.resize(stored);
      return {chunksize, std::as_writable_bytes(std::span(values)), stored};
    }
  }
  MapItems items = encode_items<Calls>(std::forward<R>(range), chunksize, max_message);
  values.resize(items.items());
  return items;
}

/// Reads a range item by item. The position is moved on only when the next item is wanted.
template <class Calls, class View>
[[nodiscard]] ImapSession::Pull make_pull(View view) {
  struct Reader {
    View view;
    std::optional<std::ranges::iterator_t<View>> at{};
  };
  return [reader = std::make_shared<Reader>(Reader{std::move(view)})](ByteBuffer& out) {
    if (reader->at) {
      ++*reader->at;
    } else {
      reader->at.emplace(std::ranges::begin(reader->view));
    }
    if (*reader->at == std::ranges::end(reader->view)) return false;
    Calls::encode(out, **reader->at);
    return true;
  };
}

/// Decodes for a user's callback. If that fails, the error callback is told instead.
template <class Result, class Callback>
[[nodiscard]] std::function<void(const JobHandle&)> value_callback(
    Callback callback, std::function<void(std::exception_ptr)> on_error) {
  return [callback = std::move(callback), on_error = std::move(on_error)](const JobHandle& handle) {
    using Value = decltype(Result(handle).get());
    if constexpr (std::is_void_v<Value>) {
      callback();
    } else {
      std::optional<Value> value;
      try {
        value.emplace(Result(handle).get());
      } catch (...) {
        if (on_error) on_error(std::current_exception());
        return;
      }
      callback(*value);
    }
  };
}

/// The options without the type of the result; nullptr if none was used.
template <class Result, class Options>
[[nodiscard]] std::unique_ptr<JobOptions> erase_types(Options& options) {
  const bool used = options.callback || options.error_callback || options.accept_callback ||
                    options.timeout_callback || options.progress_callback || options.soft_timeout ||
                    options.timeout || options.lost_worker_timeout || !options.correlation_id.empty();
  bool wait_for_slot = true;
  if constexpr (requires { options.waitforslot; }) wait_for_slot = options.waitforslot;
  if (!used && wait_for_slot) return nullptr;
  auto erased = std::make_unique<JobOptions>();
  if (options.callback) {
    erased->on_success = value_callback<Result>(std::move(options.callback), options.error_callback);
  }
  erased->on_error = std::move(options.error_callback);
  erased->on_accept = std::move(options.accept_callback);
  erased->on_timeout = std::move(options.timeout_callback);
  erased->on_progress = std::move(options.progress_callback);
  erased->soft_timeout = options.soft_timeout;
  erased->timeout = options.timeout;
  erased->lost_worker_timeout = options.lost_worker_timeout;
  erased->wait_for_slot = wait_for_slot;
  erased->expects = [types = std::move(options.callbacks_propagate)](const std::exception_ptr& error) {
    return types.contains(error);
  };
  erased->correlation_id = std::move(options.correlation_id);
  return erased;
}

}  // namespace procpool::detail
