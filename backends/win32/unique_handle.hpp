// SPDX-License-Identifier: MIT
/// \file
/// UniqueHandle: owns a HANDLE of the kernel's.
#pragma once

#include <utility>

#include <windows.h>

namespace procpool::win32 {

/// Both values that Windows gives for "none" (null and INVALID_HANDLE_VALUE) count as none.
class UniqueHandle {
 public:
  UniqueHandle() noexcept = default;
  explicit UniqueHandle(HANDLE handle) noexcept
      : handle_(handle == INVALID_HANDLE_VALUE ? nullptr : handle) {}
  UniqueHandle(UniqueHandle&& other) noexcept : handle_(other.release()) {}
  UniqueHandle& operator=(UniqueHandle&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  UniqueHandle(const UniqueHandle&) = delete;
  UniqueHandle& operator=(const UniqueHandle&) = delete;
  ~UniqueHandle() { reset(); }

  [[nodiscard]] HANDLE get() const noexcept { return handle_; }
  explicit operator bool() const noexcept { return handle_ != nullptr; }
  [[nodiscard]] HANDLE release() noexcept { return std::exchange(handle_, nullptr); }
  void reset(HANDLE handle = nullptr) noexcept {
    if (handle_ != nullptr) ::CloseHandle(handle_);
    handle_ = handle;
  }

 private:
  HANDLE handle_ = nullptr;
};

/// An event that lets one waiter through for each signal (auto-reset), and that no child inherits. Empty,
/// with GetLastError(), if there is none to be had.
[[nodiscard]] inline UniqueHandle make_event() noexcept {
  return UniqueHandle(::CreateEventW(nullptr, FALSE, FALSE, nullptr));
}

}  // namespace procpool::win32
