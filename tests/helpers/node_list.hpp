// SPDX-License-Identifier: MIT
/// \file
/// A list linked by pointers: the simplest type that nests as deep as it is long.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

namespace procpool::test {

struct Node {
  int value = 0;
  std::unique_ptr<Node> next;

  Node() = default;
  Node(Node&&) noexcept = default;
  Node& operator=(Node&&) noexcept = default;
  ~Node() {
    // Not recursive, so that a long list can be destroyed.
    for (auto rest = std::move(next); rest;) rest = std::exchange(rest->next, nullptr);
  }

  template <class Archive>
  void serialize(Archive& archive) {
    archive(value, next);
  }
  [[nodiscard]] std::size_t length() const {
    std::size_t count = 0;
    for (const Node* at = next.get(); at != nullptr; at = at->next.get()) ++count;
    return count;
  }
};

/// A head with `length` nodes behind it.
inline Node make_list(std::size_t length) {
  Node head;
  for (std::size_t i = 0; i < length; ++i) {
    auto node = std::make_unique<Node>();
    node->next = std::move(head.next);
    head.next = std::move(node);
  }
  return head;
}

}  // namespace procpool::test
