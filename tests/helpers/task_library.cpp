// SPDX-License-Identifier: MIT
// A shared library that knows nothing of procpool. Built twice, with different factors: two builds of one
// library.

extern "C" __attribute__((visibility("default"))) int library_task(int value) {
  return value * TASK_LIBRARY_FACTOR;
}
