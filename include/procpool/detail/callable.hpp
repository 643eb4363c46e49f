// SPDX-License-Identifier: MIT
/// \file
/// What a callable takes, how its arguments are kept between two processes, and the readable errors for what
/// cannot be a task.
#pragma once

#include <procpool/codec.hpp>
#include <procpool/export.hpp>

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace procpool::detail {

template <class... T>
struct TypeList {};

/// `Parameters` and `Result` of a function type, whatever its qualifiers; empty for anything else.
template <class T>
struct Signature {};

template <class R, class... P>
struct Signature<R(P...)> {
  using Parameters = TypeList<P...>;
  using Result = R;
};
template <class R, class... P>
struct Signature<R(P...) noexcept> : Signature<R(P...)> {};
template <class R, class... P>
struct Signature<R(P...) const> : Signature<R(P...)> {};
template <class R, class... P>
struct Signature<R(P...) const noexcept> : Signature<R(P...)> {};
template <class R, class... P>
struct Signature<R(P...)&> : Signature<R(P...)> {};
template <class R, class... P>
struct Signature<R(P...)& noexcept> : Signature<R(P...)> {};
template <class R, class... P>
struct Signature<R(P...) const&> : Signature<R(P...)> {};
template <class R, class... P>
struct Signature<R(P...) const& noexcept> : Signature<R(P...)> {};
template <class R, class... P>
struct Signature<R (*)(P...)> : Signature<R(P...)> {};
template <class R, class... P>
struct Signature<R (*)(P...) noexcept> : Signature<R(P...)> {};
template <class F, class C>
struct Signature<F C::*> : Signature<F> {};

template <class F>
struct CallOperator {};
template <class F>
requires requires {
  &F::operator();
}
struct CallOperator<F> : Signature<decltype(&F::operator())> {};

template <class F>
concept FunctionPointer = std::is_pointer_v<F> && std::is_function_v<std::remove_pointer_t<F>>;

template <class A, class B>
inline constexpr bool same_length = false;
template <class... A, class... B>
inline constexpr bool same_length<TypeList<A...>, TypeList<B...>> = sizeof...(A) == sizeof...(B);

/// The parameters as they are declared, where there is one declaration: arguments are then encoded as what
/// the function takes. `Given`, the decayed arguments, for templates, overloads and where default arguments
/// fill up; and for C functions like abort(), whose type has an attribute in Clang that no pattern matches.
template <class F, class Given>
struct ParametersOf {
  using Type = Given;
};
template <class F, class Given>
requires FunctionPointer<F> && requires {
  typename Signature<F>::Parameters;
}
struct ParametersOf<F, Given> {
  using Type = typename Signature<F>::Parameters;
};
template <class F, class Given>
requires same_length<typename CallOperator<F>::Parameters, Given>
struct ParametersOf<F, Given> {
  using Type = typename CallOperator<F>::Parameters;
};

/// What holds a value of type T in the other process: T itself, or the owner of what T only looks at.
template <class T>
struct StorageOf {
  using Type = T;
};
template <class C>
requires std::is_same_v<C, char> || std::is_same_v<C, wchar_t> || std::is_same_v<C, char8_t> ||
    std::is_same_v<C, char16_t> || std::is_same_v<C, char32_t>
struct StorageOf<const C*> {
  using Type = std::basic_string<C>;
};
template <class C, class Traits>
struct StorageOf<std::basic_string_view<C, Traits>> {
  using Type = std::basic_string<C, Traits>;
};
template <class T>
struct StorageOf<std::span<const T>> {
  using Type = std::vector<T>;
};
template <>
struct StorageOf<std::span<const bool>> {
  using Type = std::span<const bool>;  // a std::vector<bool> has no bools to look at
};

/// A pair or tuple with const elements, as those of a std::map are, can be made from what was decoded, but
/// not be decoded into.
template <class T>
inline constexpr bool has_const_elements = false;
template <class A, class B>
inline constexpr bool has_const_elements<std::pair<A, B>> = std::is_const_v<A> || std::is_const_v<B>;
template <class... T>
inline constexpr bool has_const_elements<std::tuple<T...>> = (std::is_const_v<T> || ...);
template <class A, class B>
requires has_const_elements<std::pair<A, B>>
struct StorageOf<std::pair<A, B>> {
  using Type = std::pair<std::remove_const_t<A>, std::remove_const_t<B>>;
};
template <class... T>
requires has_const_elements<std::tuple<T...>>
struct StorageOf<std::tuple<T...>> {
  using Type = std::tuple<std::remove_const_t<T>...>;
};

template <class P>
using Storage = typename StorageOf<std::decay_t<P>>::Type;

[[noreturn]] PROCPOOL_EXPORT void fail_null_text();

/// What is kept of a value of type P. Throws SerializationError for a null pointer to text.
template <class P>
[[nodiscard]] Storage<P> to_storage(const std::decay_t<P>& value) {
  if constexpr (std::is_pointer_v<std::decay_t<P>>) {
    if (value == nullptr) fail_null_text();
    return Storage<P>(value);
  } else if constexpr (has_const_elements<std::decay_t<P>>) {
    return Storage<P>(value);
  } else {
    return Storage<P>(value.begin(), value.end());
  }
}

/// The stored value as the parameter P is given it: moved out, or looked at.
template <class P>
decltype(auto) hand_over(Storage<P>& stored) noexcept {
  using Value = std::decay_t<P>;
  if constexpr (std::is_same_v<Value, Storage<P>>) {
    return std::move(stored);
  } else if constexpr (std::is_pointer_v<Value>) {
    return static_cast<Value>(stored.c_str());
  } else if constexpr (has_const_elements<Value>) {
    return Value(std::move(stored));
  } else {
    return Value(stored);
  }
}

/// What is to be encoded for an argument of a parameter P: the argument itself where it is that already, so
/// that what can only be moved stays where it is, else what it converts to.
template <class P, class A>
[[nodiscard]] decltype(auto) as_stored(A&& argument) {
  using Value = std::decay_t<P>;
  if constexpr (std::is_same_v<std::remove_cvref_t<A>, Storage<P>>) {
    return static_cast<const Storage<P>&>(argument);
  } else if constexpr (!std::is_same_v<Value, Storage<P>>) {
    return to_storage<P>(argument);
  } else if constexpr (std::is_arithmetic_v<Value>) {
    return static_cast<Value>(std::forward<A>(argument));
  } else {
    Value converted = std::forward<A>(argument);
    return converted;
  }
}

/// Appends arguments for the parameters P, which they must be convertible to.
template <class... P, class... A>
void encode_for(ByteBuffer& out, TypeList<P...> /*parameters*/, A&&... arguments) {
  encode(out, as_stored<P>(std::forward<A>(arguments))...);
}

template <class T>
inline constexpr bool is_std_function = false;
template <class S>
inline constexpr bool is_std_function<std::function<S>> = true;

/// A callable's type without references: functions become pointers.
template <class F>
using Callable = std::decay_t<F>;

/// Empty objects are made anew in the worker. A lambda that says [&] or [=] and captures nothing is empty
/// too, but has no default constructor: any object of such a type will do.
template <class F>
concept Stateless = std::is_empty_v<F> &&
    (std::is_default_constructible_v<F> || std::is_trivially_copyable_v<F>);

/// Whether an F can be made again in another process. Named tasks can, and say so themselves.
template <class F>
struct TaskKind {
  static constexpr bool is_function = FunctionPointer<F>;
  static constexpr bool is_object = std::is_class_v<F> && !is_std_function<F>;
  /// For objects: as bytes, and from bytes.
  static constexpr bool carries_state = Stateless<F> || is_encodable<F>;
  static constexpr bool can_be_made = Stateless<F> || std::is_default_constructible_v<F>;
  static constexpr bool valid = is_function || (is_object && carries_state && can_be_made);
};

template <class Parameters>
inline constexpr bool all_decodable = false;
template <class... P>
inline constexpr bool all_decodable<TypeList<P...>> = (is_decodable<Storage<P>> && ...);

template <class R>
inline constexpr bool is_task_result = is_decodable<R>;
template <>
inline constexpr bool is_task_result<void> = true;

/// What a call gives back, as it is kept; void if there is no such call.
template <class F, class... A>
struct ResultOf {
  using Type = void;
};
template <class F, class... A>
requires std::is_invocable_v<F&, A...>
struct ResultOf<F, A...> {
  using Type = Storage<std::invoke_result_t<F&, A...>>;
};

/// Everything about calling F with arguments of the types A. Gives no errors.
template <class F, class... A>
struct TaskTraits {
  using Function = Callable<F>;
  using Parameters = typename ParametersOf<Function, TypeList<std::decay_t<A>...>>::Type;
  /// What arrives in the caller: decayed, and owning what the function's result only looks at.
  using Result = typename ResultOf<Function, std::decay_t<A>...>::Type;

  static constexpr bool is_invocable = std::is_invocable_v<Function&, std::decay_t<A>...>;
  /// Can be called in another process; whether its result can come back is another matter.
  static constexpr bool callable = TaskKind<Function>::valid && is_invocable && all_decodable<Parameters>;
  static constexpr bool valid = callable && is_task_result<Result>;
};

template <bool Look, class Parameters>
struct ParameterErrors {};
template <class... P>
struct ParameterErrors<true, TypeList<P...>> {
  static_assert(((sizeof(DecodableErrors<Storage<P>>) != 0) && ...));
};

/// The first error that there is in calling F with A: an error in itself, like those of encodable.hpp.
template <class F, class... A>
struct CallErrors {
  using Traits = TaskTraits<F, A...>;
  using Function = typename Traits::Function;
  using Kind = TaskKind<Function>;

  static_assert(!std::is_member_pointer_v<Function>,
                "procpool: a member function cannot be a task: call it in a lambda without captures");
  static_assert(std::is_member_pointer_v<Function> || Kind::is_function || std::is_class_v<Function>,
                "procpool: this is not a function or function object");
  static_assert(!is_std_function<Function>,
                "procpool: a std::function cannot run in another process: pass the function itself");
  static_assert(!Kind::is_object || Kind::carries_state,
                "procpool: a lambda with captures cannot run in another process: pass what it needs as "
                "arguments, or use a function object with a cereal serialize() function");
  static_assert(!Kind::is_object || !Kind::carries_state || Kind::can_be_made,
                "procpool: a function object with state must be default constructible");
  static_assert(!Kind::valid || Traits::is_invocable,
                "procpool: the callable cannot be called with these arguments");
  static_assert(sizeof(ParameterErrors < Kind::valid && Traits::is_invocable,
                       typename Traits::Parameters >) != 0);
};

template <class F, class... A>
struct TaskErrors {
  using Traits = TaskTraits<F, A...>;
  static_assert(sizeof(CallErrors<F, A...>) != 0);
  static_assert(sizeof(ParameterErrors < Traits::callable && !std::is_void_v<typename Traits::Result>,
                       TypeList < typename Traits::Result >>) != 0);
};

/// TaskTraits with the errors.
template <class F, class... A>
struct CheckedTask {
  static_assert(sizeof(TaskErrors<F, A...>) != 0);
  using Result = std::conditional_t<TaskTraits<F, A...>::valid, typename TaskTraits<F, A...>::Result, void>;
};

}  // namespace procpool::detail
