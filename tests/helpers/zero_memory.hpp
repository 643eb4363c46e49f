// SPDX-License-Identifier: MIT
/// \file
/// ZeroMemory: memory as a backend gives it to a channel: all zero, aligned to a page, and only there once it
/// is used.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <span>

namespace procpool::testing {

class ZeroMemory {
 public:
  explicit ZeroMemory(std::size_t size) : size_(size), block_(std::calloc(1, size + page)) {
    if (!block_) throw std::bad_alloc();
    void* start = block_.get();
    std::size_t room = size + page;
    start_ = static_cast<std::byte*>(std::align(page, size, start, room));
  }
  [[nodiscard]] std::span<std::byte> bytes() noexcept { return {start_, size_}; }

 private:
  static constexpr std::size_t page = 4096;
  struct Free {
    void operator()(void* block) const noexcept { std::free(block); }
  };

  std::size_t size_;
  std::unique_ptr<void, Free> block_;
  std::byte* start_;
};

}  // namespace procpool::testing
