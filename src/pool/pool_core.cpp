// SPDX-License-Identifier: MIT
#include "pool/pool_core.hpp"

#include "pool/cpu_count.hpp"
#include "pool/option_checks.hpp"
#include "pool/process_id.hpp"

#include <procpool/errors.hpp>
#include <procpool/init.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <new>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace procpool::detail {
namespace {

using namespace std::chrono_literals;

/// While work is out the workers are looked at this often, even if nobody rings: a worker that scribbles on
/// its memory could silence itself.
constexpr Duration tick = 20ms;
/// Ticking goes on for a while after the last job, so that not every job of a sparse series has to wake the
/// loop.
constexpr Duration linger = 1s;
/// A thread that waits for a slot looks this often whether the pool is still open.
constexpr Duration longest_wait_for_slot = 100ms;
/// What the first workers may take to start.
constexpr Duration longest_start = 60s;
/// What killed workers may take to end before the backend is closed around them.
constexpr Duration longest_end = 10s;
/// The same for workers that have ended, when nobody tells so.
constexpr Duration longest_untold_end = 1s;

Dispatcher::Settings dispatcher_settings(WorkerTerms terms, const PoolOptions& options,
                                         std::function<bool()> make_callbacks) {
  const std::size_t cpus = available_cpus();
  // Longer than it takes to wake a sleeping CPU, or looking would be worth nothing; nothing where there is
  // only one.
  if (cpus > 1) terms.longest_spin = 50us;
  return {terms, cpus, checked_max_queued_jobs(options), &Clock::now, std::move(make_callbacks)};
}

/// For threads that wait: only the words on jobs make others wait for callbacks.
std::function<bool()> make_callback_maker(const PoolOptions& options,
                                          const std::shared_ptr<CallbackQueue>& callbacks) {
  if (!options.synack) return [] { return false; };
  return [callbacks] {
    if (!callbacks->on_own_thread()) return false;
    callbacks->call_pending();
    return true;
  };
}

/// Writes on the callback thread. It may outlive the pool's core, as that thread may; `waits` is not called
/// once it has finished.
std::shared_ptr<TraceRecorder> make_trace(const PoolOptions& options,
                                          const std::function<void(const std::string&)>& on_log,
                                          const std::shared_ptr<CallbackQueue>& callbacks,
                                          std::function<void()> waits) {
  if (options.trace.empty()) return nullptr;
  TraceRecorder::Settings settings;
  settings.host = current_process_id();
  settings.later = [callbacks](std::function<void()> call) { callbacks->push(std::move(call)); };
  settings.waits = std::move(waits);
  settings.failed = [on_log, callbacks, path = options.trace](const std::string& why) {
    if (!on_log) return;
    callbacks->push([on_log, text = "procpool: the trace " + path + " ends early: " + why] { on_log(text); });
  };
  return std::make_shared<TraceRecorder>(std::move(settings));
}

}  // namespace

PoolCore::PoolCore(PoolOptions&& options)
    : processes_(checked_processes(options)),
      terms_(checked_terms(options)),
      terminated_(std::make_exception_ptr(Terminated("procpool: the pool was terminated", SIGTERM))),
      closed_(std::make_exception_ptr(PoolClosedError("procpool: the pool is closed"))),
      host_(current_process_id()),
      threads_(options.threads),
      allow_restart_(options.allow_restart),
      on_process_up_(std::move(options.on_process_up)),
      on_process_down_(std::move(options.on_process_down)),
      on_log_(std::move(options.on_log)),
      setup_(checked_setup(options)),
      backend_(checked_backend(options)),
      callbacks_(std::make_shared<CallbackQueue>()),
      callback_maker_(make_callback_maker(options, callbacks_)),
      trace_(make_trace(options, on_log_, callbacks_, [this] { serve_soon(); })),
      context_(std::make_shared<const JobContext>(
          JobContext{std::make_shared<Dispatcher>(dispatcher_settings(terms_, options, callback_maker_),
                                                  static_cast<Dispatcher::Loop&>(*this), trace_),
                     callbacks_, checked_limits(options), checked_lost_worker_timeout(options),
                     options.enable_timeouts, options.synack, checked_semaphore(options),
                     std::move(options.on_timeout_set), std::move(options.on_timeout_cancel),
                     std::move(options.send_ack), std::move(options.on_job_ready), on_log_})),
      supervisor_({processes_, checked_max_restarts(options), checked_max_restart_freq(options),
                   std::move(options.initializer), std::move(options.on_process_exit), trace_},
                  *backend_, *context_->dispatcher, *this) {
  if (is_unclaimed_worker()) {
    throw NotInitializedError(
        "procpool: this process was started as a worker, but its main() makes a pool before it has called "
        "procpool::init(argc, argv); that has to be the first statement of main()");
  }
  if (trace_) trace_->write_to(open_checked_trace(options));
  loop_.on_timer([this] { serve(); });
  loop_.on_wake([this] { serve(); });
  if (!threads_) context_->callbacks->do_without_thread([this] { loop_.wake(); });
  backend_->open(setup_, loop_, supervisor_);
  if (setup_.memory_limit) {
    const bool by_kernel = backend_->enforces_memory_limit();
    memory_limit_by_ = by_kernel ? MemoryLimitBy::kernel : MemoryLimitBy::sampling;
    context_->dispatcher->set_memory_limit(*setup_.memory_limit, by_kernel);
  }
  context_->dispatcher->set_bell(&backend_->bell());
  try {
    start_callbacks();
    start();
    if (threads_) {
      start_thread();
    } else {
      set_timer();
      loop_.run_once();
      // That may have used up the word that callbacks wait.
      loop_.post([] {});
    }
  } catch (...) {
    context_->dispatcher->set_bell(nullptr);
    supervisor_.stop_replacing();
    backend_->close();
    supervisor_.forget_all();
    if (trace_) trace_->finish();
    context_->callbacks->finish(std::nullopt);
    throw;
  }
}

PoolCore::~PoolCore() {
  if (thread_.joinable()) thread_.join();
}

void PoolCore::start_thread() {
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    throw SpawnError("procpool: the pool's thread cannot be started", error.code());
  }
}

/// Later nobody could be told that there is no thread for them. Not before the launcher was forked.
void PoolCore::start_callbacks() {
  const JobContext& context = *context_;
  const bool hooked = on_process_up_ || on_process_down_ || on_log_ || trace_ || context.synack ||
                      context.on_timeout_set || context.on_timeout_cancel || context.send_ack ||
                      context.on_job_ready;
  if (!hooked) return;
  try {
    callbacks_->start();
  } catch (const std::system_error& error) {
    throw SpawnError("procpool: the thread of the callbacks cannot be started", error.code());
  }
}

/// The constructor's thread serves the loop until the first workers are there.
void PoolCore::start() {
  supervisor_.start();
  const TimePoint deadline = Clock::now() + longest_start;
  while (!supervisor_.started() && !supervisor_.start_error()) {
    if (Clock::now() > deadline) {
      throw SpawnError("procpool: the workers did not start in time",
                       std::make_error_code(std::errc::timed_out));
    }
    loop_.run_once(100ms);
  }
  if (supervisor_.start_error()) std::rethrow_exception(supervisor_.start_error());
  supervisor_.settle_in();
}

bool PoolCore::in_own_process() const noexcept {
  return current_process_id() == host_;
}

// --- the loop's thread

void PoolCore::run() {
  set_timer();
  loop_.run();
  end();
}

void PoolCore::end() {
  Dispatcher& dispatcher = *context_->dispatcher;
  dispatcher.set_bell(nullptr);
  backend_->close();
  supervisor_.forget_all();
  if (trace_) trace_->finish();
  const std::lock_guard guard(mutex_);
  ended_ = true;
  changed_.notify_all();
}

void PoolCore::serve() {
  serve_asked_.store(false, std::memory_order_seq_cst);
  try {
    if (stop_asked_.load(std::memory_order_seq_cst)) {
      supervisor_.stop();
      stop_asked_.store(false, std::memory_order_seq_cst);
    }
    if (drained_.load(std::memory_order_seq_cst)) {
      ending_ = true;
      supervisor_.retire_all();
      drained_.store(false, std::memory_order_seq_cst);
    }
    if (kill_asked_.exchange(false, std::memory_order_seq_cst)) context_->dispatcher->kill_condemned();
    next_limit_ = context_->dispatcher->serve();
    if (trace_) trace_due_ = trace_->tick(Clock::now());
    set_timer();
  } catch (const std::bad_alloc&) {
    loop_.set_timer(Clock::now() + tick);
  }
}

void PoolCore::set_timer() {
  const TimePoint now = Clock::now();
  supervisor_.start_due(now);
  note_ending(now);
  if (give_up_ && now >= *give_up_) {
    all_gone();
    return;
  }
  const bool busy = context_->dispatcher->busy();
  if (busy) last_busy_ = now;
  std::optional<TimePoint> due;
  if (busy || now - last_busy_ < linger || ending_ || give_up_) {
    due = now + tick;
  } else {
    context_->dispatcher->stop_ticking();
    // Who submitted just before has not told us.
    if (context_->dispatcher->busy()) due = now + tick;
  }
  const auto no_later_than = [&due](std::optional<TimePoint> time) {
    if (time) due = due ? std::min(*due, *time) : *time;
  };
  no_later_than(supervisor_.next_start());
  no_later_than(next_limit_);
  no_later_than(trace_due_);
  loop_.set_timer(due);
}

/// A pool that ends waits for the ends of its workers, but not for ever.
void PoolCore::note_ending(TimePoint now) {
  if (terminating_.load(std::memory_order_relaxed) && !give_up_) give_up_ = now + longest_end;
  if (!ending_ && !give_up_) return;
  if (!context_->dispatcher->none_runs()) {
    none_ran_since_.reset();
  } else if (!none_ran_since_) {
    none_ran_since_ = now;
  } else if (now - *none_ran_since_ >= longest_untold_end) {
    give_up_ = now;
  }
}

void PoolCore::serve_soon() noexcept {
  if (serve_asked_.exchange(true, std::memory_order_seq_cst)) return;
  loop_.wake();
}

void PoolCore::kill(WorkerId /*worker*/) noexcept {
  kill_asked_.store(true, std::memory_order_seq_cst);
  serve_soon();
}

void PoolCore::drained() noexcept {
  drained_.store(true, std::memory_order_seq_cst);
  serve_soon();
}

/// Calls a hook later, if there is one; if there is no memory for that, not at all.
template <class... Arguments>
void PoolCore::call_hook(const std::function<void(Arguments...)>& hook, std::decay_t<Arguments>... about) {
  if (!hook) return;
  try {
    context_->callbacks->push([hook, ... about = std::move(about)] { hook(about...); });
  } catch (const std::bad_alloc&) {
    // It has to do without.
  }
}

void PoolCore::worker_up(WorkerInfo worker) {
  call_hook(on_process_up_, worker);
}

void PoolCore::log(std::string message) {
  call_hook(on_log_, std::move(message));
}

void PoolCore::worker_down(WorkerInfo worker, ExitStatus status) {
  call_hook(on_process_down_, worker, status);
}

void PoolCore::failed(const std::exception_ptr& error) {
  terminating_.store(true, std::memory_order_relaxed);
  context_->dispatcher->terminate(error, error);
  set_timer();
}

void PoolCore::start_waits() {
  serve_soon();  // which sets the timer: an idle pool has none
}

void PoolCore::all_gone() {
  gone_.store(true, std::memory_order_relaxed);
  loop_.stop();
}

// --- without a thread

void PoolCore::drive(Duration longest) {
  std::unique_lock driving(drive_mutex_);
  if (gone_.load(std::memory_order_relaxed)) return;
  loop_.run_once(std::min(longest, Duration(tick)));
  driving.unlock();
  // A callback may end the pool.
  const std::shared_ptr<CallbackQueue> callbacks = callbacks_;
  callbacks->call_pending();
}

void PoolCore::acquire_slot(Semaphore& semaphore) {
  while (!semaphore.try_acquire()) {
    context_->dispatcher->check_open();
    if (threads_) {
      if (semaphore.try_acquire_for(make_callbacks() ? tick : longest_wait_for_slot)) return;
    } else {
      drive(tick);
    }
  }
}

void PoolCore::handle_result_event() {
  if (threads_)
    throw std::logic_error("procpool: handle_result_event() is for pools with PoolOptions::threads = false");
  {
    const std::lock_guard driving(drive_mutex_);
    if (!gone_.load(std::memory_order_relaxed)) {
      serve();
      loop_.run_once();
    }
  }
  const std::shared_ptr<CallbackQueue> callbacks = callbacks_;
  callbacks->call_pending();
}

NativeHandle PoolCore::event_handle() const {
  if (threads_)
    throw std::logic_error("procpool: event_handle() is for pools with PoolOptions::threads = false");
  return loop_.poll_handle();
}

void PoolCore::maintain() {
  if (threads_) {
    serve_soon();
  } else {
    handle_result_event();
  }
}

// --- the pool's life

void PoolCore::resize(std::size_t grow, std::size_t shrink) {
  context_->dispatcher->check_open();
  const std::lock_guard guard(mutex_);
  const std::size_t now = processes_.load(std::memory_order_relaxed);
  if (shrink >= now) {
    throw std::invalid_argument("procpool: shrink(" + std::to_string(shrink) + ") of a pool of " +
                                std::to_string(now) + " would leave no worker");
  }
  if (grow > most_processes - now) {
    throw std::invalid_argument("procpool: grow(" + std::to_string(grow) +
                                ") would make the pool larger than " + std::to_string(most_processes) +
                                " workers");
  }
  const std::size_t wanted = now + grow - shrink;
  loop_.post([this, wanted] { supervisor_.resize(wanted); });
  if (const auto& semaphore = context_->semaphore) {
    semaphore->grow(grow);
    semaphore->shrink(shrink);
  }
  processes_.store(wanted, std::memory_order_relaxed);
}

void PoolCore::restart() {
  if (!allow_restart_) throw std::logic_error("procpool: restart() needs PoolOptions::allow_restart");
  context_->dispatcher->check_open();
  // Now, and not when the loop comes to it: what is submitted from here on runs on new workers.
  loop_.post([this, retired = context_->dispatcher->retire_all()] { supervisor_.replace(retired); });
}

PoolStats PoolCore::stats() const {
  PoolStats stats = context_->dispatcher->stats();
  stats.restarts = supervisor_.restarts();
  return stats;
}

void PoolCore::close() {
  context_->dispatcher->close();
}

void PoolCore::terminate() {
  terminating_.store(true, std::memory_order_relaxed);
  // Before workers end: they are not to be replaced.
  stop_asked_.store(true, std::memory_order_seq_cst);
  serve_soon();
  context_->dispatcher->terminate(terminated_, closed_);
  serve_soon();
}

bool PoolCore::join(std::optional<TimePoint> deadline) {
  if (!context_->dispatcher->closed()) {
    throw std::logic_error("procpool: join() of a pool that is open: call close() or terminate() first");
  }
  if (!threads_) {
    while (!gone_.load(std::memory_order_relaxed)) {
      if (deadline && Clock::now() >= *deadline) return false;
      drive(tick);
    }
    // Whoever waits for a result and drives the loop meanwhile has to leave it first.
    context_->dispatcher->set_bell(nullptr);
    const std::lock_guard driving(drive_mutex_);
    if (!ended_) end();
  }
  {
    std::unique_lock lock(mutex_);
    while (!ended_) {
      if (deadline && Clock::now() >= *deadline) return false;
      lock.unlock();
      const bool in_callback = make_callbacks();
      lock.lock();
      if (ended_) break;
      if (in_callback) {
        const TimePoint next_look = Clock::now() + tick;
        changed_.wait_until(lock, deadline ? std::min(*deadline, next_look) : next_look);
      } else if (deadline) {
        changed_.wait_until(lock, *deadline);
      } else {
        changed_.wait(lock);
      }
    }
    if (thread_.joinable()) thread_.join();
  }
  return context_->callbacks->finish(deadline);
}

}  // namespace procpool::detail
