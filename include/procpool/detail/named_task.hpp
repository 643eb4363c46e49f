// SPDX-License-Identifier: MIT
/// \file
/// Tasks known by name: the list of those that this program has, and the callable that names one.
#pragma once

#include <procpool/detail/callable.hpp>
#include <procpool/detail/invoker.hpp>
#include <procpool/detail/task_ref.hpp>
#include <procpool/export.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace procpool {

namespace detail {

/// The type of a task as both programs must see it: what is stored, not how it is passed.
template <class R, class Parameters>
struct TravelSignature;
template <class R, class... P>
struct TravelSignature<R, TypeList<P...>> {
  using Type = Storage<R>(Storage<P>...);
};
template <class... P>
struct TravelSignature<void, TypeList<P...>> {
  using Type = void(Storage<P>...);
};

/// A constant as a type.
template <auto Value>
struct Constant {
  static constexpr auto value = Value;
};

template <class F>
struct SignatureOf : CallOperator<F> {};
template <class F>
requires FunctionPointer<F>
struct SignatureOf<F> : Signature<F> {
};

template <class Task, class Parameters>
void invoke_named_task(std::span<const std::byte> /*prefix*/, const ArgumentBytes& arguments,
                       const ResultBytes& result) {
  auto callable = Task::value;
  call_with<ResultUse::encode>(callable, Parameters{}, arguments, result);
}

/// One registered task: a static object of PROCPOOL_TASK. Its image stays loaded.
class NamedTaskEntry {
 public:
  template <class Task>
  NamedTaskEntry(const char* name, Task /*task*/) : name_(name) {
    using F = std::remove_cv_t<decltype(Task::value)>;
    constexpr bool has_signature = requires {
      typename SignatureOf<F>::Parameters;
    };
    static_assert(has_signature,
                  "procpool: PROCPOOL_TASK needs a function, or an object with one operator()");
    if constexpr (has_signature) {
      using Parameters = typename SignatureOf<F>::Parameters;
      using R = typename SignatureOf<F>::Result;
      static_assert(sizeof(ParameterErrors<true, Parameters>) != 0);
      static_assert(sizeof(ParameterErrors<!std::is_void_v<R>, TypeList<R>>) != 0);
      if constexpr (all_decodable<Parameters> && is_task_result<Storage<R>>) {
        signature_ = &typeid(typename TravelSignature<R, Parameters>::Type);
        invoker_ = &invoke_named_task<Task, Parameters>;
        link();
      }
    }
  }
  NamedTaskEntry(const NamedTaskEntry&) = delete;
  NamedTaskEntry& operator=(const NamedTaskEntry&) = delete;

  [[nodiscard]] const char* name() const noexcept { return name_; }
  [[nodiscard]] const std::type_info& signature() const noexcept { return *signature_; }
  [[nodiscard]] TaskInvoker invoker() const noexcept { return invoker_; }
  [[nodiscard]] const NamedTaskEntry* next() const noexcept { return next_; }

 private:
  PROCPOOL_EXPORT void link() noexcept;

  const char* name_;
  const std::type_info* signature_ = nullptr;
  TaskInvoker invoker_ = nullptr;
  const NamedTaskEntry* next_ = nullptr;
};

/// The task of this program with this name and type_info::name() of its signature. Throws TaskNotFoundError
/// that names the task, and both signatures where they differ. Any thread.
[[nodiscard]] PROCPOOL_EXPORT TaskInvoker find_named_task(const std::string& name,
                                                          const std::string& signature);

}  // namespace detail

/// A task by its name, callable as `S`. Made by named().
template <class S>
class NamedTask;

template <class R, class... A>
class NamedTask<R(A...)> {
 public:
  explicit NamedTask(std::string name) : name_(std::move(name)) {}

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] static std::string signature() {
    return typeid(typename detail::TravelSignature<R, detail::TypeList<A...>>::Type).name();
  }

  /// Runs the task in this process, if this program has it; throws TaskNotFoundError if not. Pool::apply and
  /// the others run it in a worker.
  detail::Storage<R> operator()(A... arguments) const {
    const detail::TaskInvoker invoker = detail::find_named_task(name_, signature());
    detail::ByteBuffer encoded;
    detail::encode_for(encoded, detail::TypeList<A...>{}, std::forward<A>(arguments)...);
    detail::ByteBuffer result;
    invoker({}, encoded.view(), result);
    if constexpr (!std::is_void_v<R>) return detail::decode<detail::Storage<R>>(result.view());
  }

 private:
  std::string name_;
};

namespace detail {

template <class F>
inline constexpr bool is_named_task = false;
template <class S>
inline constexpr bool is_named_task<NamedTask<S>> = true;

template <class S>
struct TaskKind<NamedTask<S>> {
  static constexpr bool is_function = false;
  static constexpr bool is_object = true;
  static constexpr bool carries_state = true;
  static constexpr bool can_be_made = true;
  static constexpr bool valid = true;
};

}  // namespace detail

}  // namespace procpool
