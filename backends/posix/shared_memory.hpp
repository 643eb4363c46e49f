// SPDX-License-Identifier: MIT
/// \file
/// The memory that a host and one worker share.
#pragma once

#include "posix/unique_fd.hpp"

#include <cstddef>
#include <span>
#include <utility>

namespace procpool::posix {

/// Owns a mapping.
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
  ~SharedMapping();

  [[nodiscard]] std::span<std::byte> memory() const noexcept { return memory_; }

 private:
  std::span<std::byte> memory_;
};

/// Makes zeroed memory without a name that lives as long as somebody has it open or mapped, and takes no
/// pages before they are touched. Throws SpawnError. (shared_memory_*.cpp)
[[nodiscard]] UniqueFd create_shared_memory(std::size_t bytes);

/// Maps it. Empty memory with errno set on failure.
[[nodiscard]] SharedMapping map_shared_memory(int fd, std::size_t bytes) noexcept;

/// Keeps the mapping out of processes that this one forks. (shared_memory_*.cpp)
void hide_from_forks(const SharedMapping& mapping) noexcept;

}  // namespace procpool::posix
