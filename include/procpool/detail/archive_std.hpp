// SPDX-License-Identifier: MIT
/// \file
/// The standard library's types in procpool's archives: cereal's own functions, and ours where cereal's would
/// believe a length or a pointer id that comes from outside.
#pragma once

#include <procpool/detail/archive.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <deque>
#include <forward_list>
#include <list>
#include <map>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

#include <cereal/types/array.hpp>
#include <cereal/types/bitset.hpp>
#include <cereal/types/chrono.hpp>
#include <cereal/types/complex.hpp>
#include <cereal/types/deque.hpp>
#include <cereal/types/forward_list.hpp>
#include <cereal/types/list.hpp>
#include <cereal/types/map.hpp>
#include <cereal/types/memory.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/queue.hpp>
#include <cereal/types/set.hpp>
#include <cereal/types/stack.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/tuple.hpp>
#include <cereal/types/unordered_map.hpp>
#include <cereal/types/unordered_set.hpp>
#include <cereal/types/utility.hpp>
#include <cereal/types/variant.hpp>
#include <cereal/types/vector.hpp>

namespace procpool::archives {

/// Types of which any bits are a value, and whose arrays travel as they lie in memory.
template <class T>
inline constexpr bool is_blittable =
    (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) || std::is_same_v<T, std::byte>;

/// A count for reserve() that the message's length makes likely, and that costs little if it is a lie.
template <class T>
[[nodiscard]] std::size_t likely_count(const InputArchive& archive, std::size_t count) noexcept {
  return (std::min)(count, archive.remaining() / sizeof(T) + 16);
}

/// Gives a string or vector `count` elements as they lie in memory, by `read(to, bytes)` in their order. Some
/// at a time, for resize() writes each of them first: where the cache has them still, that costs next to
/// nothing.
template <class Container, class Read>
void fill(Container& values, std::size_t count, Read&& read) {
  constexpr std::size_t element_bytes = sizeof(typename Container::value_type);
  constexpr std::size_t at_once = (std::size_t{16} << 10) / element_bytes;
  values.clear();
  if (count > at_once) values.reserve(count);
  for (std::size_t done = 0; done < count;) {
    const std::size_t more = (std::min)(count - done, at_once);
    values.resize(done + more);
    read(values.data() + done, more * element_bytes);
    done += more;
  }
}

template <class C, class Traits, class A>
void load(InputArchive& archive, std::basic_string<C, Traits, A>& text) {
  fill(text, archive.read_count(sizeof(C)), [&](void* to, std::size_t bytes) { archive.read(to, bytes); });
}

template <class A>
void save(OutputArchive& archive, const std::vector<std::byte, A>& bytes) {
  archive.write_count(bytes.size());
  archive.write(bytes.data(), bytes.size());
}

template <class T, class A>
void load(InputArchive& archive, std::vector<T, A>& values) {
  if constexpr (is_blittable<T>) {
    fill(values, archive.read_count(sizeof(T)),
         [&](void* to, std::size_t bytes) { archive.read(to, bytes); });
  } else {
    const std::size_t count = archive.read_count();
    values.clear();
    values.reserve(likely_count<T>(archive, count));
    for (std::size_t i = 0; i < count; ++i) {
      values.emplace_back();
      archive(values.back());
    }
  }
}

template <class A>
void load(InputArchive& archive, std::vector<bool, A>& values) {
  const std::size_t count = archive.read_count(1);
  values.resize(count);
  for (auto&& value : values) value = *archive.take(1) != std::byte{0};
}

template <class T, class A>
void load(InputArchive& archive, std::deque<T, A>& values) {
  const std::size_t count = archive.read_count();
  values.clear();
  for (std::size_t i = 0; i < count; ++i) {
    values.emplace_back();
    archive(values.back());
  }
}

template <class T, class A>
void load(InputArchive& archive, std::list<T, A>& values) {
  const std::size_t count = archive.read_count();
  values.clear();
  for (std::size_t i = 0; i < count; ++i) {
    values.emplace_back();
    archive(values.back());
  }
}

template <class T, class A>
void load(InputArchive& archive, std::forward_list<T, A>& values) {
  const std::size_t count = archive.read_count();
  values.clear();
  auto last = values.before_begin();
  for (std::size_t i = 0; i < count; ++i) {
    last = values.emplace_after(last);
    archive(*last);
  }
}

/// cereal's would turn the order of elements with equal keys around.
template <class K, class V, class C, class A>
void load(InputArchive& archive, std::multimap<K, V, C, A>& values) {
  const std::size_t count = archive.read_count();
  values.clear();
  for (std::size_t i = 0; i < count; ++i) {
    K key{};
    V value{};
    archive(key, value);
    values.emplace_hint(values.end(), std::move(key), std::move(value));
  }
}
template <class K, class C, class A>
void load(InputArchive& archive, std::multiset<K, C, A>& values) {
  const std::size_t count = archive.read_count();
  values.clear();
  for (std::size_t i = 0; i < count; ++i) {
    K key{};
    archive(key);
    values.emplace_hint(values.end(), std::move(key));
  }
}

/// cereal's would reserve() before it reads.
template <class Set>
void load_unordered(InputArchive& archive, Set& values) {
  const std::size_t count = archive.read_count();
  values.clear();
  for (std::size_t i = 0; i < count; ++i) {
    typename Set::key_type key{};
    archive(key);
    values.insert(std::move(key));
  }
}
template <class K, class H, class E, class A>
void load(InputArchive& archive, std::unordered_set<K, H, E, A>& values) {
  load_unordered(archive, values);
}
template <class K, class H, class E, class A>
void load(InputArchive& archive, std::unordered_multiset<K, H, E, A>& values) {
  load_unordered(archive, values);
}

/// Memory for one T that a delete-expression can give back.
template <class T>
struct FreeMemory {
  static constexpr bool over_aligned = alignof(T) > __STDCPP_DEFAULT_NEW_ALIGNMENT__;
  [[nodiscard]] static std::unique_ptr<void, FreeMemory> allocate() {
    if constexpr (over_aligned) {
      return std::unique_ptr<void, FreeMemory>(::operator new (sizeof(T), std::align_val_t{alignof(T)}));
    } else {
      return std::unique_ptr<void, FreeMemory>(::operator new(sizeof(T)));
    }
  }
  void operator()(void* memory) const noexcept {
    if constexpr (over_aligned) {
      ::operator delete (memory, std::align_val_t{alignof(T)});
    } else {
      ::operator delete(memory);
    }
  }
};

/// Makes an object of a type with cereal's load_and_construct. Unlike cereal's own, leaves nothing behind
/// when the bytes end too early.
template <class T>
[[nodiscard]] std::unique_ptr<T> load_constructed(InputArchive& archive) {
  auto memory = FreeMemory<T>::allocate();
  auto* const object = static_cast<T*>(memory.get());
  cereal::memory_detail::LoadAndConstructLoadWrapper<InputArchive, T> wrapper(object);
  try {
    archive(wrapper);
    static_cast<void>(wrapper.construct.ptr());  // throws if load_and_construct has not constructed
  } catch (...) {
    try {
      wrapper.construct.ptr()->~T();
    } catch (const cereal::Exception&) {
      // It had not been constructed.
    }
    throw;
  }
  static_cast<void>(memory.release());
  return std::unique_ptr<T>(object);
}

/// cereal's would cast the object to whatever type the next pointer with its id has.
template <class T>
void load(InputArchive& archive, cereal::memory_detail::PtrWrapper<std::shared_ptr<T>&>& wrapper) {
  using Object = std::remove_const_t<T>;
  std::uint32_t id = 0;
  archive(id);
  if (id == 0) {
    wrapper.ptr.reset();
  } else if ((id & cereal::detail::msb_32bit) == 0) {
    wrapper.ptr = archive.recall<Object>(id);
  } else {
    id &= ~cereal::detail::msb_32bit;
    std::shared_ptr<Object> pointer;
    if constexpr (cereal::traits::has_load_and_construct<Object, InputArchive>::value) {
      // Remembered only when the object exists: nothing may refer to it before.
      pointer = load_constructed<Object>(archive);
      archive.remember(id, pointer);
    } else {
      pointer.reset(cereal::detail::Construct<Object, InputArchive>::load_andor_construct());
      archive.remember(id, pointer);
      archive(*pointer);
    }
    wrapper.ptr = std::move(pointer);
  }
}

template <class T, class D>
void load(InputArchive& archive, cereal::memory_detail::PtrWrapper<std::unique_ptr<T, D>&>& wrapper) {
  using Object = std::remove_const_t<T>;
  bool valid = false;
  archive(valid);
  if (!valid) {
    wrapper.ptr.reset();
  } else if constexpr (cereal::traits::has_load_and_construct<Object, InputArchive>::value) {
    wrapper.ptr.reset(load_constructed<Object>(archive).release());
  } else {
    std::unique_ptr<Object, D> pointer(
        cereal::detail::Construct<Object, InputArchive>::load_andor_construct());
    archive(*pointer);
    wrapper.ptr = std::move(pointer);
  }
}

/// std::filesystem::path and its like, told by their members: the header itself is not needed here.
template <class T>
concept PathLike = requires(const T& path, const typename T::string_type& text) {
  typename T::format;
  { path.native() } -> std::same_as<const typename T::string_type&>;
  { path.lexically_normal() } -> std::same_as<T>;
  T(text);
};
template <PathLike T>
void save(OutputArchive& archive, const T& path) {
  archive(path.native());
}
template <PathLike T>
void load(InputArchive& archive, T& path) {
  typename T::string_type text;
  archive(text);
  path = T(std::move(text));
}

}  // namespace procpool::archives
