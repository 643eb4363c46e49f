// SPDX-License-Identifier: MIT
/// \file
/// Processes and handles, for the tests' helpers on Windows.
#pragma once

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

/// The only argument of a process that sleeps for ever.
inline constexpr const char* grandchild_argument = "--procpool-test-grandchild";

}  // namespace procpool::testing
