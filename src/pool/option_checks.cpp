// SPDX-License-Identifier: MIT
#include "pool/option_checks.hpp"

#include "pool/backend_factory.hpp"
#include "pool/cpu_count.hpp"

#include <chrono>
#include <stdexcept>
#include <string>
#include <system_error>

namespace procpool::detail {
namespace {

constexpr std::size_t restarts_per_worker = 100;
constexpr MemorySize longest_message = 2 * GiB;
constexpr MemorySize default_message = 512 * MiB;
constexpr MemorySize longest_stderr_tail = 64 * MiB;

[[noreturn]] void refuse(const char* field, const std::string& why) {
  throw std::invalid_argument(std::string("procpool: PoolOptions::") + field + " " + why);
}

}  // namespace

std::size_t checked_processes(const PoolOptions& options) {
  const std::size_t count = options.processes.value_or(available_cpus());
  if (count == 0) refuse("processes", "is 0: a pool needs a worker");
  if (count > most_processes) refuse("processes", "is above " + std::to_string(most_processes));
  return count;
}

Limits checked_limits(const PoolOptions& options) {
  if (!options.enable_timeouts && (options.timeout || options.soft_timeout)) {
    refuse(options.timeout ? "timeout" : "soft_timeout", "is given, but enable_timeouts is false");
  }
  if (options.timeout && *options.timeout <= Duration::zero()) refuse("timeout", "has to be above 0");
  if (options.soft_timeout && *options.soft_timeout <= Duration::zero()) {
    refuse("soft_timeout", "has to be above 0");
  }
  if (options.timeout && options.soft_timeout && *options.soft_timeout > *options.timeout) {
    refuse("soft_timeout", "is above timeout");
  }
  return {options.soft_timeout.value_or(Duration::zero()), options.timeout.value_or(Duration::zero())};
}

Duration checked_lost_worker_timeout(const PoolOptions& options) {
  const Duration timeout = options.lost_worker_timeout.value_or(std::chrono::seconds(10));
  if (timeout <= Duration::zero()) refuse("lost_worker_timeout", "has to be above 0");
  return timeout;
}

std::shared_ptr<Semaphore> checked_semaphore(const PoolOptions& options) {
  if (options.semaphore) return options.semaphore;
  return options.putlocks ? std::make_shared<Semaphore>(checked_processes(options)) : nullptr;
}

std::size_t checked_max_restarts(const PoolOptions& options) {
  return options.max_restarts.value_or(restarts_per_worker * checked_processes(options));
}

Duration checked_max_restart_freq(const PoolOptions& options) {
  const Duration window = options.max_restart_freq.value_or(std::chrono::seconds(1));
  if (window <= Duration::zero()) refuse("max_restart_freq", "has to be above 0");
  return window;
}

WorkerTerms checked_terms(const PoolOptions& options) {
  WorkerTerms terms;
  terms.same_program = options.worker_program.empty();
  if (options.max_tasks_per_child) {
    if (*options.max_tasks_per_child == 0) refuse("max_tasks_per_child", "is 0: a worker has to run a task");
    terms.max_tasks = *options.max_tasks_per_child;
  }
  if (options.max_memory_per_child) {
    if (options.max_memory_per_child->bytes() == 0) refuse("max_memory_per_child", "has to be above 0");
    terms.max_footprint = options.max_memory_per_child->bytes();
  }
  const MemorySize size = options.max_message_size.value_or(default_message);
  if (size < KiB) refuse("max_message_size", "has to be 1 KiB at least");
  if (size > longest_message) refuse("max_message_size", "has to be 2 GiB at most");
  terms.max_message = static_cast<std::size_t>(size.bytes());
  return terms;
}

WorkerSetup checked_setup(const PoolOptions& options) {
  WorkerSetup setup;
  setup.program = options.worker_program;
  setup.environment = options.environment;
  setup.working_directory = options.working_directory;
  for (const auto& [name, value] : options.environment) {
    if (name.empty() || name.find('=') != std::string::npos) {
      refuse("environment", "has a name that is empty or contains '=': \"" + name + "\"");
    }
  }
  if (options.memory_limit) {
    if (*options.memory_limit < MiB) refuse("memory_limit", "has to be 1 MiB at least");
    setup.memory_limit = options.memory_limit;
  }
  if (options.capture_stderr) {
    if (*options.capture_stderr == MemorySize{}) refuse("capture_stderr", "is 0: nothing would be kept");
    if (*options.capture_stderr > longest_stderr_tail) refuse("capture_stderr", "has to be 64 MiB at most");
    setup.capture_stderr = options.capture_stderr;
  }
  return setup;
}

std::size_t checked_max_queued_jobs(const PoolOptions& options) {
  if (options.max_queued_jobs && *options.max_queued_jobs == 0) {
    refuse("max_queued_jobs", "is 0: nothing could ever be submitted");
  }
  return options.max_queued_jobs.value_or(0);
}

std::shared_ptr<ProcessBackend> checked_backend(const PoolOptions& options) {
  const BackendChoice choice = options.backend.value_or(default_backend());
  if (const auto* own = std::get_if<std::shared_ptr<ProcessBackend>>(&choice.get())) {
    if (*own == nullptr) refuse("backend", "is a null pointer");
    return *own;
  }
  return make_backend(std::get<Backend>(choice.get()));
}

std::unique_ptr<TraceOutput> open_checked_trace(const PoolOptions& options) {
  const std::string& path = options.trace;
  if (path.find('\0') != std::string::npos) refuse("trace", "is a path with a null character");
  try {
    return open_trace_file(path);
  } catch (const std::system_error& error) {
    refuse("trace", "cannot be written: " + path + ": " + error.code().message());
  }
}

}  // namespace procpool::detail
