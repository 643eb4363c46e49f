// SPDX-License-Identifier: MIT
#include "jobs/job.hpp"

#include <procpool/detail/job_handle.hpp>
#include <procpool/errors.hpp>

#include <stdexcept>
#include <utility>

namespace procpool::detail {

JobHandle::JobHandle(const JobHandle& other) noexcept : job_(other.job_) {
  if (job_ != nullptr) job_->retain();
}

JobHandle::~JobHandle() {
  if (job_ != nullptr) job_->release();
}

Job& JobHandle::job() const {
  if (job_ == nullptr) throw std::logic_error("procpool: this handle refers to no job");
  return *job_;
}

bool JobHandle::wait(std::optional<Duration> timeout) const {
  Job& waited = job();
  if (waited.ready()) return true;
  if (!timeout) return waited.wait(std::nullopt);
  const TimePoint now = Clock::now();
  // A timeout too large to be added to the time is none.
  return *timeout > TimePoint::max() - now ? waited.wait(std::nullopt) : waited.wait(now + *timeout);
}

void JobHandle::await(std::optional<Duration> timeout) const {
  if (!wait(timeout)) throw TimeoutError("procpool: the result was not there within the timeout");
}

bool JobHandle::ready() const {
  return job().ready();
}

bool JobHandle::successful() const {
  if (!ready()) throw std::logic_error("procpool: successful() of a job that is not ready");
  return error() == nullptr;
}

bool JobHandle::accepted() const {
  return job().accepted();
}
std::vector<Pid> JobHandle::worker_pids() const {
  return job().worker_pids();
}
JobId JobHandle::job_id() const {
  return job().first_id();
}
const std::string& JobHandle::correlation_id() const {
  return job().correlation_id();
}
void JobHandle::when_ready(std::function<void()> action) const {
  job().when_ready(std::move(action));
}
bool JobHandle::cancel() const {
  return job().cancel();
}
void JobHandle::terminate(int signum) const {
  job().terminate(signum);
}
void JobHandle::discard() const {
  job().discard();
}
std::size_t JobHandle::items() const {
  return job().items();
}
std::span<const std::byte> JobHandle::value(std::size_t item) const {
  return job().value(item);
}
std::exception_ptr JobHandle::error() const {
  return job().error();
}

}  // namespace procpool::detail
