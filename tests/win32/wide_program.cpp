// SPDX-License-Identifier: MIT
// A program whose entry point is wmain. Prints what a worker has computed.
#include <procpool/procpool.hpp>

#include <cstdio>

int wmain(int argc, wchar_t** argv) {
  procpool::init(argc, argv);
  procpool::Pool pool(1);
  std::printf("%d of %d\n", pool.apply([](int a, int b) { return a * b; }, 6, 7), argc);
  return 0;
}
