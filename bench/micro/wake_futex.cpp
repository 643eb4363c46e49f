// SPDX-License-Identifier: MIT
// A round trip between two threads by a futex, which procpool does not use: what the doorbells cost beside
// it.
#include <atomic>
#include <cstdint>
#include <thread>

#include <benchmark/benchmark.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace procpool::micro {
namespace {

using Word = std::atomic<std::uint32_t>;
static_assert(sizeof(Word) == sizeof(std::uint32_t));

void wait(Word& word, std::uint32_t old) {
  while (word.load() == old) ::syscall(SYS_futex, &word, FUTEX_WAIT, old, nullptr, nullptr, 0);
}
void wake(Word& word, std::uint32_t value) {
  word.store(value);
  ::syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

void futex(benchmark::State& state) {
  constexpr std::uint32_t stop = ~std::uint32_t{0};
  Word there{0};
  Word back{0};
  std::thread other([&] {
    for (std::uint32_t seen = 0;;) {
      wait(there, seen);
      seen = there.load();
      wake(back, seen);
      if (seen == stop) return;
    }
  });
  std::uint32_t round = 0;
  for (auto _ : state) {
    wake(there, ++round);
    wait(back, round - 1);
  }
  wake(there, stop);
  other.join();
}
BENCHMARK(futex)->Name("wake/futex")->UseRealTime();

}  // namespace
}  // namespace procpool::micro
