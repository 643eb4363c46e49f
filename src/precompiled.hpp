// SPDX-License-Identifier: MIT
/// \file
/// Headers that most sources include, precompiled where PROCPOOL_FAST_BUILD is on. No file includes it.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>
