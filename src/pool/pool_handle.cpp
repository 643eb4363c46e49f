// SPDX-License-Identifier: MIT
#include "jobs/job.hpp"
#include "jobs/map_job.hpp"
#include "pool/cpu_count.hpp"
#include "pool/pool_core.hpp"

#include <procpool/detail/pool_handle.hpp>
#include <procpool/pool.hpp>

#include <chrono>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace procpool {
namespace detail {
namespace {

/// Who cannot wait for want of memory, and may not leave either, looks again.
constexpr std::chrono::milliseconds look_without_memory{1};

/// The caller's reference goes to the handle.
JobHandle submit(PoolCore& core, Ref<Job> job, std::unique_ptr<JobOptions> options, bool caller_waits) {
  job->set_options(std::move(options));
  if (job->units() == 0) {
    job->settle_empty();
  } else {
    core.submit(job, caller_waits);
  }
  job->retain();
  return JobHandle(job.get());
}

JobHandle submit_with_slot(PoolCore& core, Ref<Job> job, std::unique_ptr<JobOptions> options,
                           bool caller_waits) {
  const auto& semaphore = core.context()->semaphore;
  if (!semaphore || (options && !options->wait_for_slot)) {
    return submit(core, std::move(job), std::move(options), caller_waits);
  }
  core.context()->dispatcher->check_open();
  core.acquire_slot(*semaphore);
  try {
    job->hold_slot();
    return submit(core, std::move(job), std::move(options), caller_waits);
  } catch (...) {
    semaphore->release();
    throw;
  }
}

/// Nobody leaves its scope before the job has settled: something is lent to it.
class Lender {
 public:
  explicit Lender(const JobHandle& handle) noexcept : handle_(handle) {}
  ~Lender() {
    while (!handle_.ready()) {
      try {
        wait();
      } catch (...) {
        std::this_thread::sleep_for(look_without_memory);
      }
    }
  }
  Lender(const Lender&) = delete;
  Lender& operator=(const Lender&) = delete;

  /// Throws what a backend that is not ours throws, whose events a pool without threads serves here.
  void wait() const {
    while (!handle_.ready()) {
      try {
        handle_.await(std::nullopt);
      } catch (const std::bad_alloc&) {
        std::this_thread::sleep_for(look_without_memory);
      }
    }
  }

 private:
  const JobHandle& handle_;
};

}  // namespace

PoolHandle::PoolHandle(PoolOptions&& options) : core_(std::make_shared<PoolCore>(std::move(options))) {}

PoolCore& PoolHandle::get() const {
  if (!core_) throw std::logic_error("procpool: this pool has been moved from");
  return *core_;
}

JobHandle PoolHandle::call(TaskRef task, std::size_t prefix_length, ByteBuffer&& bytes,
                           std::unique_ptr<JobOptions> options) const {
  PoolCore& core = get();
  return submit_with_slot(core, Call::make(core.context(), {task.value, prefix_length}, std::move(bytes), {}),
                          std::move(options), false);
}

JobHandle PoolHandle::call_and_wait(TaskRef task, std::size_t prefix_length, ByteBuffer&& bytes,
                                    const Loan& loan) const {
  PoolCore& core = get();
  const JobHandle handle = submit_with_slot(
      core, Call::make(core.context(), {task.value, prefix_length}, std::move(bytes), loan), nullptr, true);
  if (loan.any()) {
    Lender(handle).wait();
    return handle;
  }
  try {
    handle.await(std::nullopt);
  } catch (const std::bad_alloc&) {
    if (!handle.ready()) throw;
  }
  return handle;
}

JobHandle PoolHandle::map(TaskRef task, ByteBuffer&& prefix, MapItems&& items,
                          std::unique_ptr<JobOptions> options) const {
  PoolCore& core = get();
  check_open();
  auto job = Ref<Job>::adopt(new MapJob(core.context(), task.value, std::move(prefix), std::move(items)));
  return submit(core, std::move(job), std::move(options), false);
}

JobHandle PoolHandle::map_and_wait(TaskRef task, ByteBuffer&& prefix, MapItems&& items,
                                   ValuesPlace& place) const {
  PoolCore& core = get();
  auto job =
      Ref<Job>::adopt(new MapJob(core.context(), task.value, std::move(prefix), std::move(items), &place));
  const JobHandle handle = submit(core, std::move(job), nullptr, true);
  Lender(handle).wait();
  return handle;
}

bool PoolHandle::may_lend() const {
  return !get().makes_callbacks_in_waits();
}
std::size_t PoolHandle::max_message() const {
  return get().max_message();
}
void PoolHandle::check_open() const {
  get().context()->dispatcher->check_open();
}
void PoolHandle::close() const {
  get().close();
}
void PoolHandle::terminate() const {
  get().terminate();
}

bool PoolHandle::join(std::optional<Duration> timeout) const {
  if (!timeout) return get().join(std::nullopt);
  const TimePoint now = Clock::now();
  return *timeout > TimePoint::max() - now ? get().join(std::nullopt) : get().join(now + *timeout);
}

void PoolHandle::end() noexcept {
  if (!core_) return;
  if (!core_->in_own_process()) {
    // Forked from the host: threads and workers are the host's, and stay so.
    static_cast<void>(new std::shared_ptr<PoolCore>(std::move(core_)));
    return;
  }
  core_->terminate();
  core_->join(std::nullopt);
  core_.reset();
}

void PoolHandle::grow(std::size_t count) const {
  get().resize(count, 0);
}
void PoolHandle::shrink(std::size_t count) const {
  get().resize(0, count);
}
void PoolHandle::restart() const {
  get().restart();
}
void PoolHandle::maintain() const {
  get().maintain();
}
void PoolHandle::handle_result_event() const {
  get().handle_result_event();
}
NativeHandle PoolHandle::event_handle() const {
  return get().event_handle();
}
bool PoolHandle::did_start_ok() const {
  return get().did_start_ok();
}
MemoryLimitBy PoolHandle::memory_limit_by() const {
  return get().memory_limit_by();
}
PoolStats PoolHandle::stats() const {
  return get().stats();
}

void PoolHandle::terminate_job(Pid pid, int signum) const {
  if (get().context()->dispatcher->terminate_worker(pid, signum)) return;
  throw std::invalid_argument("procpool: terminate_job: process " + std::to_string(pid) +
                              " is no worker of this pool");
}

std::vector<NativeHandle> PoolHandle::process_sentinels() const {
  return get().context()->dispatcher->sentinels();
}

std::size_t PoolHandle::size() const {
  return get().processes();
}
std::vector<Pid> PoolHandle::worker_pids() const {
  return get().context()->dispatcher->worker_pids();
}

void PoolHandle::on_callback_error(std::function<void(std::exception_ptr)> handler) const {
  get().context()->callbacks->set_error_handler(std::move(handler));
}

}  // namespace detail

std::size_t cpu_count() {
  return detail::available_cpus();
}

}  // namespace procpool
