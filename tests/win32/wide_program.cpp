// SPDX-License-Identifier: MIT
// A program whose entry point is wmain. A worker prints, and then the program what the worker has computed.
#include <procpool/procpool.hpp>

#include <cstdio>

int print_and_multiply(int a, int b) {
  std::printf("in a worker\n");
  std::fflush(stdout);
  return a * b;
}

int wmain(int argc, wchar_t** argv) {
  procpool::init(argc, argv);
  procpool::Pool pool(1);
  std::printf("%d of %d\n", pool.apply(print_and_multiply, 6, 7), argc);
  return 0;
}
