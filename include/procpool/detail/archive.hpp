// SPDX-License-Identifier: MIT
/// \file
/// OutputArchive and InputArchive: the cereal archives in which arguments, results and exceptions travel.
/// Native binary: both ends run on one machine. An InputArchive may be given any bytes at all, because a
/// worker may write any: it never reads outside of them, never makes a container longer than they can fill,
/// and refuses what nests too deep for the stack. Used by one thread at a time.
#pragma once

// Pools decode on several threads, and cereal's registries have locks only if asked.
#ifndef CEREAL_THREAD_SAFE
#define CEREAL_THREAD_SAFE 1
#endif

#include <procpool/byte_buffer.hpp>
#include <procpool/export.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <type_traits>
#include <typeinfo>
#include <unordered_map>
#include <utility>

#include <cereal/cereal.hpp>
#include <cereal/types/memory.hpp>

namespace procpool {

namespace archives {

/// How deep objects may hold objects, in both directions, if the thread's stack is deep enough. A list linked
/// by unique_ptr uses two levels a node.
inline constexpr std::size_t max_depth = 1000;
/// Objects may nest so deep without a look at the stack.
inline constexpr std::size_t shallow = 8;

/// Elements of containers take bytes, and those that take none (empty types) may be this many in a message.
inline constexpr std::size_t max_empty_elements = std::size_t{1} << 20;

[[noreturn]] PROCPOOL_EXPORT void fail_truncated();
[[noreturn]] PROCPOOL_EXPORT void fail_count(std::uint64_t count);
/// Throws if objects must not nest as deep as this here.
PROCPOOL_EXPORT void check_depth(std::size_t depth);
[[noreturn]] PROCPOOL_EXPORT void fail_pointer(std::uint32_t id);

/// Writes to the end of a ByteBuffer, which must outlive it. See codec.hpp for the call that one uses.
class OutputArchive : public cereal::OutputArchive<OutputArchive, cereal::AllowEmptyClassElision> {
  using Base = cereal::OutputArchive<OutputArchive, cereal::AllowEmptyClassElision>;

 public:
  explicit OutputArchive(detail::ByteBuffer& out) : Base(this), out_(out), start_(out.size()) {}

  void write(const void* bytes, std::size_t count) { out_.append(bytes, count); }
  void write_count(std::uint64_t count) {
    elements_ += count;
    out_.append(&count, sizeof count);
  }
  void enter() {
    if (++depth_ > shallow) check_depth(depth_);
  }
  void leave() noexcept { --depth_; }
  /// Throws if there are so many empty elements that an InputArchive would refuse the bytes.
  void finish() const {
    if (elements_ > out_.size() - start_ + max_empty_elements) fail_count(elements_);
  }

 private:
  detail::ByteBuffer& out_;
  std::size_t start_;
  std::uint64_t elements_ = 0;
  std::size_t depth_ = 0;
};

/// Reads from bytes that must outlive it, and trusts none of them.
class InputArchive : public cereal::InputArchive<InputArchive, cereal::AllowEmptyClassElision> {
  using Base = cereal::InputArchive<InputArchive, cereal::AllowEmptyClassElision>;

 public:
  explicit InputArchive(std::span<const std::byte> bytes)
      : Base(this), rest_(bytes), elements_left_(bytes.size() + max_empty_elements) {}

  void read(void* to, std::size_t count) {
    const std::byte* from = take(count);
    if (count != 0) std::memcpy(to, from, count);
  }
  /// The next `count` bytes, which are then behind.
  [[nodiscard]] const std::byte* take(std::size_t count) {
    if (count > rest_.size()) fail_truncated();
    const std::byte* from = rest_.data();
    rest_ = rest_.subspan(count);
    return from;
  }
  [[nodiscard]] std::size_t remaining() const noexcept { return rest_.size(); }

  /// The number of elements of a container. All of them in a message together are bounded by its size.
  [[nodiscard]] std::size_t read_count() {
    std::uint64_t count = 0;
    read(&count, sizeof count);
    if (count > elements_left_) fail_count(count);
    elements_left_ -= static_cast<std::size_t>(count);
    return static_cast<std::size_t>(count);
  }
  /// The same, for elements that take `element_bytes` (not 0) each.
  [[nodiscard]] std::size_t read_count(std::size_t element_bytes) {
    const std::size_t count = read_count();
    if (count > rest_.size() / element_bytes) fail_truncated();
    return count;
  }

  void enter() {
    if (++depth_ > shallow) check_depth(depth_);
  }
  void leave() noexcept { --depth_; }

  /// Remembers what a shared_ptr points to. An id that was used before is refused.
  template <class T>
  void remember(std::uint32_t id, const std::shared_ptr<T>& pointer) {
    if (!shared_.try_emplace(id, Shared{&typeid(T), pointer}).second) fail_pointer(id);
  }
  /// What was remembered under `id`, refused if it is of another type.
  template <class T>
  [[nodiscard]] std::shared_ptr<T> recall(std::uint32_t id) const {
    const auto found = shared_.find(id);
    if (found == shared_.end() || *found->second.type != typeid(T)) fail_pointer(id);
    return std::static_pointer_cast<T>(found->second.pointer);
  }

 private:
  struct Shared {
    const std::type_info* type;
    std::shared_ptr<void> pointer;
  };

  std::span<const std::byte> rest_;
  std::size_t elements_left_;
  std::size_t depth_ = 0;
  std::unordered_map<std::uint32_t, Shared> shared_;
};

/// What cereal wraps values in; it nests no object of its own.
template <class T>
struct IsWrapper : std::bool_constant<std::is_arithmetic_v<T> || std::is_enum_v<T>> {};
template <class T>
struct IsWrapper<cereal::NameValuePair<T>> : std::true_type {};
template <class T>
struct IsWrapper<cereal::SizeTag<T>> : std::true_type {};
template <class T>
struct IsWrapper<cereal::BinaryData<T>> : std::true_type {};
template <class K, class V>
struct IsWrapper<cereal::MapItem<K, V>> : std::true_type {};
template <class T>
struct IsWrapper<cereal::memory_detail::PtrWrapper<T>> : std::true_type {};

template <class T>
void prologue(OutputArchive& archive, const T&) {
  if constexpr (!IsWrapper<T>::value) archive.enter();
}
template <class T>
void epilogue(OutputArchive& archive, const T&) {
  if constexpr (!IsWrapper<T>::value) archive.leave();
}
template <class T>
void prologue(InputArchive& archive, const T&) {
  if constexpr (!IsWrapper<T>::value) archive.enter();
}
template <class T>
void epilogue(InputArchive& archive, const T&) {
  if constexpr (!IsWrapper<T>::value) archive.leave();
}

template <class T>
requires std::is_arithmetic_v<T>
void save(OutputArchive& archive, const T& value) {
  archive.write(&value, sizeof value);
}
template <class T>
requires std::is_arithmetic_v<T>
void load(InputArchive& archive, T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    // A bool of any bits but 0 and 1 is undefined behaviour.
    value = *archive.take(1) != std::byte{0};
  } else {
    archive.read(&value, sizeof value);
  }
}

template <class T>
void serialize(OutputArchive& archive, cereal::NameValuePair<T>& pair) {
  archive(pair.value);
}
template <class T>
void serialize(InputArchive& archive, cereal::NameValuePair<T>& pair) {
  archive(pair.value);
}

template <class T>
void save(OutputArchive& archive, const cereal::SizeTag<T>& tag) {
  archive.write_count(tag.size);
}
template <class T>
void load(InputArchive& archive, cereal::SizeTag<T>& tag) {
  tag.size = archive.read_count();
}

template <class T>
void save(OutputArchive& archive, const cereal::BinaryData<T>& data) {
  // cereal gives a std::array of no elements a byte, at no place.
  if (data.data != nullptr) archive.write(data.data, static_cast<std::size_t>(data.size));
}
template <class T>
void load(InputArchive& archive, cereal::BinaryData<T>& data) {
  using Element = std::remove_all_extents_t<std::remove_pointer_t<std::remove_reference_t<T>>>;
  if (data.data == nullptr) return;
  const std::byte* from = archive.take(static_cast<std::size_t>(data.size));
  if constexpr (std::is_same_v<std::remove_cv_t<Element>, bool>) {
    auto* to = static_cast<bool*>(data.data);
    for (std::size_t i = 0; i < data.size; ++i) to[i] = from[i] != std::byte{0};
  } else {
    if (data.size != 0) std::memcpy(data.data, from, static_cast<std::size_t>(data.size));
  }
}

}  // namespace archives

using archives::InputArchive;
using archives::OutputArchive;

}  // namespace procpool

// For pointers to polymorphic types, as with cereal's own archives.
CEREAL_REGISTER_ARCHIVE(procpool::archives::OutputArchive)
CEREAL_REGISTER_ARCHIVE(procpool::archives::InputArchive)
CEREAL_SETUP_ARCHIVE_TRAITS(procpool::archives::InputArchive, procpool::archives::OutputArchive)
