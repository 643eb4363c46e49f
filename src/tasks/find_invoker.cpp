// SPDX-License-Identifier: MIT
#include "find_invoker.hpp"

#include <procpool/codec.hpp>
#include <procpool/detail/named_task.hpp>

#include <span>
#include <string>
#include <tuple>

namespace procpool::detail {

TaskInvoker find_invoker(TaskRef ref, std::span<const std::byte>& prefix) {
  if (ref.image() != TaskRef::named_image) return reinterpret_cast<TaskInvoker>(resolve_task(ref));
  const auto [name, signature] = decode<std::tuple<std::string, std::string>>(prefix);
  prefix = {};
  return find_named_task(name, signature);
}

}  // namespace procpool::detail
