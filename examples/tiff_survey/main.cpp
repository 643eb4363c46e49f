// SPDX-License-Identifier: MIT
// Walks directories and parses every file in them with a parser that nobody should trust. Each file is parsed
// in a worker process, with a limit on time and on memory: what goes wrong there costs one row of the table.
#include "fragile_tiff.hpp"
#include "progress_bar.hpp"

#include <procpool/procpool.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

namespace fs = std::filesystem;

// The parser's exception comes back from the worker as itself.
PROCPOOL_EXCEPTION(fragile_tiff::ParseError);

namespace {

// For each file.
constexpr auto time_limit = std::chrono::seconds(3);
constexpr auto memory_limit = 128 * procpool::MiB;

// Runs in a worker.
std::string describe(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw std::runtime_error("cannot be read");
  const std::vector<unsigned char> bytes{std::istreambuf_iterator<char>(stream),
                                         std::istreambuf_iterator<char>()};
  const fragile_tiff::Document document = fragile_tiff::parse(bytes);

  std::string text =
      std::to_string(document.pages.size()) + (document.pages.size() == 1 ? " page" : " pages");
  for (const fragile_tiff::Page& page : document.pages) {
    text += "; " + std::to_string(page.width) + "x" + std::to_string(page.height) + ", " +
            std::to_string(page.samples_per_pixel) + "x" + std::to_string(page.bits_per_sample) + " bits, " +
            fragile_tiff::compression_name(page.compression);
    if (page.mean) text += ", mean " + std::to_string(std::lround(*page.mean));
    if (!page.description.empty()) text += ", \"" + page.description + "\"";
  }
  return text;
}

struct Row {
  std::string file;
  std::string verdict;
  bool parsed;
};

// Waits for one file, and puts what became of it into words.
Row settle(const std::string& file, procpool::ApplyResult<std::string>& result) {
  try {
    return {file, result.get(), true};
  } catch (const procpool::WorkerLostError& lost) {
    return {file, std::string(to_string(lost.reason())) + ": " + lost.exit_status().to_string(), false};
  } catch (const procpool::TimeLimitExceeded&) {
    return {file, "stopped: took too long", false};
  } catch (const procpool::MemoryLimitExceeded&) {
    return {file, "stopped: took too much memory", false};
  } catch (const std::exception& error) {
    return {file, std::string("threw: ") + error.what(), false};
  }
}

std::vector<std::string> files_in(const std::vector<std::string>& directories) {
  std::vector<std::string> files;
  for (const std::string& directory : directories) {
    for (const auto& entry : fs::recursive_directory_iterator(directory)) {
      if (entry.is_regular_file()) files.push_back(entry.path().generic_string());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

void print(const std::vector<Row>& rows) {
  std::size_t width = 0;
  for (const Row& row : rows) width = std::max(width, row.file.size());
  for (const Row& row : rows) {
    std::printf("%-*s  %s  %s\n", static_cast<int>(width), row.file.c_str(), row.parsed ? "ok  " : "FAIL",
                row.verdict.c_str());
  }
}

// How many workers there are, once the replacements of the dead have come up; fewer than pool.size() if they
// do not.
std::size_t count_workers(const procpool::Pool& pool) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (pool.worker_pids().size() < pool.size() && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return pool.worker_pids().size();
}

int survey(const std::vector<std::string>& directories, std::size_t processes) {
  const std::vector<std::string> files = files_in(directories);
  procpool::Pool pool({.processes = processes, .timeout = time_limit, .memory_limit = memory_limit});
  const std::size_t workers_at_start = count_workers(pool);

  std::vector<procpool::ApplyResult<std::string>> results;
  for (const std::string& file : files) results.push_back(pool.apply_async(describe, file));

  ProgressBar progress(files.size());
  std::vector<Row> rows;
  for (std::size_t i = 0; i < files.size(); ++i) {
    do {
      progress.show(static_cast<std::size_t>(
          std::count_if(results.begin(), results.end(), [](const auto& result) { return result.ready(); })));
    } while (!results[i].wait(std::chrono::milliseconds(50)));
    rows.push_back(settle(files[i], results[i]));
  }
  progress.finish(rows.size());

  print(rows);
  const auto parsed = std::count_if(rows.begin(), rows.end(), [](const Row& row) { return row.parsed; });
  std::printf("\n%zu files: %td parsed, %td failed alone. Workers: %zu at the start, %zu at the end.\n",
              rows.size(), parsed, static_cast<std::ptrdiff_t>(rows.size()) - parsed, workers_at_start,
              pool.size());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  procpool::init(argc, argv);
  std::size_t processes = 4;
  std::vector<std::string> directories;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--processes") == 0 && i + 1 < argc) {
      processes = std::strtoul(argv[++i], nullptr, 10);
    } else {
      directories.emplace_back(argv[i]);
    }
  }
  if (directories.empty()) {
    std::fputs("usage: tiff_survey [--processes N] DIRECTORY...\n", stderr);
    return 2;
  }
  try {
    return survey(directories, processes);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tiff_survey: %s\n", error.what());
    return 1;
  }
}
