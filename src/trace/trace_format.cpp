// SPDX-License-Identifier: MIT
#include "trace/trace_format.hpp"

#include "trace/json_text.hpp"

#include <algorithm>

namespace procpool::detail {
namespace {

std::int64_t nanoseconds(TimePoint time) noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

/// The arguments of an event, in braces.
class Arguments {
 public:
  explicit Arguments(std::string& json) : json_(json) { json_ += ",\"args\":{"; }
  ~Arguments() { json_ += "}}"; }
  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;

  void add(std::string_view name, std::uint64_t value) { append_json(key(name), value); }
  void add(std::string_view name, std::string_view value) {
    if (!value.empty()) append_json(key(name), value);
  }
  void add_microseconds(std::string_view name, Duration value) {
    append_microseconds(key(name), std::chrono::duration_cast<std::chrono::nanoseconds>(value).count());
  }

 private:
  std::string& key(std::string_view name) {
    if (any_) json_ += ',';
    any_ = true;
    append_json(json_, name);
    json_ += ':';
    return json_;
  }

  std::string& json_;
  bool any_ = false;
};

}  // namespace

void TraceFormat::begin(std::string& json) {
  json += "[\n";
  open(json, "process_name", "", 'M', host_);
  Arguments(json).add("name", "procpool");
  name_track(json, host_, "pool", 0);
}

/// An event, up to its time.
void TraceFormat::open(std::string& json, std::string_view name, const char* category, char phase,
                       Pid track) {
  if (!first_) json += ",\n";
  first_ = false;
  json += "{\"name\":";
  append_json(json, name);
  if (*category != '\0') {
    json += ",\"cat\":";
    append_json(json, category);
  }
  json += ",\"ph\":\"";
  json += phase;
  json += "\",\"pid\":";
  append_json(json, static_cast<std::uint64_t>(static_cast<std::uint32_t>(host_)));
  json += ",\"tid\":";
  append_json(json, static_cast<std::uint64_t>(static_cast<std::uint32_t>(track)));
}

void TraceFormat::name_track(std::string& json, Pid track, std::string_view name, std::uint64_t position) {
  open(json, "thread_name", "", 'M', track);
  Arguments(json).add("name", name);
  open(json, "thread_sort_index", "", 'M', track);
  Arguments(json).add("sort_index", position);
}

void TraceFormat::append(std::string& json, const TraceEvent& event) {
  if (event.pid == 0 && event.kind == TraceKind::worker_start) {
    early_.insert_or_assign(event.worker, event);
    return;
  }
  if (event.pid != 0 && tracks_.try_emplace(event.worker).second) {
    name_track(json, event.pid, "worker " + std::to_string(event.worker), event.worker);
    if (auto early = early_.extract(event.worker)) {
      early.mapped().pid = event.pid;
      append_slice(json, early.mapped());
    }
  }
  switch (event.kind) {
    case TraceKind::job:
    case TraceKind::worker_start:
      append_slice(json, event);
      break;
    case TraceKind::job_stopped:
      append_instant(json, event, event.what, "job");
      break;
    case TraceKind::soft_limit:
      append_instant(json, event, "soft limit", "limit");
      break;
    case TraceKind::worker_up:
      append_instant(json, event, "up", "worker");
      break;
    case TraceKind::worker_kill:
      append_instant(json, event, "kill", "kill");
      break;
    case TraceKind::worker_retire:
      append_instant(json, event, "retire", "worker");
      break;
    case TraceKind::worker_end:
      append_instant(json, event, event.expected ? "ended" : "lost", "worker");
      tracks_.erase(event.worker);
      break;
    case TraceKind::restart:
      append_instant(json, event, "restart", "worker");
      break;
    case TraceKind::start_failed:
      append_instant(json, event, "start failed", "worker");
      break;
  }
}

void TraceFormat::append_slice(std::string& json, const TraceEvent& event) {
  const bool job = event.kind == TraceKind::job;
  const std::string_view known = job ? name_of_(event.task) : "start";
  Track& track = tracks_[event.worker];
  const TimePoint begin = std::max(event.begin, track.until);
  const TimePoint end = std::max(begin, event.end);
  track.until = end;
  open(json, known.empty() ? "job" : known, job ? "job" : "worker", 'X', event.pid);
  json += ",\"ts\":";
  append_microseconds(json, nanoseconds(begin));
  json += ",\"dur\":";
  append_microseconds(json, nanoseconds(end) - nanoseconds(begin));
  append_arguments(json, event);
}

void TraceFormat::append_instant(std::string& json, const TraceEvent& event, std::string_view name,
                                 const char* category) {
  const bool of_worker = event.pid != 0 && event.kind != TraceKind::restart;
  open(json, name, category, 'i', of_worker ? event.pid : host_);
  json += ",\"s\":\"t\",\"ts\":";
  append_microseconds(json, nanoseconds(event.begin));
  append_arguments(json, event);
}

void TraceFormat::append_arguments(std::string& json, const TraceEvent& event) {
  Arguments arguments(json);
  if (event.worker != 0) arguments.add("worker", event.worker);
  if (event.job != 0) arguments.add("job", event.job);
  if (event.job != 0 && event.count != 1) arguments.add("jobs", event.count);
  if (event.kind == TraceKind::job) arguments.add_microseconds("queued_us", event.queued);
  if (event.kind == TraceKind::worker_end) arguments.add("status", event.status.to_string());
  if (event.kind != TraceKind::job_stopped) {
    const bool how = event.kind == TraceKind::job || event.kind == TraceKind::worker_start;
    arguments.add(how ? "outcome" : "why", event.what);
  }
  arguments.add("verdict", event.text);
}

void TraceFormat::append_dropped(std::string& json, std::uint64_t count, TimePoint when) {
  open(json, "events left out", "trace", 'i', host_);
  json += ",\"s\":\"p\",\"ts\":";
  append_microseconds(json, nanoseconds(when));
  Arguments(json).add("count", count);
}

}  // namespace procpool::detail
