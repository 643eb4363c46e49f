// SPDX-License-Identifier: MIT
/// \file
/// Processes and handles, for the tests' helpers on Windows.
#pragma once

#include <cstdint>
#include <utility>

#include <windows.h>

namespace procpool::testing {

/// Owns a HANDLE; none is null.
class Handle {
 public:
  Handle() noexcept = default;
  explicit Handle(HANDLE handle) noexcept : handle_(handle == INVALID_HANDLE_VALUE ? nullptr : handle) {}
  Handle(Handle&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Handle() {
    if (handle_ != nullptr) ::CloseHandle(handle_);
  }
  [[nodiscard]] HANDLE get() const noexcept { return handle_; }
  explicit operator bool() const noexcept { return handle_ != nullptr; }

 private:
  HANDLE handle_ = nullptr;
};

/// How many handles this process has. Wine 8 answers GetProcessHandleCount with 0, so they are tried one by
/// one: values are multiples of four and are used again.
[[nodiscard]] inline int count_own_handles() {
  int count = 0;
  for (std::uintptr_t value = 4; value < 0x10000; value += 4) {
    DWORD flags = 0;
    if (::GetHandleInformation(reinterpret_cast<HANDLE>(value), &flags) != 0) ++count;
  }
  return count;
}

/// The only argument of a process that sleeps for ever.
inline constexpr const char* grandchild_argument = "--procpool-test-grandchild";

}  // namespace procpool::testing
