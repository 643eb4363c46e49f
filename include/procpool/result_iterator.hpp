// SPDX-License-Identifier: MIT
/// \file
/// ResultIterator: the results of Pool::imap and Pool::imap_unordered, one after the other.
#pragma once

#include <procpool/codec.hpp>
#include <procpool/detail/imap_session.hpp>
#include <procpool/types.hpp>

#include <cstddef>
#include <iterator>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace procpool {

/// An input range of results, and a source of them by next(). Reads the input lazily, on the thread that
/// takes the results. For one thread at a time; can be moved, not copied. Destroying it abandons what was not
/// taken: tasks that have been submitted still run. A task that returns nothing gives std::monostate.
///
/// If a task fails, its error is thrown in place of its result, by next() or by the iterator's `*`, and the
/// iteration can go on after it. An exception of the input arrives after the results of the items before it,
/// and ends the iteration.
template <class T>
class ResultIterator {
 public:
  using value_type = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

  explicit ResultIterator(detail::ImapSession session) : session_(std::move(session)) {}

  /// The next result; nothing at the end. With a timeout: TimeoutError if it passes first, and the result can
  /// still be had by the next call.
  std::optional<value_type> next(std::optional<Duration> timeout = std::nullopt) {
    if (!session_.more()) return std::nullopt;
    return take(timeout);
  }

  class iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using difference_type = std::ptrdiff_t;
    using value_type = ResultIterator::value_type;

    iterator() = default;
    /// Waits for the result, and throws the task's error in its place. Once for each position.
    value_type operator*() const {
      taken_ = true;
      return owner_->take(std::nullopt);
    }
    iterator& operator++() {
      if (!taken_) owner_->session_.next(std::nullopt);
      taken_ = false;
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const {
      return owner_ == nullptr || (!taken_ && !owner_->session_.more());
    }

   private:
    friend class ResultIterator;
    explicit iterator(ResultIterator* owner) noexcept : owner_(owner) {}

    ResultIterator* owner_ = nullptr;
    mutable bool taken_ = false;
  };

  /// Goes on where the last iteration, or next(), has stopped.
  [[nodiscard]] iterator begin() { return iterator(this); }
  [[nodiscard]] static std::default_sentinel_t end() noexcept { return std::default_sentinel; }

 private:
  value_type take(std::optional<Duration> timeout) {
    const detail::ImapSession::Item item = session_.next(timeout);
    if (item.input_error) std::rethrow_exception(item.input_error);
    const auto bytes = item.job.value(item.index);
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      return detail::decode<T>(bytes);
    }
  }

  detail::ImapSession session_;
};

}  // namespace procpool
