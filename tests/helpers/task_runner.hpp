// SPDX-License-Identifier: MIT
/// \file
/// Runs tasks the way a host and a worker do, without either: what is encoded is all that gets across.
#pragma once

#include "tasks/find_invoker.hpp"
#include "tasks/image_resolver.hpp"
#include "tasks/image_table.hpp"

#include <procpool/byte_buffer.hpp>
#include <procpool/codec.hpp>
#include <procpool/task.hpp>

#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

namespace procpool::test {

/// The worker's half: a resolver that has been told of every image that the host knows, while it lives.
class CurrentResolver {
 public:
  CurrentResolver() {
    for (std::size_t i = 0; i < detail::image_count(); ++i) resolver_.add(detail::image_record(i));
    detail::set_current_resolver(&resolver_);
  }
  CurrentResolver(const CurrentResolver&) = delete;
  CurrentResolver& operator=(const CurrentResolver&) = delete;
  ~CurrentResolver() { detail::set_current_resolver(nullptr); }

 private:
  detail::ImageResolver resolver_;
};

/// What a worker does with a job. Returns the encoded result.
inline detail::ByteBuffer run_encoded(detail::TaskRef ref, std::span<const std::byte> prefix,
                                      std::span<const std::byte> arguments) {
  const CurrentResolver resolver;
  detail::ByteBuffer result;
  const detail::TaskInvoker invoker = detail::find_invoker(ref, prefix);
  invoker(prefix, arguments, result);
  return result;
}

/// What Pool::apply(f, arguments...) does.
template <class F, class... A>
detail::TaskResult<F, A...> run(F&& f, A&&... arguments) {
  using Result = detail::TaskResult<F, A...>;
  const detail::TaskCall call = detail::make_task_call<detail::Callable<F>, A...>(f);
  detail::ByteBuffer encoded;
  detail::encode_arguments<F>(encoded, std::forward<A>(arguments)...);
  const detail::ByteBuffer result = run_encoded(call.ref, call.prefix.view(), encoded.view());
  if constexpr (!std::is_void_v<Result>) return detail::decode<Result>(result.view());
}

}  // namespace procpool::test
