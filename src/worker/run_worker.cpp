// SPDX-License-Identifier: MIT
#include "channel/worker_channel.hpp"
#include "pool/cpu_count.hpp"
#include "tasks/find_invoker.hpp"
#include "tasks/image_resolver.hpp"
#include "worker/task_context.hpp"

#include <procpool/byte_buffer.hpp>
#include <procpool/exception.hpp>
#include <procpool/process_backend.hpp>
#include <procpool/task.hpp>

#include <cstring>
#include <cstdio>
#include <iostream>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>

namespace procpool {
namespace detail {
namespace {

/// Longer than it takes to wake a sleeping CPU, or looking would be worth nothing; nothing where there is only one.
Duration longest_spin() {
  return available_cpus() > 1 ? Duration(std::chrono::microseconds(50)) : Duration::zero();
}

class ResolverScope {
 public:
  explicit ResolverScope(ImageResolver& resolver) noexcept { set_current_resolver(&resolver); }
  ~ResolverScope() { set_current_resolver(nullptr); }
  ResolverScope(const ResolverScope&) = delete;
  ResolverScope& operator=(const ResolverScope&) = delete;
};

class TaskScope {
 public:
  explicit TaskScope(TaskContext& context) noexcept { current_task() = &context; }
  ~TaskScope() { current_task() = nullptr; }
  TaskScope(const TaskScope&) = delete;
  TaskScope& operator=(const TaskScope&) = delete;
};

/// What the tasks have printed is not kept back while the worker has nothing else to do.
void flush_output() noexcept {
  std::fflush(stdout);
  std::cout.flush();
}

class WorkerLoop {
 public:
  explicit WorkerLoop(WorkerLink& link) : channel_(link, longest_spin()) {}

  int run() {
    const ResolverScope scope(resolver_);
    ClaimedJob job;
    while (channel_.next(job, flush_output)) {
      ByteBuffer answer(channel_.max_message());
      const ResultKind kind = answer_to(job, answer);
      if (!channel_.publish(job, kind, answer.view())) break;
      // One that could not begin is of no use; the host starts another, if it may.
      if (job.kind == MessageKind::hello && kind == ResultKind::exception) return startup_failed;
    }
    return 0;
  }

 private:
  static constexpr int startup_failed = 70;  // EX_SOFTWARE of sysexits.h

  ResultKind answer_to(const ClaimedJob& job, ByteBuffer& answer) {
    TaskContext context{job.id, job.started, job.soft_limit, job.hard_limit, &channel_.soft_due_word()};
    try {
      const TaskScope scope(context);
      if (job.out_of_memory) throw std::bad_alloc();
      channel_.new_images([this](std::string_view record) { resolver_.add(record); });
      if (job.items == 0) return ResultKind::value;
      std::span<const std::byte> prefix = job.prefix;
      const TaskInvoker invoke = find_invoker(TaskRef{job.task}, prefix);
      if (!job.chunk) {
        invoke(prefix, job.arguments, answer);
        return ResultKind::value;
      }
      run_chunk(job, invoke, prefix, answer);
      return ResultKind::items;
    } catch (...) {
      answer.clear();
      encode_current_exception(answer);
      return ResultKind::exception;
    }
  }

  /// Each item has an outcome of its own: kind (8 bits), length (32 bits), bytes.
  static void run_chunk(const ClaimedJob& job, TaskInvoker invoke, std::span<const std::byte> prefix,
                        ByteBuffer& answer) {
    std::span<const std::byte> left = job.arguments;
    for (std::uint32_t i = 0; i < job.items; ++i) {
      std::uint32_t length = 0;
      std::memcpy(&length, left.data(), sizeof length);
      const std::span<const std::byte> arguments = left.subspan(sizeof length, length);
      left = left.subspan(sizeof length + length);

      const std::size_t header = answer.size();
      answer.extend(sizeof(ResultKind) + sizeof length);
      const std::size_t begin = answer.size();
      ResultKind kind = ResultKind::value;
      try {
        invoke(prefix, arguments, answer);
      } catch (...) {
        answer.truncate(begin);
        encode_current_exception(answer);
        kind = ResultKind::exception;
      }
      length = static_cast<std::uint32_t>(answer.size() - begin);
      std::memcpy(answer.data() + header, &kind, sizeof kind);
      std::memcpy(answer.data() + header + sizeof kind, &length, sizeof length);
    }
  }

  WorkerChannel channel_;
  ImageResolver resolver_;
};

}  // namespace
}  // namespace detail

int run_worker(WorkerLink& link) {
  detail::WorkerLoop loop(link);
  return loop.run();
}

}  // namespace procpool
