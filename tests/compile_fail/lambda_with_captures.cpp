// expect: procpool: a lambda with captures cannot run in another process: pass what it needs as
// SPDX-License-Identifier: MIT
#include <procpool/task.hpp>

template <class F, class... A>
procpool::detail::TaskResult<F, A...> submit(F&& f, A&&... arguments) {
  procpool::detail::ByteBuffer bytes;
  const auto call = procpool::detail::make_task_call<F, A...>(f);
  procpool::detail::encode_arguments<F>(bytes, std::forward<A>(arguments)...);
  return procpool::detail::TaskResult<F, A...>();
}

int by(int factor) {
  return submit([factor](int x) { return x * factor; }, 2);
}
