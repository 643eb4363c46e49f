// SPDX-License-Identifier: MIT
/// \file
/// The short way for common types: numbers, enums, strings, and tuples, pairs, arrays and vectors of such are
/// written straight into a buffer or a stream, in the bytes that the archives would write, without making an
/// archive.
#pragma once

#include <procpool/byte_buffer.hpp>
#include <procpool/detail/archive_std.hpp>
#include <procpool/detail/argument_bytes.hpp>
#include <procpool/detail/result_bytes.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace procpool::detail {

/// The size of a type that is always encoded in the same number of bytes; 0 for any other.
template <class T>
struct FixedSize
    : std::integral_constant<std::size_t, std::is_arithmetic_v<T> || std::is_enum_v<T> ? sizeof(T) : 0> {};
template <class... T>
struct FixedSize<std::tuple<T...>>
    : std::integral_constant<std::size_t,
                             ((FixedSize<T>::value != 0) && ...) ? (FixedSize<T>::value + ... + 0) : 0> {};
template <class A, class B>
struct FixedSize<std::pair<A, B>> : FixedSize<std::tuple<A, B>> {};
template <class T, std::size_t N>
struct FixedSize<std::array<T, N>> : std::integral_constant<std::size_t, FixedSize<T>::value * N> {};

template <class T>
inline constexpr std::size_t fixed_size = FixedSize<T>::value;

template <class T>
struct IsDirect : std::bool_constant<fixed_size<T> != 0> {};
template <class C, class Traits, class A>
struct IsDirect<std::basic_string<C, Traits, A>> : std::true_type {};
template <class... T>
struct IsDirect<std::tuple<T...>> : std::conjunction<IsDirect<T>...> {};
template <class A, class B>
struct IsDirect<std::pair<A, B>> : std::conjunction<IsDirect<A>, IsDirect<B>> {};
template <class T, class A>
struct IsDirect<std::vector<T, A>> : std::bool_constant<archives::is_blittable<T>> {};

template <class T>
inline constexpr bool is_direct = IsDirect<T>::value;

template <class T>
inline constexpr bool is_tuple_like = requires {
  std::tuple_size<T>::value;
};

template <class T>
inline constexpr bool is_std_array = false;
template <class T, std::size_t N>
inline constexpr bool is_std_array<std::array<T, N>> = true;

/// Types whose bytes travel as they lie in memory.
template <class T>
inline constexpr bool is_plain = archives::is_blittable<T>;
template <class T, std::size_t N>
inline constexpr bool is_plain<std::array<T, N>> = is_plain<T>;

/// What is put together on the way to or from a stream; anything larger goes element by element.
template <class T>
inline constexpr bool is_small = fixed_size<T> != 0 && fixed_size<T> <= 64;

/// Writes at `to`, which has room, and returns the end.
template <class T>
std::byte* store(std::byte* to, const T& value) noexcept {
  if constexpr (is_plain<T>) {
    std::memcpy(to, &value, sizeof(T));
    return to + sizeof(T);
  } else if constexpr (is_std_array<T>) {
    for (const auto& element : value) to = detail::store(to, element);
    return to;
  } else if constexpr (is_tuple_like<T>) {
    std::apply([&](const auto&... element) { ((to = detail::store(to, element)), ...); }, value);
    return to;
  } else {
    std::memcpy(to, &value, sizeof(T));
    return to + sizeof(T);
  }
}

/// Reads at `from`, where there is enough, and returns the end.
template <class T>
const std::byte* fetch(const std::byte* from, T& value) noexcept {
  if constexpr (is_plain<T>) {
    std::memcpy(&value, from, sizeof(T));
    return from + sizeof(T);
  } else if constexpr (is_std_array<T>) {
    for (auto& element : value) from = detail::fetch(from, element);
    return from;
  } else if constexpr (is_tuple_like<T>) {
    std::apply([&](auto&... element) { ((from = detail::fetch(from, element)), ...); }, value);
    return from;
  } else if constexpr (std::is_enum_v<T>) {
    std::underlying_type_t<T> number{};
    from = detail::fetch(from, number);
    value = static_cast<T>(number);
    return from;
  } else {
    static_assert(std::is_same_v<T, bool>);
    value = *from != std::byte{0};
    return from + 1;
  }
}

template <class T>
void write_direct(ByteBuffer& out, const T& value) {
  if constexpr (fixed_size<T> != 0) {
    detail::store(out.extend(fixed_size<T>), value);
  } else if constexpr (is_tuple_like<T>) {
    std::apply([&](const auto&... element) { (detail::write_direct(out, element), ...); }, value);
  } else {
    const std::uint64_t count = value.size();
    const std::size_t bytes = value.size() * sizeof(typename T::value_type);
    std::byte* const to = out.extend(sizeof count + bytes);
    std::memcpy(to, &count, sizeof count);
    if (bytes != 0) std::memcpy(to + sizeof count, value.data(), bytes);
  }
}

/// How many bytes write_direct() writes.
template <class T>
[[nodiscard]] std::size_t direct_size(const T& value) noexcept {
  if constexpr (fixed_size<T> != 0) {
    return fixed_size<T>;
  } else if constexpr (is_tuple_like<T>) {
    return std::apply([](const auto&... element) { return (direct_size(element) + ... + std::size_t{0}); },
                      value);
  } else {
    return sizeof(std::uint64_t) + value.size() * sizeof(typename T::value_type);
  }
}

template <class T>
void write_direct(ResultStream& out, const T& value) noexcept {
  if constexpr (is_plain<T>) {
    out.write(&value, sizeof value);
  } else if constexpr (is_small<T>) {
    std::byte bytes[fixed_size<T>];
    detail::store(bytes, value);
    out.write(bytes, sizeof bytes);
  } else if constexpr (is_std_array<T>) {
    for (const auto& element : value) detail::write_direct(out, element);
  } else if constexpr (is_tuple_like<T>) {
    std::apply([&](const auto&... element) { (detail::write_direct(out, element), ...); }, value);
  } else {
    detail::write_direct(out, static_cast<std::uint64_t>(value.size()));
    out.write(value.data(), value.size() * sizeof(typename T::value_type));
  }
}

/// Reads from the front of `bytes` and takes that off. Throws SerializationError if it is not there.
template <class T>
void read_direct(std::span<const std::byte>& bytes, T& value) {
  if constexpr (fixed_size<T> != 0) {
    if (bytes.size() < fixed_size<T>) archives::fail_truncated();
    detail::fetch(bytes.data(), value);
    bytes = bytes.subspan(fixed_size<T>);
  } else if constexpr (is_tuple_like<T>) {
    std::apply([&](auto&... element) { (detail::read_direct(bytes, element), ...); }, value);
  } else {
    std::uint64_t count = 0;
    detail::read_direct(bytes, count);
    constexpr std::size_t element_bytes = sizeof(typename T::value_type);
    if (count > bytes.size() / element_bytes) archives::fail_truncated();
    archives::fill(value, static_cast<std::size_t>(count), [&](void* to, std::size_t size) {
      std::memcpy(to, bytes.data(), size);
      bytes = bytes.subspan(size);
    });
  }
}

/// Reads what comes next in the stream, with its errors.
template <class T>
void read_direct(ArgumentStream& stream, T& value) {
  if constexpr (is_plain<T>) {
    stream.read(&value, sizeof value);
  } else if constexpr (is_small<T>) {
    std::byte bytes[fixed_size<T>];
    stream.read(bytes, sizeof bytes);
    detail::fetch(bytes, value);
  } else if constexpr (is_std_array<T>) {
    for (auto& element : value) detail::read_direct(stream, element);
  } else if constexpr (is_tuple_like<T>) {
    std::apply([&](auto&... element) { (detail::read_direct(stream, element), ...); }, value);
  } else {
    std::uint64_t count = 0;
    detail::read_direct(stream, count);
    if (count > stream.left() / sizeof(typename T::value_type)) archives::fail_truncated();
    archives::fill(value, static_cast<std::size_t>(count),
                   [&](void* to, std::size_t size) { stream.read(to, size); });
  }
}

}  // namespace procpool::detail
