// SPDX-License-Identifier: MIT
#include "jobs/arrivals.hpp"
#include "jobs/job.hpp"
#include "jobs/map_job.hpp"
#include "pool/pool_core.hpp"

#include <procpool/detail/imap_session.hpp>
#include <procpool/errors.hpp>

#include <algorithm>
#include <deque>
#include <stdexcept>
#include <utility>

namespace procpool::detail {
namespace {

/// Messages ahead of the consumer, at first for each worker, and at most.
constexpr std::size_t first_lead_per_worker = 4;
constexpr std::size_t longest_lead = 4096;

std::optional<TimePoint> deadline_of(std::optional<Duration> timeout) {
  if (!timeout) return std::nullopt;
  const TimePoint now = Clock::now();
  if (*timeout > TimePoint::max() - now) return std::nullopt;
  return now + *timeout;
}

std::optional<Duration> left_until(std::optional<TimePoint> deadline) {
  if (!deadline) return std::nullopt;
  const TimePoint now = Clock::now();
  return *deadline <= now ? Duration::zero() : *deadline - now;
}

}  // namespace

struct ImapSession::State {
  State(PoolHandle session_pool, Plan session_plan, Pull session_pull)
      : pool(std::move(session_pool)),
        plan(std::move(session_plan)),
        pull(std::move(session_pull)),
        lead(std::min(pool.core()->processes() * first_lead_per_worker, longest_lead)) {
    if (!plan.ordered) arrivals = Ref<Arrivals>::adopt(new Arrivals);
  }

  ~State() {
    if (arrivals) arrivals->abandon();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  PoolHandle pool;
  Plan plan;
  Pull pull;
  std::size_t lead;  ///< how many messages to be ahead
  bool input_ended = false;
  std::exception_ptr input_error;
  Ref<Job> unsent;  ///< read, but there was no room for it

  std::deque<JobHandle> waiting;  ///< in the order of the input; with `arrivals` only counted by `out`
  std::size_t out = 0;            ///< submitted and not begun to be taken
  JobHandle newest;
  Ref<Arrivals> arrivals;

  JobHandle current;  ///< the message whose items are being taken
  std::size_t next_item = 0;

  [[nodiscard]] bool current_left() const { return current.valid() && next_item < current.items(); }

  /// Reads the input until there is lead enough, or no room for more. If nothing is out yet it waits for room
  /// until `deadline`.
  void read_ahead(std::optional<TimePoint> deadline) {
    if (out >= lead) return;
    // All that is out has been done already: the workers had to wait for us.
    if (!input_ended && out != 0 && newest.ready()) lead = std::min(lead * 2, longest_lead);
    while (out < lead) {
      if (!unsent) unsent = read_next();
      if (!unsent || !send(out == 0 ? deadline : TimePoint::min())) break;
    }
  }

  /// The next message; nullptr at the end of the input.
  Ref<Job> read_next() {
    if (input_ended) return {};
    MapItems items(plan.chunksize, pool.max_message());
    ByteBuffer bytes(pool.max_message());
    if (plan.chunksize == 1) bytes.append(plan.prefix.view());
    std::size_t count = 0;
    try {
      while (count < plan.chunksize) {
        if (!(plan.chunksize == 1 ? pull(bytes) : items.add(pull))) {
          input_ended = true;
          break;
        }
        ++count;
      }
    } catch (...) {
      fail(std::current_exception());
    }
    if (count == 0) return {};
    try {
      return plan.chunksize == 1 ? make_call(std::move(bytes)) : make_chunk(std::move(items));
    } catch (...) {
      fail(std::current_exception());
      return {};
    }
  }

  /// False if there was no room in time.
  bool send(std::optional<TimePoint> deadline) {
    unsent->set_arrivals(arrivals);
    if (!arrivals) waiting.emplace_back();  // while nothing is lost if there is no memory for it
    bool sent = false;
    try {
      sent = pool.core()->try_submit(unsent, deadline);
    } catch (...) {
      fail(std::current_exception());
      unsent = {};
    }
    if (!sent) {
      if (!arrivals) waiting.pop_back();
      return !unsent;
    }
    ++out;
    unsent->retain();
    newest = JobHandle(unsent.get());
    unsent = {};
    if (!arrivals) waiting.back() = newest;
    return true;
  }

  void fail(const std::exception_ptr& error) {
    input_ended = true;
    if (!input_error) input_error = error;
  }

  Ref<Job> make_call(ByteBuffer&& bytes) {
    return Call::make(pool.core()->context(), {plan.task.value, plan.prefix.size()}, std::move(bytes), {});
  }
  Ref<Job> make_chunk(MapItems&& items) {
    ByteBuffer prefix;
    prefix.append(plan.prefix.view());
    return Ref<Job>::adopt(
        new MapJob(pool.core()->context(), plan.task.value, std::move(prefix), std::move(items)));
  }
  /// Waits for the next message, whichever that is.
  void take_message(std::optional<TimePoint> deadline) {
    JobHandle next;
    if (arrivals) {
      if (!pool.core()->context()->dispatcher->wait(*arrivals, deadline)) throw_timeout();
      next = arrivals->take();
    } else {
      if (!waiting.front().wait(left_until(deadline))) throw_timeout();
      next = std::move(waiting.front());
      waiting.pop_front();
    }
    current = std::move(next);
    next_item = 0;
    --out;
  }

  [[noreturn]] static void throw_timeout() {
    throw TimeoutError("procpool: the next result was not there within the timeout");
  }
};

ImapSession::ImapSession(PoolHandle pool, Plan plan, Pull pull)
    : state_(std::make_unique<State>(std::move(pool), std::move(plan), std::move(pull))) {}
ImapSession::ImapSession(ImapSession&&) noexcept = default;
ImapSession& ImapSession::operator=(ImapSession&&) noexcept = default;
ImapSession::~ImapSession() = default;

ImapSession::State& ImapSession::checked() const {
  if (!state_) throw std::logic_error("procpool: this iterator has been moved from");
  return *state_;
}

bool ImapSession::more() {
  State& state = checked();
  if (state.current_left()) return true;
  state.read_ahead(TimePoint::min());
  return state.out != 0 || state.unsent || state.input_error != nullptr;
}

ImapSession::Item ImapSession::next(std::optional<Duration> timeout) {
  State& state = checked();
  const std::optional<TimePoint> deadline = deadline_of(timeout);
  state.read_ahead(state.current_left() ? TimePoint::min() : deadline);
  if (!state.current_left()) {
    if (state.out == 0 && state.unsent) State::throw_timeout();
    if (state.out == 0) return {{}, 0, std::exchange(state.input_error, nullptr)};
    state.take_message(deadline);
  }
  return {state.current, state.next_item++, nullptr};
}

}  // namespace procpool::detail
