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

/// These elements; none of what is not lendable.
template <class P, class A>
[[nodiscard]] std::span<const std::byte> elements_of(const A& argument) noexcept {
  if constexpr (is_lendable<P, A>) {
    return std::as_bytes(std::span(argument.data(), argument.size()));
  } else {
    return {};
  }
}

/// Appends arguments for the parameters P as encode_for() does, but for the longest that can be lent. Throws
/// SerializationError, also where the bytes and what is lent together are above the limit of `out`.
template <class... P, class... A>
[[nodiscard]] LentArgument encode_lending(ByteBuffer& out, TypeList<P...> parameters, A&&... arguments) {
  if constexpr ((is_direct<Storage<P>> && ...) && (is_lendable<P, std::remove_cvref_t<A>> || ...)) {
    const std::size_t longest = (std::max)({elements_of<P>(arguments).size()...});
    if (longest > longest_copied_argument) {
      LentArgument lent;
      const auto append = [&]<class Parameter, class Argument>(TypeList<Parameter>, Argument&& argument) {
        if constexpr (is_lendable<Parameter, std::remove_cvref_t<Argument>>) {
          const std::span<const std::byte> bytes = elements_of<Parameter>(argument);
          if (lent.bytes.empty() && bytes.size() == longest) {
            write_direct(out, static_cast<std::uint64_t>(argument.size()));
            lent = {bytes, out.size()};
            return;
          }
        }
        write_direct(out, as_stored<Parameter>(std::forward<Argument>(argument)));
      };
      try {
        (append(TypeList<P>{}, std::forward<A>(arguments)), ...);
        out.check_limit(longest);
      } catch (...) {
        throw_serialization_error(CodecStep::encode, type_of_all<Storage<P>...>());
      }
      return lent;
    }
  }
  encode_for(out, parameters, std::forward<A>(arguments)...);
  return {{}, out.size()};
}

}  // namespace procpool::detail
