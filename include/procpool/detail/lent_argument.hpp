// SPDX-License-Identifier: MIT
/// \file
/// How a caller that waits passes a long string or vector: it is not encoded, and goes to the worker from
/// where it lies.
#pragma once

#include <procpool/byte_buffer.hpp>
#include <procpool/codec.hpp>
#include <procpool/detail/callable.hpp>
#include <procpool/detail/direct_codec.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace procpool::detail {

/// The elements of one argument among those that are encoded, or none.
struct LentArgument {
  std::span<const std::byte> bytes;
  std::size_t at = 0;  ///< where they belong, in what is encoded
};

/// Shorter ones are copied sooner than they are lent.
inline constexpr std::size_t longest_copied_argument = ByteBuffer::inline_capacity;

template <class Stored>
inline constexpr bool is_text_or_vector = false;
template <class C, class Traits, class A>
inline constexpr bool is_text_or_vector<std::basic_string<C, Traits, A>> = true;
template <class T, class A>
inline constexpr bool is_text_or_vector<std::vector<T, A>> = true;

/// Whether an argument of type A for a parameter P has elements that are encoded as they lie: it is a string
/// or vector, or a view of one, and not converted first.
template <class P, class A>
inline constexpr bool is_lendable = is_text_or_vector<Storage<P>> && !std::is_pointer_v<A> &&
                                    (std::is_same_v<A, Storage<P>> || std::is_same_v<A, std::decay_t<P>>);

/// The argument itself, if it is lendable, else what as_stored() makes of it.
template <class P, class A>
[[nodiscard]] decltype(auto) as_lent_or_stored(A&& argument) {
  if constexpr (is_lendable<P, std::remove_cvref_t<A>>) {
    return static_cast<const std::remove_cvref_t<A>&>(argument);
  } else {
    return as_stored<P>(std::forward<A>(argument));
  }
}

template <bool Lendable, class Value>
[[nodiscard]] std::span<const std::byte> elements_of(const Value& value) noexcept {
  if constexpr (Lendable) {
    return std::as_bytes(std::span(value.data(), value.size()));
  } else {
    return {};
  }
}

/// An argument that is converted may give up what it holds, and with it what a view among the others looks
/// at.
template <class P, class A>
inline constexpr bool is_taken_over =
    !std::is_lvalue_reference_v<A> && std::is_class_v<std::remove_cvref_t<A>> &&
    !is_lendable<P, std::remove_cvref_t<A>> && !std::is_same_v<std::remove_cvref_t<A>, Storage<P>>;

/// Appends what is stored for the parameters P, all of direct types, but for the longest of those that are
/// lendable. The values do not change meanwhile.
template <bool... Lendable, class... P, class... Value>
[[nodiscard]] LentArgument write_lending(ByteBuffer& out, TypeList<P...> /*parameters*/,
                                         const Value&... values) {
  const std::size_t longest = (std::max)({elements_of<Lendable>(values).size()...});
  LentArgument lent{{}, out.size()};
  const auto write = [&]<bool MayBeLent>(std::bool_constant<MayBeLent>, const auto& value) {
    if constexpr (MayBeLent) {
      const std::span<const std::byte> bytes = elements_of<true>(value);
      if (lent.bytes.empty() && bytes.size() == longest && longest > longest_copied_argument) {
        detail::write_direct(out, static_cast<std::uint64_t>(value.size()));
        lent = {bytes, out.size()};
        return;
      }
    }
    detail::write_direct(out, value);
  };
  const std::size_t start = out.size();
  try {
    (write(std::bool_constant<Lendable>(), values), ...);
    out.check_limit(lent.bytes.size());
  } catch (...) {
    out.truncate(start);
    throw_serialization_error(CodecStep::encode, type_of_all<Storage<P>...>());
  }
  return lent;
}

/// Appends arguments for the parameters P as encode_for() does, but for the longest that can be lent, if it
/// is long and `may_lend()`. Throws as that does; the limit of `out` is one for the bytes and what is lent
/// together.
template <class MayLend, class... P, class... A>
[[nodiscard]] LentArgument encode_lending(ByteBuffer& out, MayLend&& may_lend, TypeList<P...> parameters,
                                          A&&... arguments) {
  if constexpr ((is_direct<Storage<P>> && ...) && (is_lendable<P, std::remove_cvref_t<A>> || ...) &&
                !(is_taken_over<P, A> || ...)) {
    if (may_lend()) {
      return write_lending<is_lendable<P, std::remove_cvref_t<A>>...>(
          out, parameters, as_lent_or_stored<P>(std::forward<A>(arguments))...);
    }
  }
  encode_for(out, parameters, std::forward<A>(arguments)...);
  return {{}, out.size()};
}

}  // namespace procpool::detail
