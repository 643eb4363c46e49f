// SPDX-License-Identifier: MIT
#include "supervision/supervisor.hpp"

#include "channel/layout.hpp"
#include "make_error.hpp"
#include "signal_name.hpp"

#include <procpool/errors.hpp>

#include <algorithm>
#include <chrono>
#include <new>
#include <string>
#include <utility>

namespace procpool::detail {
namespace {

/// After a start that failed, the next is tried a little later each time.
constexpr Duration first_retry = std::chrono::milliseconds(10);
constexpr std::size_t retry_doublings = 7;
/// So many tries in a row that fail are no passing shortage, if not one worker is left to wait for.
constexpr std::size_t most_failed_starts = 12;
/// So many workers in a row, beside one for each that the pool wants, may fail to get as far as their first
/// task.
constexpr std::size_t spare_startups = 8;

/// What the workers' initializer throws, or their check of the build; or they do not get as far.
std::exception_ptr startup_failure(const std::exception_ptr& thrown) {
  std::string what = "procpool: no worker can start";
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    what += ": ";
    what += error.what();
    try {
      std::throw_with_nested(SpawnError(what, std::make_error_code(std::errc::operation_canceled)));
    } catch (...) {
      return std::current_exception();
    }
  } catch (...) {
    return std::current_exception();
  }
}

std::string words_of(const std::exception_ptr& error, std::string if_none) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& failure) {
    return failure.what();
  } catch (...) {
    return if_none;
  }
}

}  // namespace

Supervisor::Supervisor(const Settings& settings, ProcessBackend& backend, Dispatcher& dispatcher,
                       Owner& owner)
    : settings_(settings),
      backend_(backend),
      dispatcher_(dispatcher),
      owner_(owner),
      restarts_(settings.max_restarts, settings.max_restart_freq) {
  if (settings_.on_process_exit) {
    Message& exit_task = greetings_.emplace_back();
    exit_task.kind = MessageKind::exit_task;
    exit_task.task = settings_.on_process_exit.ref().value;
    exit_task.prefix = settings_.on_process_exit.prefix();
  }
  Message& hello = greetings_.emplace_back();
  hello.kind = MessageKind::hello;
  hello.items = 0;
  if (settings_.initializer) {
    hello.items = 1;
    hello.task = settings_.initializer->ref().value;
    hello.prefix = settings_.initializer->prefix();
    hello.arguments = settings_.initializer->arguments();
  }
}

void Supervisor::start() {
  for (std::size_t i = 0; i < settings_.processes; ++i) start_one();
}

void Supervisor::settle_in() {
  settled_in_ = true;
  fill_up();
}

void Supervisor::start_one() {
  const WorkerId id = next_id_++;
  std::unique_ptr<WorkerProcess> process;
  try {
    alive_.insert(id);
    starting_.insert(id);
    process = backend_.start(id, sizeof(ChannelMemory));
  } catch (...) {
    alive_.erase(id);
    starting_.erase(id);
    throw;
  }
  try {
    dispatcher_.add_worker(id, std::move(process), greetings_);
  } catch (...) {
    if (process) process->kill();  // and its end will be told
    throw;
  }
}

void Supervisor::fill_up() {
  if (!replacing_ || !settled_in_ || next_start_) return;
  try {
    while (alive_.size() - leaving_.size() < settings_.processes) start_one();
  } catch (...) {
    note_failed_start(std::current_exception());
  }
}

void Supervisor::start_due(TimePoint now) {
  if (!next_start_ || now < *next_start_) return;
  next_start_.reset();
  fill_up();
}

void Supervisor::started(WorkerId worker, Pid pid) {
  starting_.erase(worker);
  failed_starts_ = 0;
  dispatcher_.worker_started(worker, pid);
  owner_.worker_up({worker, pid});
  note_health();
}

void Supervisor::start_failed(WorkerId worker, std::error_code error, std::string_view what) {
  starting_.erase(worker);
  alive_.erase(worker);
  leaving_.erase(worker);
  dispatcher_.worker_exited(worker, ExitStatus{});
  const auto failure =
      make_error([&] { return std::make_exception_ptr(SpawnError(std::string(what), error)); });
  if (!settled_in_) {
    if (!start_error_) start_error_ = failure;
    return;
  }
  note_failed_start(failure);
  note_health();
  tell_if_gone();
}

void Supervisor::note_failed_start(const std::exception_ptr& error) {
  if (!replacing_) return;
  try {
    std::string words = words_of(error, "procpool: a worker could not be started");
    if (settings_.trace != nullptr) {
      TraceEvent event;
      event.kind = TraceKind::start_failed;
      event.begin = Clock::now();
      event.text = words;
      settings_.trace->add(std::move(event));
    }
    owner_.log(std::move(words));
  } catch (const std::bad_alloc&) {
    // Nobody hears of it.
  }
  // Those that were started together are one try, and the next is not before the last of them has failed.
  if (!next_start_) ++failed_starts_;
  if (alive_.empty() && failed_starts_ >= most_failed_starts) {
    fail(error);
    return;
  }
  const std::size_t tries_before = failed_starts_ == 0 ? 0 : failed_starts_ - 1;
  const TimePoint next = Clock::now() + first_retry * (1 << std::min(tries_before, retry_doublings));
  next_start_ = std::max(next_start_.value_or(next), next);
  owner_.start_waits();
}

void Supervisor::rang(WorkerId) {
  owner_.serve();
}

void Supervisor::exited(WorkerId worker, ExitStatus status) {
  starting_.erase(worker);
  if (alive_.erase(worker) == 0) return;
  const bool replaced = leaving_.erase(worker) == 0 && replacing_;
  if (replaced) restart_count_.fetch_add(1, std::memory_order_relaxed);
  const Dispatcher::Death death = dispatcher_.worker_exited(worker, status);
  if (replaced) trace_restart(worker);
  owner_.worker_down({worker, death.pid}, status);
  note_death(death, status);
  fill_up();
  note_health();
  tell_if_gone();
}

void Supervisor::note_health() noexcept {
  healthy_.store(replacing_ && alive_.size() - leaving_.size() >= settings_.processes && failed_starts_ == 0,
                 std::memory_order_relaxed);
}

void Supervisor::resize(std::size_t processes) {
  settings_.processes = processes;
  while (replacing_ && alive_.size() - leaving_.size() > processes) {
    const auto worker = dispatcher_.retire_least_busy();
    if (!worker) break;
    leaving_.insert(*worker);
  }
  fill_up();
  note_health();
}

void Supervisor::replace(const std::vector<WorkerId>& retired) {
  if (!replacing_) return;
  for (const WorkerId worker : retired) {
    if (!alive_.contains(worker)) continue;  // it has ended already, and was replaced
    if (!leaving_.insert(worker).second) continue;
    restart_count_.fetch_add(1, std::memory_order_relaxed);
    trace_restart(worker);
  }
  fill_up();
  note_health();
}

/// Another is, or will be, started in place of this one.
void Supervisor::trace_restart(WorkerId replaced) {
  if (settings_.trace == nullptr) return;
  TraceEvent event;
  event.kind = TraceKind::restart;
  event.worker = replaced;
  event.begin = Clock::now();
  settings_.trace->add(std::move(event));
}

void Supervisor::note_death(const Dispatcher::Death& death, ExitStatus status) {
  if (death.accepted_jobs) restarts_.job_accepted();
  const std::uint64_t startups = dispatcher_.startups();
  if (startups_at_failure_.load(std::memory_order_relaxed) != startups) failed_startups_ = 0;
  if (!replacing_ || death.expected) return;
  try {
    std::string words = "procpool: worker " + std::to_string(death.pid) + " was lost: " + status.to_string();
    if (death.startup_error) words += ": " + words_of(death.startup_error, "its initializer has thrown");
    owner_.log(std::move(words));
  } catch (const std::bad_alloc&) {
    // Nobody hears of it.
  }
  if (!death.was_up) startups_at_failure_.store(startups, std::memory_order_relaxed);
  // One that was killed while it started tells nothing of the next; for those the limit on restarts is
  // enough.
  const bool killed = signal_name(status.signal()) == "SIGKILL" && !death.startup_error;
  const std::size_t most_startups =
      killed ? std::max(settings_.max_restarts, settings_.processes + spare_startups)
             : settings_.processes + spare_startups;
  const char* why = nullptr;
  if (!death.was_up && ++failed_startups_ > most_startups) {
    why = "workers die before they can run a task (";
  } else if (!restarts_.allow(Clock::now())) {
    why = "workers die faster than max_restarts allows (the last: ";
  }
  if (why == nullptr) return;
  fail(make_error([&] {
    if (death.startup_error) return startup_failure(death.startup_error);
    return std::make_exception_ptr(
        RestartFreqExceeded(std::string("procpool: ") + why + status.to_string() + ")"));
  }));
}

void Supervisor::fail(const std::exception_ptr& error) {
  stop_replacing();
  owner_.failed(error);
}

void Supervisor::retire_all() {
  stop_replacing();
  dispatcher_.retire_all();
  tell_if_gone();
}

void Supervisor::stop_replacing() {
  replacing_ = false;
  next_start_.reset();
}

void Supervisor::stop() {
  stop_replacing();
  tell_if_gone();
}

void Supervisor::forget_all() {
  for (const WorkerId worker : std::exchange(alive_, {})) dispatcher_.worker_exited(worker, ExitStatus{});
  starting_.clear();
  leaving_.clear();
}

void Supervisor::tell_if_gone() {
  if (!replacing_ && alive_.empty()) owner_.all_gone();
}

}  // namespace procpool::detail
