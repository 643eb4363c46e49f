// SPDX-License-Identifier: MIT
#include "loaded_images.hpp"
#include "serialization/type_name.hpp"

#include <procpool/detail/named_task.hpp>
#include <procpool/errors.hpp>

#include <atomic>
#include <string>
#include <string_view>

namespace procpool::detail {

namespace {

/// Only grows. No lock: it is read in forked workers.
constinit std::atomic<const NamedTaskEntry*> first_entry{nullptr};

}  // namespace

void NamedTaskEntry::link() noexcept {
  const auto place = image_place(this);
  if (place && !place->is_main) keep_image_loaded(this);
  next_ = first_entry.load(std::memory_order_relaxed);
  while (
      !first_entry.compare_exchange_weak(next_, this, std::memory_order_release, std::memory_order_relaxed)) {
  }
}

TaskInvoker find_named_task(const std::string& name, const std::string& signature) {
  TaskInvoker found = nullptr;
  std::string others;
  for (const NamedTaskEntry* entry = first_entry.load(std::memory_order_acquire); entry != nullptr;
       entry = entry->next()) {
    if (name != entry->name()) continue;
    if (signature != entry->signature().name()) {
      others += (others.empty() ? "" : " and ") + demangle(entry->signature().name());
    } else if (found != nullptr && found != entry->invoker()) {
      throw TaskNotFoundError("the task \"" + name +
                              "\" is registered more than once in the worker's program");
    } else {
      found = entry->invoker();
    }
  }
  if (found != nullptr) return found;
  if (others.empty()) {
    throw TaskNotFoundError("the task \"" + name +
                            "\" is not registered in the worker's program: it needs PROCPOOL_TASK(\"" + name +
                            "\", ...)");
  }
  throw TaskNotFoundError("the task \"" + name + "\" is registered as " + others + " and was called as " +
                          demangle(signature.c_str()));
}

}  // namespace procpool::detail
