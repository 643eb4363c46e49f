// SPDX-License-Identifier: MIT
// What it costs the host to publish jobs, and a worker to publish answers.
#include "micro/rig.hpp"

#include <cstdint>
#include <vector>

namespace procpool::micro {
namespace {

using namespace detail;

/// `state.range(0)` jobs for each commit, `state.range(1)` bytes of arguments each.
void publish_jobs(benchmark::State& state) {
  Channel channel;
  const auto batch = static_cast<std::uint32_t>(state.range(0));
  const std::vector<std::byte> arguments(static_cast<std::size_t>(state.range(1)));
  for (auto _ : state) {
    timed(state, [&] {
      for (std::uint32_t i = 0; i < batch; ++i) channel.stage(arguments);
      channel.host.commit();
    });
    if (channel.host.take_back(batch) != batch) state.SkipWithError("some were not taken back");
  }
  items_in_round(state, batch);
}
BENCHMARK(publish_jobs)
    ->Name("publish/jobs")
    ->UseManualTime()
    ->Args({1, 4})
    ->Args({256, 4})
    ->Args({256, 1000});

/// 256 answers of `state.range(0)` bytes, each published by itself.
void publish_answers(benchmark::State& state) {
  constexpr std::size_t batch = 256;
  Channel channel;
  const std::vector<std::byte> bytes(static_cast<std::size_t>(state.range(0)));
  std::vector<ClaimedJob> claimed(batch);
  for (auto _ : state) {
    for (std::size_t i = 0; i < batch; ++i) channel.stage({});
    channel.host.commit();
    for (ClaimedJob& job : claimed) channel.claim(job);
    timed(state, [&] {
      for (const ClaimedJob& job : claimed) channel.worker.publish(job, ResultKind::value, bytes);
    });
    channel.receive_all();
    if (channel.host.outstanding() != 0) state.SkipWithError("an answer is missing");
  }
  items_in_round(state, batch);
}
BENCHMARK(publish_answers)->Name("publish/answers")->UseManualTime()->Arg(4)->Arg(1000);

}  // namespace
}  // namespace procpool::micro
