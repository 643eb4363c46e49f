// SPDX-License-Identifier: MIT
// The main of every test program: procpool's entry for workers first, then GoogleTest with the leak check.
#include "helpers/held_resources.hpp"
#include "helpers/leak_check.hpp"
#include "helpers/platform.hpp"

#include <procpool/init.hpp>

#include <thread>

#include <gtest/gtest.h>
#include <uv.h>

namespace {

// What the first use of something opens once and for all is no leak of the first test: libuv's pipe for
// signals, ThreadSanitizer's background thread.
void open_what_is_kept() {
  uv_loop_t loop;
  if (uv_loop_init(&loop) == 0) uv_loop_close(&loop);
  std::thread([] {}).join();
}

}  // namespace

int main(int argc, char** argv) {
  procpool::init(argc, argv);
  procpool::testing::play_grandchild(argc, argv);
  procpool::testing::mark_descendants(argv);
  ::testing::InitGoogleTest(&argc, argv);
  open_what_is_kept();
  ::testing::UnitTest::GetInstance()->listeners().Append(new procpool::testing::LeakCheck);
  return RUN_ALL_TESTS();
}
