// SPDX-License-Identifier: MIT
/// \file
/// StandardDescriptorsTaken: keeps libuv from getting the number of a standard stream that the program has
/// closed. Implemented by the backend of the platform.
#pragma once

namespace procpool::detail {

/// While it lives, nothing new gets one of these numbers: libuv asserts that it never closes one of them. To
/// be there when libuv opens something that it will close: as a loop is made, and in a child that is forked.
class StandardDescriptorsTaken {
 public:
  StandardDescriptorsTaken() noexcept;
  ~StandardDescriptorsTaken();
  StandardDescriptorsTaken(const StandardDescriptorsTaken&) = delete;
  StandardDescriptorsTaken& operator=(const StandardDescriptorsTaken&) = delete;

 private:
  [[maybe_unused]] int taken_[3] = {-1, -1, -1};
};

}  // namespace procpool::detail
