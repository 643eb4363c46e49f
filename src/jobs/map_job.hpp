// SPDX-License-Identifier: MIT
/// \file
/// MapJob: many calls of one task that settle together.
#pragma once

#include "jobs/job.hpp"
#include "jobs/map_results.hpp"

#include <procpool/detail/map_items.hpp>
#include <procpool/detail/values_place.hpp>

#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <vector>

namespace procpool::detail {

/// The job behind Pool::map, and behind a chunk of an imap. Ready when all items have settled.
class MapJob final : public Job {
 public:
  /// `place`, if there is one, is lent until the job has settled.
  MapJob(std::shared_ptr<const JobContext> context, std::uint64_t task, ByteBuffer&& prefix, MapItems&& items,
         ValuesPlace* place = nullptr);

  void describe(std::uint32_t unit, std::uint32_t most, Message& message) const override;
  [[nodiscard]] bool settled(std::uint32_t unit) const noexcept override { return unit_settled_[unit]; }
  [[nodiscard]] bool accept(std::uint32_t unit, Answer&& answer, Pid pid) override;
  void fail(std::uint32_t unit, const std::exception_ptr& error, Pid pid) noexcept override;

  [[nodiscard]] std::size_t items() const noexcept override { return items_.items(); }
  [[nodiscard]] std::span<const std::byte> value(std::size_t item) const override;
  [[nodiscard]] std::exception_ptr error() const override;

 protected:
  std::vector<Pid> settled_pids() const override { return pids_; }

 private:
  struct Failure {
    std::size_t item;
    Pid pid;
    std::exception_ptr error;  ///< nullptr: the item's bytes are an encoded exception
  };

  [[nodiscard]] std::size_t first_item(std::uint32_t unit) const noexcept;
  [[nodiscard]] std::uint32_t item_count(std::uint32_t unit) const noexcept;
  [[nodiscard]] bool accept_items(std::size_t first, std::uint32_t count, std::span<const std::byte> bytes,
                                  Pid pid);
  void make_room_for_failures(std::size_t count);
  void keep_failure(std::size_t item, Pid pid, const std::exception_ptr& error);
  void keep_pid(Pid pid);
  void units_done(std::uint32_t first, std::uint32_t count, Pid pid) noexcept;
  [[nodiscard]] std::exception_ptr error_of(const Failure& failure) const;

  std::uint64_t task_;
  ByteBuffer prefix_;
  MapItems items_;  ///< what of them has settled, the results have taken over
  std::uint32_t units_left_;
  std::vector<bool> unit_settled_;
  MapResults results_;
  ValuesPlace* place_;
  std::vector<Failure> failures_;
  std::exception_ptr unnoted_;  ///< of items for whose failure there was no memory: which, nobody knows
  std::vector<Pid> pids_;
};

}  // namespace procpool::detail
