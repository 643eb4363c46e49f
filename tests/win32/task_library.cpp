// SPDX-License-Identifier: MIT
// A DLL that knows nothing of procpool. Built twice, with different factors: two builds of one library.
#include <cstdint>

extern "C" __declspec(dllexport) int library_task(int value) {
  return value * TASK_LIBRARY_FACTOR;
}

extern "C" __declspec(dllexport) int library_crash(int value) {
  volatile std::uintptr_t address = 64;
  *reinterpret_cast<volatile int*>(address) = value;
  return TASK_LIBRARY_FACTOR;
}
