// SPDX-License-Identifier: MIT
// A shared library that knows nothing of procpool. Built twice, with different factors: two builds of one
// library.

extern "C" __attribute__((visibility("default"))) int library_task(int value) {
  return value * TASK_LIBRARY_FACTOR;
}

namespace {

__attribute__((noinline)) int inside_library(int value) {
  volatile unsigned long nowhere = 0x10;
  *reinterpret_cast<volatile int*>(nowhere) = value;
  return value + 1;
}

}  // namespace

namespace library_of_tasks_for_tests {

__attribute__((visibility("default"), used)) int
function_with_a_long_name_for_tests_of_what_is_demangled_and_what_is_not(int value) {
  return library_task(value) + 1;
}

}  // namespace library_of_tasks_for_tests

extern "C" __attribute__((visibility("default"))) int library_crash(int value) {
  return inside_library(value) + TASK_LIBRARY_FACTOR;
}
