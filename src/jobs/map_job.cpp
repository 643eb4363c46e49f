// SPDX-License-Identifier: MIT
#include "jobs/map_job.hpp"

#include <procpool/exception.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace procpool::detail {
namespace {

constexpr std::size_t item_header = sizeof(std::uint8_t) + sizeof(std::uint32_t);

}  // namespace

MapJob::MapJob(std::shared_ptr<const JobContext> context, std::uint64_t task, ByteBuffer&& prefix,
               MapItems&& items)
    : Job(std::move(context), items.units()),
      task_(task),
      prefix_(std::move(prefix)),
      items_(std::move(items)),
      units_left_(units()),
      unit_settled_(units()),
      slots_(items_.items()) {}

std::size_t MapJob::first_item(std::uint32_t unit) const noexcept {
  return std::size_t{unit} * items_.chunksize();
}

std::uint32_t MapJob::item_count(std::uint32_t unit) const noexcept {
  return static_cast<std::uint32_t>(
      std::min<std::size_t>(items_.chunksize(), items_.items() - first_item(unit)));
}

void MapJob::describe(std::uint32_t unit, Message& message) const {
  describe_job(message);
  message.task = task_;
  message.prefix = prefix_.view();
  message.items = item_count(unit);
  message.chunk = items_.chunksize() > 1;
  message.arguments = items_.unit(unit);
  if (!message.chunk) message.arguments = message.arguments.subspan(sizeof(std::uint32_t));
}

bool MapJob::accept(std::uint32_t unit, Answer&& answer, Pid pid) {
  const std::size_t item = first_item(unit);
  switch (answer.kind) {
    case ResultKind::items:
      if (!accept_chunk(unit, answer.bytes.view(), pid)) return false;
      break;
    case ResultKind::exception:
      // Of a whole chunk, where it could not even be begun.
      for (std::uint32_t i = 0; i < item_count(unit); ++i) {
        keep(item + i, answer.bytes.view());
        keep_failure(item + i, pid, nullptr);
      }
      break;
    case ResultKind::value:
      if (items_.chunksize() > 1) return false;
      keep(item, answer.bytes.view());
      break;
    case ResultKind::refused:
      fail(unit, refused(), 0);
      return true;
    case ResultKind::progress:
      return false;
  }
  unit_done(unit, pid);
  return true;
}

bool MapJob::accept_chunk(std::uint32_t unit, std::span<const std::byte> bytes, Pid pid) {
  const std::size_t first = first_item(unit);
  const std::size_t failures_before = failures_.size();
  const std::uint32_t count = item_count(unit);
  for (std::uint32_t i = 0; i < count; ++i) {
    std::uint8_t kind = 0;
    std::uint32_t length = 0;
    if (bytes.size() >= item_header) {
      std::memcpy(&kind, bytes.data(), sizeof kind);
      std::memcpy(&length, bytes.data() + sizeof kind, sizeof length);
      bytes = bytes.subspan(item_header);
    } else {
      kind = 0xff;
    }
    if (kind > static_cast<std::uint8_t>(ResultKind::exception) || length > bytes.size()) {
      failures_.resize(failures_before);
      return false;
    }
    keep(first + i, bytes.first(length));
    if (kind == static_cast<std::uint8_t>(ResultKind::exception)) keep_failure(first + i, pid, nullptr);
    bytes = bytes.subspan(length);
  }
  if (bytes.empty()) return true;
  failures_.resize(failures_before);
  return false;
}

void MapJob::fail(std::uint32_t unit, const std::exception_ptr& error, Pid pid) {
  for (std::uint32_t i = 0; i < item_count(unit); ++i) {
    keep_failure(first_item(unit) + i, pid, error);
  }
  unit_done(unit, pid);
}

void MapJob::keep(std::size_t item, std::span<const std::byte> bytes) {
  Slot& slot = slots_[item];
  slot.position = results_.size() & (~std::uint64_t{0} >> 2);
  slot.length = static_cast<std::uint32_t>(bytes.size());
  slot.failed = 0;
  results_.append(bytes);
}

void MapJob::keep_failure(std::size_t item, Pid pid, const std::exception_ptr& error) {
  slots_[item].failed = 1;
  failures_.push_back({item, pid, error});
}

void MapJob::unit_done(std::uint32_t unit, Pid pid) {
  unit_settled_[unit] = true;
  unit_ended(unit, pid);
  if (pid != 0 && std::find(pids_.begin(), pids_.end(), pid) == pids_.end()) pids_.push_back(pid);
  if (--units_left_ != 0) return;
  std::sort(failures_.begin(), failures_.end(),
            [](const Failure& a, const Failure& b) { return a.item < b.item; });
  finish();
}

std::exception_ptr MapJob::error_of(const Failure& failure) const {
  if (failure.error) return failure.error;
  const Slot& slot = slots_[failure.item];
  return decode_exception(results_.view().subspan(slot.position, slot.length),
                          RemoteInfo{failure.pid, first_id() + failure.item / items_.chunksize()});
}

std::span<const std::byte> MapJob::value(std::size_t item) const {
  const Slot& slot = slots_[item];
  if (slot.failed != 0) {
    const auto failure = std::lower_bound(
        failures_.begin(), failures_.end(), item,
        [](const Failure& candidate, std::size_t wanted) { return candidate.item < wanted; });
    std::rethrow_exception(error_of(*failure));
  }
  return results_.view().subspan(slot.position, slot.length);
}

std::exception_ptr MapJob::error() const {
  return failures_.empty() ? nullptr : error_of(failures_.front());
}

}  // namespace procpool::detail
