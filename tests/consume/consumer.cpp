// SPDX-License-Identifier: MIT
// The program of somebody who uses procpool: the same for every way of consuming it.
#include <procpool/procpool.hpp>

#include <cstdio>
#include <cstdlib>
#include <vector>

int square(int x) {
  return x * x;
}
int give_up(int) {
  std::abort();
}

int main(int argc, char** argv) {
  procpool::init(argc, argv);
  procpool::Pool pool(2);
  if (pool.apply(square, 6) != 36) return 1;
  try {
    pool.apply(give_up, 1);
    return 2;
  } catch (const procpool::WorkerLostError& lost) {
    if (lost.reason() != procpool::WorkerLostError::Reason::crashed) return 3;
  }
  if (pool.map(square, std::vector{1, 2, 3}) != std::vector{1, 4, 9}) return 4;
  std::puts("a worker died, the pool went on");
}
