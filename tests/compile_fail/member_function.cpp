// expect: procpool: a member function cannot be a task: call it in a lambda without captures
// SPDX-License-Identifier: MIT
#include <procpool/task.hpp>

#include <string>

using Length = std::size_t (std::string::*)() const;
procpool::detail::TaskCall call(Length length) {
  return procpool::detail::make_task_call<Length, std::string>(length);
}
