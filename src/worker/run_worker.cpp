// SPDX-License-Identifier: MIT
#include "channel/worker_channel.hpp"
#include "pool/process_id.hpp"
#include "serialization/spare_memory.hpp"
#include "tasks/find_invoker.hpp"
#include "tasks/image_resolver.hpp"
#include "worker/nudge.hpp"
#include "worker/own_footprint.hpp"
#include "worker/task_context.hpp"

#include <procpool/byte_buffer.hpp>
#include <procpool/detail/argument_bytes.hpp>
#include <procpool/detail/result_bytes.hpp>
#include <procpool/errors.hpp>
#include <procpool/exception.hpp>
#include <procpool/process_backend.hpp>
#include <procpool/task.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>

namespace procpool {
namespace detail {
namespace {

class ResolverScope {
 public:
  explicit ResolverScope(ImageResolver& resolver) noexcept { set_current_resolver(&resolver); }
  ~ResolverScope() { set_current_resolver(nullptr); }
  ResolverScope(const ResolverScope&) = delete;
  ResolverScope& operator=(const ResolverScope&) = delete;
};

class TaskScope {
 public:
  explicit TaskScope(TaskContext& context) noexcept { task_of_this_thread() = &context; }
  ~TaskScope() {
    task_of_this_thread() = nullptr;
    end_nudges();
  }
  TaskScope(const TaskScope&) = delete;
  TaskScope& operator=(const TaskScope&) = delete;
};

/// What the tasks have printed is not kept back while the worker has nothing else to do.
void flush_output() noexcept {
  std::fflush(stdout);
  std::cout.flush();
}

class WorkerLoop final : private ProgressReporter, private ResultStream {
 public:
  explicit WorkerLoop(WorkerLink& link) : channel_(link) {}

  int run() {
    const ResolverScope scope(resolver_);
    int code = 0;
    while (channel_.next(job_, flush_output)) {
      ByteBuffer answer(channel_.max_message());
      streamed_ = false;
      const ResultKind kind = answer_to(job_, answer);
      if (!streamed_) {
        last_ = is_last();
        host_gone_ = !channel_.skip_arguments() || !channel_.publish(job_, kind, answer.view(), last_);
      }
      if (host_gone_) break;
      // One that could not begin is of no use; the host starts another, if it may.
      if (job_.kind == MessageKind::hello && kind == ResultKind::exception) code = startup_failed;
      if (last_ || code != 0) break;
    }
    run_exit_task(code);
    return code;
  }

 private:
  static constexpr int startup_failed = 70;  // EX_SOFTWARE of sysexits.h
  static constexpr int returned_from_fork = 70;

  /// The task that has just ended was the last that this worker may run.
  bool is_last() {
    if (job_.kind != MessageKind::task) return false;
    ++tasks_;
    if (channel_.max_tasks() != 0 && tasks_ >= channel_.max_tasks()) return true;
    if (channel_.max_footprint() == 0) return false;
    const std::uint64_t footprint = own_footprint();
    return footprint > first_footprint_ && footprint - first_footprint_ > channel_.max_footprint();
  }

  /// Before anything of the user's runs. What the host has set is there since the first message was.
  void get_ready() {
    channel_.begin_to_look();
    if (channel_.memory_watched()) keep_no_spare_memory();
    if (channel_.max_footprint() != 0) first_footprint_ = own_footprint();
    // Throws if the worker is of another build: the host's references would mean something else in it.
    if (channel_.same_program()) static_cast<void>(resolver_.resolve(TaskRef::at(0, 0)));
  }

  /// Keeps what shall run when the worker ends.
  void keep_exit_task(const ClaimedJob& job) {
    std::span<const std::byte> prefix = job.prefix;
    exit_task_ = find_invoker(TaskRef{job.task}, prefix);
    exit_task_prefix_.append(prefix);
  }

  /// What it throws has nowhere to go: the worker ends in any case.
  void run_exit_task(int code) noexcept {
    if (exit_task_ == nullptr) return;
    try {
      ByteBuffer arguments;
      ByteBuffer ignored;
      ExitTask::encode_arguments(arguments, current_process_id(), code);
      exit_task_(exit_task_prefix_.view(), arguments.view(), ignored);
    } catch (...) {
      flush_output();
    }
  }

  ResultKind answer_to(const ClaimedJob& job, ByteBuffer& answer) {
    TaskContext context;
    // An initializer is no task, but a child that it forks must not answer either.
    if (job.kind == MessageKind::task) context.job = job.id;
    context.started = job.started;
    context.soft_limit = job.soft_limit;
    context.hard_limit = job.hard_limit;
    context.soft_due = &channel_.soft_due_word();
    context.progress = this;
    context_ = &context;
    try {
      const TaskScope scope(context);
      if (job.refused) return ResultKind::refused;
      if (job.out_of_memory) throw std::bad_alloc();
      channel_.new_images([this](std::string_view record) { resolver_.add(record); });
      if (job.kind == MessageKind::hello) get_ready();
      if (job.items == 0) return ResultKind::value;
      if (job.kind == MessageKind::exit_task) {
        keep_exit_task(job);
        return ResultKind::value;
      }
      if (!job.continues || invoke_ == nullptr) {
        invoke_ = nullptr;
        prefix_ = job.prefix;
        invoke_ = find_invoker(TaskRef{job.task}, prefix_);
      }
      if (!job.chunk) {
        invoke_(prefix_, job.arguments, result_of_one(answer));
        end_if_forked();
        return ResultKind::value;
      }
      run_chunk(job, answer);
      return ResultKind::items;
    } catch (...) {
      answer.clear();
      encode_failure(answer);
      return ResultKind::exception;
    }
  }

  /// Whether this worker has to end with the task can be told before its result is gone, unless that depends
  /// on what it leaves behind.
  ResultBytes result_of_one(ByteBuffer& answer) noexcept {
    if (channel_.max_footprint() != 0) return answer;
    return {answer, *this, longest_whole_message};
  }
  void begin(std::size_t size) noexcept override {
    end_if_forked();
    streamed_ = true;
    last_ = is_last();
    host_gone_ = !channel_.publish_stream(job_, size, last_);
  }
  void write(const void* bytes, std::size_t count) noexcept override {
    const std::span piece{static_cast<const std::byte*>(bytes), count};
    host_gone_ = host_gone_ || !channel_.write_stream(piece);
  }

  /// Where a task has returned or thrown: a child that it forked ends here, and the worker alone answers.
  void end_if_forked() const noexcept {
    if (!context_->in_fork) return;
    std::fputs("procpool: a child that a task forked came back from the task; it has to exec or _exit\n",
               stderr);
    std::_Exit(returned_from_fork);
  }

  /// In a catch block. Where memory is capped, running out of it is the limit's doing.
  void encode_failure(ByteBuffer& answer) {
    end_if_forked();
    if (channel_.memory_capped()) {
      try {
        throw;
      } catch (const std::bad_alloc&) {
        try {
          throw MemoryLimitExceeded("procpool: the task needed more memory than its worker may have");
        } catch (...) {
          encode_current_exception(answer);
          return;
        }
      } catch (...) {
        // Any other is encoded as it is.
      }
    }
    encode_current_exception(answer);
  }

  void report(double fraction, std::string_view note) override {
    ByteBuffer bytes;
    bytes.append(&fraction, sizeof fraction);
    bytes.append(note.data(), std::min(note.size(), longest_note));
    static_cast<void>(channel_.publish(job_, ResultKind::progress, bytes.view()));
  }

  /// Each item, of one at least, has an outcome of its own: kind (8 bits), length (32 bits), bytes.
  void run_chunk(const ClaimedJob& job, ByteBuffer& answer) {
    const ResultBytes result(answer);
    std::span<const std::byte> left = job.arguments.whole();
    const auto even = static_cast<std::uint32_t>(left.size() / job.items);
    for (std::uint32_t i = 0; i < job.items; ++i) {
      std::uint32_t length = even;
      if (!job.even) {
        std::memcpy(&length, left.data(), sizeof length);
        left = left.subspan(sizeof length);
      }
      const std::span<const std::byte> arguments = left.first(length);
      left = left.subspan(length);

      const std::size_t header = answer.size();
      answer.extend(answer_header);
      const std::size_t begin = answer.size();
      ResultKind kind = ResultKind::value;
      try {
        invoke_(prefix_, arguments, result);
        end_if_forked();
      } catch (...) {
        answer.truncate(begin);
        encode_failure(answer);
        kind = ResultKind::exception;
      }
      length = static_cast<std::uint32_t>(answer.size() - begin);
      std::memcpy(answer.data() + header, &kind, sizeof kind);
      std::memcpy(answer.data() + header + sizeof kind, &length, sizeof length);
    }
  }

  WorkerChannel channel_;
  ImageResolver resolver_;
  ClaimedJob job_;
  const TaskContext* context_ = nullptr;  ///< of the task at hand
  TaskInvoker invoke_ = nullptr;          ///< of the message at hand
  std::span<const std::byte> prefix_;
  std::uint64_t first_footprint_ = 0;  ///< what it was born with, if that matters
  std::uint64_t tasks_ = 0;
  bool streamed_ = false;  ///< the answer to the job at hand is with the host already
  bool last_ = false;      ///< it was the last one
  bool host_gone_ = false;
  TaskInvoker exit_task_ = nullptr;
  ByteBuffer exit_task_prefix_;
};

}  // namespace
}  // namespace detail

int run_worker(WorkerLink& link) {
  detail::WorkerLoop loop(link);
  return loop.run();
}

}  // namespace procpool
