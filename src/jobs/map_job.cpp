// SPDX-License-Identifier: MIT
#include "jobs/map_job.hpp"

#include <procpool/exception.hpp>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace procpool::detail {
namespace {

MapResults make_results(MapItems& items, const ValuesPlace* place) noexcept {
  return place != nullptr ? MapResults(items, place->data, place->value_size) : MapResults(items);
}

}  // namespace

MapJob::MapJob(std::shared_ptr<const JobContext> context, std::uint64_t task, ByteBuffer&& prefix,
               MapItems&& items, ValuesPlace* place)
    : Job(std::move(context), items.units()),
      task_(task),
      prefix_(std::move(prefix)),
      items_(std::move(items)),
      units_left_(units()),
      unit_settled_(units()),
      results_(make_results(items_, place)),
      place_(place) {}

std::size_t MapJob::first_item(std::uint32_t unit) const noexcept {
  return std::size_t{unit} * items_.chunksize();
}

std::uint32_t MapJob::item_count(std::uint32_t unit) const noexcept {
  return static_cast<std::uint32_t>(
      std::min<std::size_t>(items_.chunksize(), items_.items() - first_item(unit)));
}

void MapJob::describe(std::uint32_t unit, std::uint32_t most, Message& message) const {
  describe_job(message);
  message.task = task_;
  message.prefix = prefix_.view();
  message.items = item_count(unit);
  message.chunk = items_.chunksize() > 1;
  // Who has to be told of each start has it announced one by one.
  const bool may_pack = !message.chunk && !message.announce && !message.ask;
  message.count = may_pack ? items_.units_within(unit, most, longest_pack) : 1;
  message.pack = message.count > 1;
  message.even = items_.even();
  message.arguments = items_.units(unit, message.count);
  if (!message.chunk && !message.pack) message.arguments = items_.without_length(message.arguments);
}

bool MapJob::accept(std::uint32_t unit, Answer&& answer, Pid pid) {
  const std::size_t item = first_item(unit);
  if (answer.kind != ResultKind::refused) keep_pid(pid);
  switch (answer.kind) {
    case ResultKind::items:
      if (items_.chunksize() == 1) return false;
      if (!accept_items(item, item_count(unit), answer.bytes.view(), pid)) return false;
      break;
    case ResultKind::values:
      if (items_.chunksize() > 1) return false;
      results_.keep_values(item, answer.count, answer.bytes.view());
      break;
    case ResultKind::pack:
      if (!accept_items(item, answer.count, answer.bytes.view(), pid)) return false;
      break;
    case ResultKind::exception:
      // Of a whole chunk, where it could not even be begun.
      make_room_for_failures(item_count(unit));
      results_.keep_error(item, item_count(unit), answer.bytes.view());
      for (std::uint32_t i = 0; i < item_count(unit); ++i) keep_failure(item + i, pid, nullptr);
      break;
    case ResultKind::value:
      if (items_.chunksize() > 1) return false;
      results_.keep_value(item, answer.bytes.view());
      break;
    case ResultKind::refused:
      fail(unit, refused(), 0);
      return true;
    case ResultKind::progress:
      return false;
  }
  units_done(unit, answer.count, pid);
  return true;
}

bool MapJob::accept_items(std::size_t first, std::uint32_t count, std::span<const std::byte> bytes, Pid pid) {
  const std::size_t failures_before = failures_.size();
  const auto make_no_sense = [&] {
    failures_.resize(failures_before);
    return false;
  };
  for (std::uint32_t i = 0; i < count; ++i) {
    if (bytes.size() < answer_header) return make_no_sense();
    ResultKind kind{};
    std::uint32_t length = 0;
    std::memcpy(&kind, bytes.data(), sizeof kind);
    std::memcpy(&length, bytes.data() + sizeof kind, sizeof length);
    bytes = bytes.subspan(answer_header);
    if (kind > ResultKind::exception || length > bytes.size()) return make_no_sense();
    try {
      if (kind == ResultKind::exception) {
        results_.keep_error(first + i, 1, bytes.first(length));
        keep_failure(first + i, pid, nullptr);
      } else {
        results_.keep_value(first + i, bytes.first(length));
      }
    } catch (const std::bad_alloc&) {
      failures_.resize(failures_before);
      throw;
    }
    bytes = bytes.subspan(length);
  }
  return bytes.empty() || make_no_sense();
}

void MapJob::fail(std::uint32_t unit, const std::exception_ptr& error, Pid pid) noexcept {
  try {
    make_room_for_failures(item_count(unit));
    for (std::uint32_t i = 0; i < item_count(unit); ++i) keep_failure(first_item(unit) + i, pid, error);
  } catch (const std::bad_alloc&) {
    unnoted_ = error;
  }
  try {
    keep_pid(pid);
  } catch (const std::bad_alloc&) {
    // Then it is one pid less that handles tell.
  }
  units_done(unit, 1, pid);
}

/// Which keep_failure() then takes without an allocation.
void MapJob::make_room_for_failures(std::size_t count) {
  if (failures_.capacity() - failures_.size() >= count) return;
  failures_.reserve(std::max(failures_.size() + count, 2 * failures_.capacity()));
}

void MapJob::keep_failure(std::size_t item, Pid pid, const std::exception_ptr& error) {
  failures_.push_back({item, pid, error});
}

void MapJob::keep_pid(Pid pid) {
  if (pid != 0 && std::find(pids_.begin(), pids_.end(), pid) == pids_.end()) pids_.push_back(pid);
}

void MapJob::units_done(std::uint32_t first, std::uint32_t count, Pid pid) noexcept {
  std::fill_n(unit_settled_.begin() + static_cast<std::ptrdiff_t>(first), count, true);
  units_ended(first, count, pid);
  units_left_ -= count;
  if (units_left_ != 0) return;
  std::sort(failures_.begin(), failures_.end(),
            [](const Failure& a, const Failure& b) { return a.item < b.item; });
  if (place_ != nullptr) place_->full = failures_.empty() && !unnoted_ && results_.all_in_place();
  finish();
}

std::exception_ptr MapJob::error_of(const Failure& failure) const {
  if (failure.error) return failure.error;
  return decode_exception(results_[failure.item],
                          RemoteInfo{failure.pid, first_id() + failure.item / items_.chunksize()});
}

std::span<const std::byte> MapJob::value(std::size_t item) const {
  const auto failure =
      std::lower_bound(failures_.begin(), failures_.end(), item,
                       [](const Failure& candidate, std::size_t wanted) { return candidate.item < wanted; });
  if (failure != failures_.end() && failure->item == item) std::rethrow_exception(error_of(*failure));
  if (unnoted_) std::rethrow_exception(unnoted_);
  return results_[item];
}

std::exception_ptr MapJob::error() const {
  return failures_.empty() ? unnoted_ : error_of(failures_.front());
}

}  // namespace procpool::detail
