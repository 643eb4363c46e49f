// SPDX-License-Identifier: MIT
#include "conformance/wait_ready.hpp"

#include <algorithm>
#include <chrono>

#include <windows.h>

namespace procpool::testing {

bool becomes_ready(NativeHandle handle, Duration timeout) {
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  return ::WaitForSingleObject(reinterpret_cast<HANDLE>(handle),
                               static_cast<DWORD>(std::max<long long>(milliseconds, 0))) == WAIT_OBJECT_0;
}

}  // namespace procpool::testing
