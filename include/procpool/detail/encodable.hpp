// SPDX-License-Identifier: MIT
/// \file
/// Which types can be encoded, looked at through the standard library's containers, so that one readable
/// error can come before the many of a failed instantiation.
#pragma once

#include <procpool/detail/archive_std.hpp>

#include <type_traits>

namespace procpool::detail {

template <class T>
struct IsEncodable
    : std::bool_constant<!std::is_pointer_v<T> && !std::is_member_pointer_v<T> && !std::is_reference_v<T> &&
                         ((cereal::traits::is_output_serializable<T, OutputArchive>::value &&
                           cereal::traits::is_input_serializable<T, InputArchive>::value) ||
                          std::is_empty_v<T>)> {};

template <class... T>
struct AreEncodable : std::conjunction<IsEncodable<std::remove_cv_t<T>>...> {};

template <class T, class A>
struct IsEncodable<std::vector<T, A>> : AreEncodable<T> {};
template <class T, class A>
struct IsEncodable<std::deque<T, A>> : AreEncodable<T> {};
template <class T, class A>
struct IsEncodable<std::list<T, A>> : AreEncodable<T> {};
template <class T, class A>
struct IsEncodable<std::forward_list<T, A>> : AreEncodable<T> {};
template <class T, std::size_t N>
struct IsEncodable<std::array<T, N>> : AreEncodable<T> {};
template <class K, class C, class A>
struct IsEncodable<std::set<K, C, A>> : AreEncodable<K> {};
template <class K, class C, class A>
struct IsEncodable<std::multiset<K, C, A>> : AreEncodable<K> {};
template <class K, class H, class E, class A>
struct IsEncodable<std::unordered_set<K, H, E, A>> : AreEncodable<K> {};
template <class K, class V, class C, class A>
struct IsEncodable<std::map<K, V, C, A>> : AreEncodable<K, V> {};
template <class K, class V, class C, class A>
struct IsEncodable<std::multimap<K, V, C, A>> : AreEncodable<K, V> {};
template <class K, class V, class H, class E, class A>
struct IsEncodable<std::unordered_map<K, V, H, E, A>> : AreEncodable<K, V> {};
template <class T>
struct IsEncodable<std::optional<T>> : AreEncodable<T> {};
template <class A, class B>
struct IsEncodable<std::pair<A, B>> : AreEncodable<A, B> {};
template <class... T>
struct IsEncodable<std::tuple<T...>> : AreEncodable<T...> {};
template <class... T>
struct IsEncodable<std::variant<T...>> : AreEncodable<T...> {};

/// Looked at from outside only: what a pointer points to may be polymorphic, or of the type that is being
/// asked about.
template <class T>
inline constexpr bool is_encodable = IsEncodable<T>::value;

/// What a task is given or gives must be made before it can be read.
template <class T>
inline constexpr bool is_decodable = is_encodable<T>&& std::is_default_constructible_v<T>;

// Each of these classes is an error in itself, once for each T, where something is wrong. Nothing else may
// hang on it: after a failed static_assert compilers go on with whatever depends on the class.

template <class T>
struct EncodableErrors {
  static_assert(
      is_encodable<T>,
      "procpool: this type cannot be serialized: give it a cereal serialize() or save()/load() function");
};

template <class T>
struct DecodableErrors {
  static_assert(sizeof(EncodableErrors<T>) != 0);
  static_assert(!is_encodable<T> || std::is_default_constructible_v<T>,
                "procpool: a type that is passed to or from a task must be default constructible");
};

}  // namespace procpool::detail
