// SPDX-License-Identifier: MIT
// The affinity mask of the process, processor groups, and the CPU rate of the job that it is in.
#include "pool/cpu_count.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>

#include <windows.h>

namespace procpool::detail {

namespace {

std::size_t cpus_of_affinity() noexcept {
  DWORD_PTR process = 0;
  DWORD_PTR system = 0;
  const bool told = ::GetProcessAffinityMask(::GetCurrentProcess(), &process, &system) != 0;
  // Both are 0 for a process with threads in several groups of processors; a mask that is not restricted says
  // nothing of the other groups, in which threads may run since Windows 11.
  const std::size_t all = std::max<std::size_t>(::GetActiveProcessorCount(ALL_PROCESSOR_GROUPS), 1);
  if (!told || process == 0 || process == system) return all;
  return static_cast<std::size_t>(std::popcount(static_cast<std::uint64_t>(process)));
}

/// JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP: the rate counts in 1/100 percent of all processors.
std::size_t cpus_of_rate(std::size_t cpus) noexcept {
  constexpr std::uint64_t whole = 10000;
  JOBOBJECT_CPU_RATE_CONTROL_INFORMATION rate{};
  if (::QueryInformationJobObject(nullptr, JobObjectCpuRateControlInformation, &rate, sizeof rate, nullptr) ==
      0) {
    return cpus;
  }
  constexpr DWORD capped = JOB_OBJECT_CPU_RATE_CONTROL_ENABLE | JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP;
  if ((rate.ControlFlags & capped) != capped || rate.CpuRate == 0) return cpus;
  const std::uint64_t all = std::max<std::uint64_t>(::GetActiveProcessorCount(ALL_PROCESSOR_GROUPS), 1);
  const auto allowed = static_cast<std::size_t>((all * rate.CpuRate + whole - 1) / whole);
  return std::clamp<std::size_t>(allowed, 1, cpus);
}

}  // namespace

std::size_t available_cpus() {
  return cpus_of_rate(cpus_of_affinity());
}

}  // namespace procpool::detail
