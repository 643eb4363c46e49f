// SPDX-License-Identifier: MIT
/// \file
/// TraceFormat: a pool's events in the Trace Event Format of Chrome and Perfetto.
#pragma once

#include "trace/trace_sink.hpp"

#include <procpool/process_backend.hpp>
#include <procpool/types.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace procpool::detail {

/// Appends events to a text, one a line, as elements of a JSON array. The comma stands before each but the
/// first, so that the text so far, and a ']', is valid JSON at any time; viewers do without the ']'. The
/// process of all tracks is the host; the thread of a worker's track is its pid. Times are microseconds of
/// the steady clock. For one thread at a time.
class TraceFormat {
 public:
  using NameOf = std::function<std::string_view(TraceTask)>;

  /// `name_of` names tasks for people; an empty name is one that it does not know.
  TraceFormat(Pid host, NameOf name_of) : host_(host), name_of_(std::move(name_of)) {}

  void begin(std::string& json);
  void append(std::string& json, const TraceEvent& event);
  /// So many events are missing.
  void append_dropped(std::string& json, std::uint64_t count, TimePoint when);
  static void end(std::string& json) { json += "\n]\n"; }

 private:
  struct Track {
    TimePoint until{};  ///< what is told later lies behind it: slices of a track must not cross
  };

  void open(std::string& json, std::string_view name, const char* category, char phase, Pid track);
  void name_track(std::string& json, Pid track, std::string_view name, std::uint64_t position);
  void append_slice(std::string& json, const TraceEvent& event);
  void append_instant(std::string& json, const TraceEvent& event, std::string_view name,
                      const char* category);
  void append_arguments(std::string& json, const TraceEvent& event);

  Pid host_;
  NameOf name_of_;
  bool first_ = true;
  std::map<WorkerId, Track> tracks_;      ///< of workers that have not ended
  std::map<WorkerId, TraceEvent> early_;  ///< what workers did before anybody knew their pids
};

}  // namespace procpool::detail
