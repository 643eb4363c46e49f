// SPDX-License-Identifier: MIT
// A pool that writes a timeline of itself: open the file in https://ui.perfetto.dev or chrome://tracing.
//
//   trace [FILE]    the default is pool.trace.json, here
#include <procpool/procpool.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <tuple>
#include <vector>

using namespace std::chrono_literals;

int render(int tile) {
  procpool::this_task::sleep_for(std::chrono::milliseconds(3 + tile % 4 * 3));  // stands for work
  return tile;
}
PROCPOOL_TASK("render", render);  // so that it has its name on every system
int square(int x) {
  return x * x;
}
int never_ends() {
  for (;;) procpool::this_task::sleep_for(1s);
}
int give_up() {
  std::exit(3);
}

/// The lines of the file, which are one event each, that contain the text.
int count_events(const std::string& file, const std::string& text) {
  std::ifstream stream(file);
  int count = 0;
  for (std::string line; std::getline(stream, line);) count += line.find(text) != std::string::npos ? 1 : 0;
  return count;
}

int main(int argc, char** argv) {
  procpool::init(argc, argv);
  const std::string file = argc > 1 ? argv[1] : "pool.trace.json";

  {
    procpool::Pool pool({.processes = 3, .trace = file});
    const auto draw = procpool::named<int(int)>("render");
    // Many tiles, and among them a task that has to be killed and one that takes its worker along.
    const auto tiles = pool.map_async(draw, std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
    const auto stuck = pool.apply_async(never_ends, std::tuple{}, {.timeout = 25ms});
    const auto lost = pool.apply_async(give_up);
    const auto more = pool.map_async(draw, std::vector<int>{3, 2, 1, 0, 3, 2, 1, 0});
    tiles.wait();
    stuck.wait();
    lost.wait();
    more.wait();
    // Items that take no time travel many in a message: one event for each message.
    const std::vector<int> squares = pool.map(square, std::vector<int>(1000, 7));
    std::printf("12 tiles, 8 more, and %zu squares\n", squares.size());
  }  // the pool ends here, and the file with it

  std::printf("tiles in the trace: %d\n", count_events(file, "{\"name\":\"render\""));
  std::printf("kills by a limit: %d\n", count_events(file, "\"why\":\"hard limit\""));
  std::printf("workers lost: %d\n", count_events(file, "{\"name\":\"lost\""));
}
