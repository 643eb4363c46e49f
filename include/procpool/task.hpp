// SPDX-License-Identifier: MIT
/// \file
/// What can be run in a worker:
///  1. a function or function pointer;
///  2. a lambda without captures, or any empty function object;
///  3. a function object whose state has a cereal serialize() or save()/load();
///  4. a task that was named with PROCPOOL_TASK, by named<signature>(name): for a worker program that is not
///  the host's own.
///
/// Arguments are encoded as the parameters of the function, so they are converted in the caller. Text may be
/// passed as const char* or std::string_view, and an array as std::span<const T>. A shared library whose
/// functions are used as tasks stays loaded.
#pragma once

#include <procpool/byte_buffer.hpp>
#include <procpool/codec.hpp>
#include <procpool/detail/callable.hpp>
#include <procpool/detail/direct_codec.hpp>
#include <procpool/detail/invoker.hpp>
#include <procpool/detail/lent_argument.hpp>
#include <procpool/detail/named_task.hpp>
#include <procpool/detail/task_ref.hpp>
#include <procpool/types.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace procpool {

namespace detail {

/// What a worker is sent to call something, without the arguments.
struct TaskCall {
  TaskRef ref;
  ByteBuffer prefix;
};

template <ResultUse Use, class F, class Parameters>
[[nodiscard]] TaskCall make_call(const F& callable) {
  TaskCall call;
  if constexpr (is_named_task<F>) {
    call.ref = named_task_ref;
    encode(call.prefix, callable.name(), F::signature());
  } else {
    call.ref = invoker_ref<Use, F, Parameters>();
    encode_prefix<F>(call.prefix, callable);
  }
  return call;
}

/// To call `f` with arguments of the types A. Compiles with one readable error if that is not possible.
/// Throws what encoding the state of `f` throws, and TaskNotFoundError or std::invalid_argument for a pointer
/// to no function.
template <class F, class... A>
[[nodiscard]] TaskCall make_task_call(const F& f) {
  using Traits = TaskTraits<F, A...>;
  static_assert(sizeof(TaskErrors<F, A...>) != 0);
  if constexpr (Traits::valid) {
    return make_call<ResultUse::encode, typename Traits::Function, typename Traits::Parameters>(f);
  } else {
    return {};
  }
}

/// Appends the arguments for one call of an F. Throws SerializationError.
template <class F, class... A>
void encode_arguments(ByteBuffer& out, A&&... arguments) {
  using Traits = TaskTraits<F, A...>;
  static_assert(sizeof(CallErrors<F, A...>) != 0);
  if constexpr (Traits::callable) {
    encode_for(out, typename Traits::Parameters{}, std::forward<A>(arguments)...);
  }
}

template <class Parameters>
inline constexpr std::size_t stored_size = 0;
template <class... P>
inline constexpr std::size_t stored_size<TypeList<P...>> = fixed_size<std::tuple<Storage<P>...>>;

/// What the encoded arguments of one call of an F take, if that is always the same, and not nothing; 0 if it
/// is not, or if there can be no such call.
template <class F, class... A>
inline constexpr std::size_t arguments_size =
    TaskTraits<F, A...>::callable ? stored_size<typename TaskTraits<F, A...>::Parameters> : 0;

template <class... P, class... A>
std::byte* store_for(std::byte* to, TypeList<P...> /*parameters*/, A&&... arguments) {
  ((to = detail::store(to, as_stored<P>(std::forward<A>(arguments)))), ...);
  return to;
}

/// Writes the arguments for one call of an F, for which there is room, and returns their end. Needs
/// arguments_size. Throws what converting them throws.
template <class F, class... A>
std::byte* store_arguments(std::byte* to, A&&... arguments) {
  return store_for(to, typename TaskTraits<F, A...>::Parameters{}, std::forward<A>(arguments)...);
}

/// What comes back of f(A...): decayed, and owning. Gives one readable error, and is void, if there can be no
/// such call.
template <class F, class... A>
using TaskResult = typename CheckedTask<F, A...>::Result;

/// Gives no error: for `if constexpr` around what would only add to one, and for declarations.
template <class F, class... A>
inline constexpr bool is_valid_task = TaskTraits<F, A...>::valid;

/// The same, but for what is lent: see encode_lending().
template <class F, class MayLend, class... A>
[[nodiscard]] LentArgument encode_arguments_lending(ByteBuffer& out, MayLend&& may_lend, A&&... arguments) {
  using Traits = TaskTraits<F, A...>;
  static_assert(sizeof(CallErrors<F, A...>) != 0);
  if constexpr (Traits::callable) {
    return encode_lending(out, may_lend, typename Traits::Parameters{}, std::forward<A>(arguments)...);
  } else {
    return {};
  }
}

struct EncodedTask {
  TaskRef ref;
  ByteBuffer prefix;
  ByteBuffer arguments;
};

/// What an Initializer or ExitTask may be made of; whether it can be a task is said by a readable error.
template <class F, class Self>
concept TaskLike = !std::is_same_v<Callable<F>, Self> && !std::is_same_v<Callable<F>, std::nullptr_t> &&
                   (std::is_class_v<Callable<F>> || std::is_pointer_v<Callable<F>>);

}  // namespace detail

/// A call with its arguments, encoded when it was made. Its result is thrown away. Copies share what is
/// encoded. A value type; const access from any thread.
class BoundTask {
 public:
  [[nodiscard]] detail::TaskRef ref() const noexcept { return encoded_->ref; }
  [[nodiscard]] std::span<const std::byte> prefix() const noexcept { return encoded_->prefix.view(); }
  [[nodiscard]] std::span<const std::byte> arguments() const noexcept { return encoded_->arguments.view(); }

 private:
  explicit BoundTask(std::shared_ptr<const detail::EncodedTask> encoded) noexcept
      : encoded_(std::move(encoded)) {}
  template <class F, class... A>
  friend BoundTask task(F&& f, A&&... arguments);
  friend class ExitTask;

  std::shared_ptr<const detail::EncodedTask> encoded_;
};

/// `f` and the arguments to call it with, for PoolOptions::initializer: `procpool::task(init_worker, 1,
/// "x")`. Throws SerializationError if an argument cannot be encoded.
template <class F, class... A>
[[nodiscard]] BoundTask task(F&& f, A&&... arguments) {
  using Function = detail::Callable<F>;
  using Traits = detail::TaskTraits<Function, A...>;
  static_assert(sizeof(detail::CallErrors<Function, A...>) != 0);
  auto encoded = std::make_shared<detail::EncodedTask>();
  if constexpr (Traits::callable) {
    auto call = detail::make_call<detail::ResultUse::discard, Function, typename Traits::Parameters>(f);
    encoded->ref = call.ref;
    encoded->prefix = std::move(call.prefix);
    detail::encode_arguments<Function>(encoded->arguments, std::forward<A>(arguments)...);
  }
  return BoundTask(std::move(encoded));
}

/// What runs first in each worker: nothing, anything that can be called without arguments, or a BoundTask.
class Initializer {
 public:
  Initializer() noexcept = default;
  Initializer(std::nullptr_t) noexcept {}
  Initializer(BoundTask bound) noexcept : task_(std::move(bound)) {}
  template <detail::TaskLike<Initializer> F>
  Initializer(F&& f) : task_(task(std::forward<F>(f))) {}

  [[nodiscard]] explicit operator bool() const noexcept { return task_.has_value(); }
  /// Only if there is one.
  [[nodiscard]] const BoundTask& operator*() const noexcept { return *task_; }
  [[nodiscard]] const BoundTask* operator->() const noexcept { return &*task_; }

 private:
  std::optional<BoundTask> task_;
};

/// What runs last in each worker: nothing, or anything that can be called with the worker's pid and exit
/// code.
class ExitTask {
 public:
  ExitTask() noexcept = default;
  ExitTask(std::nullptr_t) noexcept {}
  template <detail::TaskLike<ExitTask> F>
  ExitTask(F&& f) {
    using Function = detail::Callable<F>;
    static_assert(sizeof(detail::CallErrors<Function, Pid, int>) != 0);
    if constexpr (detail::TaskTraits<Function, Pid, int>::callable) {
      auto call = detail::make_call<detail::ResultUse::discard, Function, Parameters>(f);
      task_ = BoundTask(
          std::make_shared<detail::EncodedTask>(detail::EncodedTask{call.ref, std::move(call.prefix), {}}));
    }
  }

  [[nodiscard]] explicit operator bool() const noexcept { return task_.has_value(); }
  /// Only if there is one.
  [[nodiscard]] detail::TaskRef ref() const noexcept { return task_->ref(); }
  [[nodiscard]] std::span<const std::byte> prefix() const noexcept { return task_->prefix(); }
  /// The arguments for the task, whatever its parameters are called.
  static void encode_arguments(detail::ByteBuffer& out, Pid pid, int exit_code) {
    detail::encode(out, pid, exit_code);
  }

 private:
  using Parameters = detail::TypeList<Pid, int>;
  std::optional<BoundTask> task_;
};

/// The task that the worker's program has registered as `name`, callable as S:
/// `named<int(std::string)>("thumbnail")`.
template <class S>
[[nodiscard]] NamedTask<S> named(std::string name) {
  return NamedTask<S>(std::move(name));
}

}  // namespace procpool

#define PROCPOOL_DETAIL_TASK_JOIN_(a, b) a##b
#define PROCPOOL_DETAIL_TASK_JOIN(a, b) PROCPOOL_DETAIL_TASK_JOIN_(a, b)

/// Registers a function, or an object with one operator(), under a name: `PROCPOOL_TASK("thumbnail",
/// make_thumbnail);`. At namespace scope, in a source file of the program or shared library that workers run.
#define PROCPOOL_TASK(name, ...)                                                              \
  [[maybe_unused]] static const ::procpool::detail::NamedTaskEntry PROCPOOL_DETAIL_TASK_JOIN( \
      procpool_task_at_line_, __LINE__)(name, ::procpool::detail::Constant<__VA_ARGS__>{})
