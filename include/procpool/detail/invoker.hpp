// SPDX-License-Identifier: MIT
/// \file
/// The code that runs a task in the worker: one function for each callable and parameters, named by its
/// TaskRef.
#pragma once

#include <procpool/byte_buffer.hpp>
#include <procpool/codec.hpp>
#include <procpool/detail/argument_bytes.hpp>
#include <procpool/detail/callable.hpp>
#include <procpool/detail/direct_codec.hpp>
#include <procpool/detail/result_bytes.hpp>
#include <procpool/detail/task_ref.hpp>

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>

namespace procpool::detail {

enum class ResultUse : unsigned char { encode, discard };

/// Makes the callable again from the prefix.
template <class F>
[[nodiscard]] F restore_callable(std::span<const std::byte> prefix) {
  if constexpr (FunctionPointer<F>) {
    return reinterpret_cast<F>(resolve_task({decode<std::uint64_t>(prefix)}));
  } else if constexpr (!Stateless<F>) {
    return decode<F>(prefix);
  } else if constexpr (std::is_default_constructible_v<F>) {
    return F();
  } else {
    struct Nothing {};
    return std::bit_cast<F>(Nothing{});
  }
}

template <class Stored>
[[nodiscard]] Stored read_stream(ArgumentStream& stream) {
  try {
    Stored stored{};
    detail::read_direct(stream, stored);
    if (stream.left() != 0) fail_left_over(stream.left());
    return stored;
  } catch (const cereal::Exception&) {
    throw_serialization_error(CodecStep::decode, typeid(Stored));
  }
}

/// Reads them straight from their stream, if they come in one and are of types that need no archive.
template <class Stored>
[[nodiscard]] Stored decode_arguments(const ArgumentBytes& arguments) {
  if constexpr (is_direct<Stored>) {
    if (arguments.stream() != nullptr) return read_stream<Stored>(*arguments.stream());
  }
  return decode<Stored>(arguments.whole());
}

/// To the stream, if it is long and `Streamable`.
template <bool Streamable, class R>
void encode_result(const ResultBytes& result, const R& value) {
  if constexpr (Streamable && is_direct<R>) {
    const std::size_t size = direct_size(value);
    if (ResultStream* const stream = result.stream_for(size)) {
      stream->begin(size);
      detail::write_direct(*stream, value);
      return;
    }
  }
  encode(result.buffer(), value);
}

/// Decodes the arguments for parameters P, calls, and encodes the result.
template <ResultUse Use, class F, class... P>
void call_with(F& callable, TypeList<P...>, const ArgumentBytes& arguments, const ResultBytes& result) {
  using Stored = std::tuple<Storage<P>...>;
  // A job has ended when its result is on the way: nothing of the user's may be left to run then.
  constexpr bool streamable = is_direct<Stored> && std::is_trivially_destructible_v<F>;
  auto stored = decode_arguments<Stored>(arguments);
  const auto call = [&]<std::size_t... Index>(std::index_sequence<Index...>)->decltype(auto) {
    return callable(hand_over<P>(std::get<Index>(stored))...);
  };
  constexpr auto indexes = std::index_sequence_for<P...>();
  using R = decltype(call(indexes));
  if constexpr (Use == ResultUse::discard || std::is_void_v<R>) {
    static_cast<void>(call(indexes));
  } else if constexpr (std::is_same_v<std::decay_t<R>, Storage<R>>) {
    const auto& value = call(indexes);
    encode_result<streamable>(result, static_cast<const Storage<R>&>(value));
  } else {
    // What it looks at may be an argument, which is still there.
    encode_result<streamable>(result, to_storage<R>(call(indexes)));
  }
}

template <ResultUse Use, class F, class Parameters>
void invoke_task(std::span<const std::byte> prefix, const ArgumentBytes& arguments,
                 const ResultBytes& result) {
  F callable = restore_callable<F>(prefix);
  call_with<Use>(callable, Parameters{}, arguments, result);
}

/// Looked up once in a process. No lock, also the first time: a fork could leave it taken.
template <ResultUse Use, class F, class Parameters>
[[nodiscard]] TaskRef invoker_ref() {
  static constinit std::atomic<std::uint64_t> known{named_task_ref.value};  // which no invoker has
  TaskRef ref{known.load(std::memory_order_relaxed)};
  if (ref == named_task_ref) {
    ref = task_ref(reinterpret_cast<const void*>(&invoke_task<Use, F, Parameters>));
    known.store(ref.value, std::memory_order_relaxed);
  }
  return ref;
}

/// What goes before the arguments: the function that is pointed to, the object's state, or nothing.
template <class F>
void encode_prefix(ByteBuffer& prefix, const F& callable) {
  if constexpr (FunctionPointer<F>) {
    encode(prefix, cached_task_ref(reinterpret_cast<const void*>(callable)).value);
  } else if constexpr (!Stateless<F>) {
    encode(prefix, callable);
  }
}

}  // namespace procpool::detail
