// SPDX-License-Identifier: MIT
// A host that dies while it starts its workers: so many microseconds after it has begun to, as its argument
// says.
#include <procpool/procpool.hpp>

#include <chrono>
#include <cstdlib>
#include <thread>

#include <windows.h>

int main(int argc, char** argv) {
  procpool::init(argc, argv);
  const std::chrono::microseconds life(argc > 1 ? std::atoi(argv[1]) : 0);
  std::thread([] {
    const procpool::Pool pool(4);
    std::this_thread::sleep_for(std::chrono::hours(1));
  }).detach();
  std::this_thread::sleep_for(life);
  ::TerminateProcess(::GetCurrentProcess(), 1);
}
