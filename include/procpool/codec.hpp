// SPDX-License-Identifier: MIT
/// \file
/// How values become bytes and bytes values. What the standard library has is encoded as it is; a type of
/// one's own needs a cereal function, a member or a free one:
///
///     struct Order {
///       int id;
///       std::vector<std::string> items;
///       template <class Archive> void serialize(Archive& archive) { archive(id, items); }
///     };
///
/// and to be default constructible. Types that can only be moved are fine. std::filesystem::path is encoded
/// too. Pointers to polymorphic types need cereal's CEREAL_REGISTER_TYPE(Derived) after this header; nothing
/// else. A std::vector of one's own types nests as deep as archives::max_depth and the
/// thread's stack allow.
///
/// Safe from any number of threads.
#pragma once

#include <procpool/byte_buffer.hpp>
#include <procpool/detail/archive_std.hpp>
#include <procpool/detail/direct_codec.hpp>
#include <procpool/detail/encodable.hpp>
#include <procpool/export.hpp>

#include <cstddef>
#include <span>
#include <tuple>
#include <typeinfo>

namespace procpool::detail {

enum class CodecStep : unsigned char { encode, decode };

/// Inside a catch block only: throws on as SerializationError, naming the type, if it is a std::exception; as
/// it is otherwise, and if it is a SerializationError that names a type already.
[[noreturn]] PROCPOOL_EXPORT void throw_serialization_error(CodecStep step, const std::type_info& type);
/// Throws SerializationError: `count` bytes too many.
[[noreturn]] PROCPOOL_EXPORT void fail_left_over(std::size_t count);

/// The type to name in an error about several values.
template <class... T>
[[nodiscard]] const std::type_info& type_of_all() noexcept {
  if constexpr (sizeof...(T) == 1) {
    return typeid(std::tuple_element_t<0, std::tuple<T...>>);
  } else {
    return typeid(std::tuple<T...>);
  }
}

/// Appends the values, in the bytes of a std::tuple of them. Throws SerializationError, and leaves `out` as
/// it was, if one cannot be encoded or they grow above the limit of `out`.
template <class... T>
void encode(ByteBuffer& out, const T&... values) {
  static_assert(((sizeof(EncodableErrors<T>) != 0) && ...));
  if constexpr ((is_encodable<T> && ...)) {
    const std::size_t start = out.size();
    try {
      if constexpr (((fixed_size<T> != 0) && ...) && sizeof...(T) != 0) {
        std::byte* to = out.extend((fixed_size<T> + ...));
        ((to = detail::store(to, values)), ...);
      } else if constexpr ((is_direct<T> && ...)) {
        (detail::write_direct(out, values), ...);
      } else {
        OutputArchive archive(out);
        archive(values...);
        archive.finish();
      }
    } catch (...) {
      out.truncate(start);
      throw_serialization_error(CodecStep::encode, type_of_all<T...>());
    }
  }
}

/// Reads one value, which must take all of the bytes. The bytes need not be trusted: whatever they are, this
/// returns some T or throws SerializationError.
template <class T>
[[nodiscard]] T decode(std::span<const std::byte> bytes) {
  static_assert(sizeof(DecodableErrors<T>) != 0);
  if constexpr (is_decodable<T>) {
    try {
      T value{};
      std::size_t left_over = 0;
      if constexpr (is_direct<T>) {
        detail::read_direct(bytes, value);
        left_over = bytes.size();
      } else {
        InputArchive archive(bytes);
        archive(value);
        left_over = archive.remaining();
      }
      if (left_over != 0) fail_left_over(left_over);
      return value;
    } catch (...) {
      throw_serialization_error(CodecStep::decode, typeid(T));
    }
  }
}

}  // namespace procpool::detail
