// SPDX-License-Identifier: MIT
// What it costs to turn values into bytes and back.
#include <procpool/codec.hpp>

#include <string>
#include <vector>

#include <benchmark/benchmark.h>

namespace procpool::micro {
namespace {

using namespace detail;

/// A buffer that is kept, as a worker keeps one for its results.
template <class T>
void encode_value(benchmark::State& state, const T& value) {
  ByteBuffer buffer;
  for (auto _ : state) {
    buffer.clear();
    encode(buffer, value);
    benchmark::DoNotOptimize(buffer.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(buffer.size()));
}

template <class T>
void decode_value(benchmark::State& state, const T& value) {
  ByteBuffer buffer;
  encode(buffer, value);
  for (auto _ : state) {
    T decoded = decode<T>(buffer.view());
    benchmark::DoNotOptimize(decoded);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(buffer.size()));
}

const std::string text(100, 'x');
const std::vector<int> numbers(1000, 42);
const std::vector<std::string> texts(100, text);

BENCHMARK_CAPTURE(encode_value, int, 42)->Name("serialize/encode_int");
BENCHMARK_CAPTURE(decode_value, int, 42)->Name("serialize/decode_int");
BENCHMARK_CAPTURE(encode_value, string, text)->Name("serialize/encode_string_100");
BENCHMARK_CAPTURE(decode_value, string, text)->Name("serialize/decode_string_100");
BENCHMARK_CAPTURE(encode_value, vector, numbers)->Name("serialize/encode_vector_1000_ints");
BENCHMARK_CAPTURE(decode_value, vector, numbers)->Name("serialize/decode_vector_1000_ints");
BENCHMARK_CAPTURE(encode_value, strings, texts)->Name("serialize/encode_vector_100_strings");
BENCHMARK_CAPTURE(decode_value, strings, texts)->Name("serialize/decode_vector_100_strings");

}  // namespace
}  // namespace procpool::micro
