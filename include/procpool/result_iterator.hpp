// SPDX-License-Identifier: MIT
/// \file
/// ResultIterator: the results of Pool::imap and Pool::imap_unordered, one after the other.
#pragma once

#include <procpool/codec.hpp>
#include <procpool/detail/imap_session.hpp>
#include <procpool/types.hpp>

#include <cstddef>
#include <exception>
#include <iterator>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace procpool {

/// An input range of results, and a source of them by next(). Reads the input lazily, on the thread that
/// takes the results. For one thread at a time; can be moved, not copied; moved from, it throws
/// std::logic_error. Destroying it abandons what was not taken: tasks that have been submitted still run. A
/// task that returns nothing gives std::monostate.
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
    forget();
    if (!session_.more()) return std::nullopt;
    return take(timeout);
  }

  class iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using difference_type = std::ptrdiff_t;
    using value_type = ResultIterator::value_type;

    iterator() = default;
    /// Waits for the result, and throws the task's error in its place. Looked at again, it is the same; who
    /// wants to keep it may move from it.
    value_type&& operator*() const { return std::move(owner_->current()); }
    iterator& operator++() {
      if (!owner_->looked_at_) owner_->session_.next(std::nullopt);
      owner_->forget();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const {
      return owner_ == nullptr || (!owner_->looked_at_ && !owner_->session_.more());
    }

   private:
    friend class ResultIterator;
    explicit iterator(ResultIterator* owner) noexcept : owner_(owner) {}

    ResultIterator* owner_ = nullptr;
  };

  /// Goes on where the last iteration, or next(), has stopped: behind what was looked at.
  [[nodiscard]] iterator begin() {
    forget();
    return iterator(this);
  }
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

  /// The result at the iterator's position.
  value_type& current() {
    if (!looked_at_) {
      looked_at_ = true;
      try {
        current_.emplace(take(std::nullopt));
      } catch (...) {
        error_ = std::current_exception();
      }
    }
    if (error_) std::rethrow_exception(error_);
    return *current_;
  }
  void forget() noexcept {
    looked_at_ = false;
    current_.reset();
    error_ = nullptr;
  }

  detail::ImapSession session_;
  bool looked_at_ = false;  ///< current_ or error_ is what the iterator stands at
  std::optional<value_type> current_;
  std::exception_ptr error_;
};

}  // namespace procpool
