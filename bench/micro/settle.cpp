// SPDX-License-Identifier: MIT
// What it costs the host to take an answer, and the Dispatcher to settle what was answered and to give out
// more.
#include "dispatcher/dispatcher.hpp"
#include "micro/rig.hpp"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace procpool::micro {
namespace {

using namespace detail;

void receive_answers(benchmark::State& state) {
  constexpr std::size_t batch = 256;
  Channel channel;
  const std::vector<std::byte> bytes(static_cast<std::size_t>(state.range(0)));
  ClaimedJob job;
  for (auto _ : state) {
    for (std::size_t i = 0; i < batch; ++i) channel.stage({});
    channel.host.commit();
    for (std::size_t i = 0; i < batch; ++i) {
      channel.claim(job);
      channel.worker.publish(job, ResultKind::value, bytes);
    }
    timed(state, [&] { channel.receive_all(); });
    if (channel.host.outstanding() != 0) state.SkipWithError("an answer is missing");
  }
  items_in_round(state, batch);
}
BENCHMARK(receive_answers)->Name("settle/receive")->UseManualTime()->Arg(4)->Arg(1000);

/// A job of so many units, which counts its answers.
class Counted final : public Submission {
 public:
  explicit Counted(std::uint32_t units) noexcept : Submission(units) {}

  void describe(std::uint32_t, std::uint32_t, Message& message) const override {
    message.arguments = arguments_;
  }
  [[nodiscard]] bool settled(std::uint32_t) const noexcept override { return false; }
  [[nodiscard]] Limits limits() const noexcept override { return {}; }
  [[nodiscard]] Duration lost_worker_timeout() const noexcept override { return std::chrono::seconds(10); }
  void limit_passed(std::uint32_t, bool) noexcept override {}
  void started(std::uint32_t, Pid, TimePoint) override {}
  [[nodiscard]] bool progressed(std::uint32_t, std::span<const std::byte>) override { return true; }
  [[nodiscard]] bool accept(std::uint32_t, Answer&& answer, Pid) override {
    answered(answer.count);
    return true;
  }
  void fail(std::uint32_t, const std::exception_ptr&, Pid) noexcept override { answered(1); }
  [[nodiscard]] Waitable* listener() const noexcept override { return nullptr; }

 private:
  void answered(std::uint32_t count) noexcept {
    answers_ += count;
    if (answers_ == units()) set_ready();
  }

  std::byte arguments_[4] = {};
  std::uint32_t answers_ = 0;
};

class NoLoop final : public DispatcherLoop {
 public:
  void serve_soon() noexcept override {}
  void kill(WorkerId) noexcept override {}
  void drained() noexcept override {}
  [[nodiscard]] bool has_thread() const noexcept override { return true; }
  void drive(Duration) override {}
};

/// A worker that does what there is to do when it is told.
struct Worker {
  Memory memory;
  NoLink link{memory};
  WorkerChannel channel{link};
  ClaimedJob job;

  std::size_t answer_all() {
    std::size_t count = 0;
    for (; channel.next(job, no_idle); ++count)
      channel.publish(job, ResultKind::value, job.arguments.whole());
    return count;
  }
};

/// One turn: the answers of `state.range(0)` workers, and new jobs for them.
void serve(benchmark::State& state) {
  NoLoop loop;
  Dispatcher dispatcher({.terms = {.max_message = max_message}, .max_queued = 0, .now = &Clock::now}, loop);
  std::vector<std::unique_ptr<Worker>> workers;
  Message hello;
  hello.kind = MessageKind::hello;
  hello.items = 0;
  for (std::int64_t i = 1; i <= state.range(0); ++i) {
    Worker& worker = *workers.emplace_back(std::make_unique<Worker>());
    const auto id = static_cast<WorkerId>(i);
    dispatcher.add_worker(id, std::make_unique<NoProcess>(worker.memory), std::span(&hello, 1));
    dispatcher.worker_started(id, static_cast<Pid>(1000 + i));
    worker.answer_all();
  }
  dispatcher.serve();
  Ref<Counted> job;
  double settled = 0;
  for (auto _ : state) {
    if (!job || job->ready()) {
      job = Ref<Counted>::adopt(new Counted(1'000'000));
      dispatcher.submit(Ref<Submission>::share(job.get()));
    }
    std::size_t answers = 0;
    for (const auto& worker : workers) answers += worker->answer_all();
    timed(state, [&] { dispatcher.serve(); });
    settled += static_cast<double>(answers);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(settled));
  state.counters["each"] =
      benchmark::Counter(settled, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  dispatcher.terminate(std::make_exception_ptr(0), std::make_exception_ptr(0));
}
BENCHMARK(serve)->Name("settle/serve")->UseManualTime()->Arg(1)->Arg(2)->Arg(64);

}  // namespace
}  // namespace procpool::micro
