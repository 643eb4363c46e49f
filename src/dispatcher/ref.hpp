// SPDX-License-Identifier: MIT
/// \file
/// Ref: a counted reference to an object that counts its own references.
#pragma once

#include <utility>

namespace procpool::detail {

/// T has retain() and release(); both may be called on any thread.
template <class T>
class Ref {
 public:
  Ref() noexcept = default;
  /// Takes over a reference that the caller has.
  [[nodiscard]] static Ref adopt(T* object) noexcept { return Ref(object); }
  [[nodiscard]] static Ref share(T* object) noexcept {
    if (object != nullptr) object->retain();
    return Ref(object);
  }
  Ref(const Ref& other) noexcept : object_(other.object_) {
    if (object_ != nullptr) object_->retain();
  }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ != nullptr) object_->release();
  }

  [[nodiscard]] T* get() const noexcept { return object_; }
  T* operator->() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }

 private:
  explicit Ref(T* object) noexcept : object_(object) {}

  T* object_ = nullptr;
};

}  // namespace procpool::detail
