// SPDX-License-Identifier: MIT
// What it costs a worker to claim a job, alone and out of a pack, and the host to take jobs back.
#include "micro/rig.hpp"

#include <cstdint>
#include <vector>

namespace procpool::micro {
namespace {

using namespace detail;

constexpr std::size_t jobs = 1024;

void claim_job(benchmark::State& state) {
  Channel channel;
  std::vector<ClaimedJob> claimed(jobs);
  const std::byte arguments[4] = {};
  for (auto _ : state) {
    for (std::size_t i = 0; i < jobs; ++i) channel.stage(arguments);
    channel.host.commit();
    timed(state, [&] {
      for (ClaimedJob& job : claimed) {
        if (!channel.claim(job)) state.SkipWithError("nothing to claim");
      }
    });
    for (const ClaimedJob& job : claimed)
      channel.worker.publish(job, ResultKind::value, job.arguments.whole());
    channel.receive_all();
  }
  items_in_round(state, jobs);
}
BENCHMARK(claim_job)->Name("claim/job")->UseManualTime();

/// With its answer, which goes into the draft: what an item costs the worker beside its work.
void claim_item_of_pack(benchmark::State& state) {
  Channel channel;
  ClaimedJob job;
  std::vector<std::uint32_t> items;  // each has a length, and four bytes
  for (std::size_t i = 0; i < jobs; ++i) items.insert(items.end(), {4, 0});
  for (auto _ : state) {
    Message message;
    message.id = channel.next_id;
    message.count = jobs;
    message.pack = true;
    message.arguments = std::as_bytes(std::span(items));
    channel.next_id += jobs;
    channel.host.stage(message);
    channel.host.commit();
    std::size_t count = 0;
    timed(state, [&] {
      for (; channel.claim(job); ++count)
        channel.worker.publish(job, ResultKind::value, job.arguments.whole());
    });
    channel.receive_all();
    if (count != jobs || channel.host.outstanding() != 0) state.SkipWithError("items are missing");
  }
  items_in_round(state, jobs);
}
BENCHMARK(claim_item_of_pack)->Name("claim/item_of_pack")->UseManualTime();

void take_back(benchmark::State& state) {
  Channel channel;
  const std::byte arguments[4] = {};
  const auto batch = static_cast<std::uint32_t>(state.range(0));
  for (auto _ : state) {
    for (std::uint32_t i = 0; i < batch; ++i) channel.stage(arguments);
    channel.host.commit();
    timed(state, [&] {
      if (channel.host.take_back(batch) != batch) state.SkipWithError("some were not taken back");
    });
  }
  items_in_round(state, batch);
}
BENCHMARK(take_back)->Name("claim/take_back")->UseManualTime()->Arg(1)->Arg(1024);

}  // namespace
}  // namespace procpool::micro
