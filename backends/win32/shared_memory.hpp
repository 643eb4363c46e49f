// SPDX-License-Identifier: MIT
/// \file
/// The memory that a host and one worker share.
#pragma once

#include "win32/unique_handle.hpp"

#include <cstddef>
#include <span>
#include <utility>

namespace procpool::win32 {

/// Owns a view of a mapping.
class SharedMapping {
 public:
  SharedMapping() noexcept = default;
  explicit SharedMapping(std::span<std::byte> memory) noexcept : memory_(memory) {}
  SharedMapping(SharedMapping&& other) noexcept : memory_(std::exchange(other.memory_, {})) {}
  SharedMapping& operator=(SharedMapping&& other) noexcept {
    std::swap(memory_, other.memory_);
    return *this;
  }
  SharedMapping(const SharedMapping&) = delete;
  SharedMapping& operator=(const SharedMapping&) = delete;
  ~SharedMapping() {
    if (!memory_.empty()) ::UnmapViewOfFile(memory_.data());
  }

  [[nodiscard]] std::span<std::byte> memory() const noexcept { return memory_; }

 private:
  std::span<std::byte> memory_;
};

/// A mapping of zeroed memory without a name, backed by the paging file, that no child inherits. Empty, with
/// GetLastError(), on failure.
[[nodiscard]] inline UniqueHandle create_shared_memory(std::size_t bytes) noexcept {
  const auto size = static_cast<ULONGLONG>(bytes);
  return UniqueHandle(::CreateFileMappingW(INVALID_HANDLE_VALUE, nullptr, PAGE_READWRITE,
                                           static_cast<DWORD>(size >> 32U), static_cast<DWORD>(size),
                                           nullptr));
}

/// Empty memory, with GetLastError(), on failure.
[[nodiscard]] inline SharedMapping map_shared_memory(HANDLE mapping, std::size_t bytes) noexcept {
  void* address = ::MapViewOfFile(mapping, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, bytes);
  if (address == nullptr) return {};
  return SharedMapping({static_cast<std::byte*>(address), bytes});
}

}  // namespace procpool::win32
