// SPDX-License-Identifier: MIT
#include <procpool/procpool.hpp>

#include <cstdio>
#include <cstdlib>
#include <ranges>
#include <vector>

int square(int x) {
  return x * x;
}
int give_up(int code) {
  std::exit(code);
}

int main(int argc, char** argv) {
  procpool::init(argc, argv);  // first: a worker may be this program, run again
  procpool::Pool pool({.processes = 4});

  const std::vector<int> squares = pool.map(square, std::views::iota(0, 20));
  std::printf("the square of 19 is %d\n", squares.back());

  try {
    pool.apply(give_up, 3);
  } catch (const procpool::WorkerLostError& lost) {
    std::printf("a worker was lost: %s\n", lost.exit_status().to_string().c_str());
  }
  std::printf("and 6 times 7 is still %d\n", pool.apply([](int a, int b) { return a * b; }, 6, 7));
}
