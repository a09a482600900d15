#include "e2e/support/backend_sampler.h"

#include <charconv>
#include <chrono>
#include <cstdio>

#include "e2e/support/postgres.h"

namespace storagepool::e2e {

BackendSampler::BackendSampler(const std::string& name_space)
    : psql_(
          {"kubectl", "-n", name_space, "exec", "-i", "deployment/postgres", "--", "psql", "-XtAq", "-d",
           "postgres"},
          std::string(
              "select count(*) from pg_stat_activity where backend_type = 'client backend' and usename = '") +
              kRole + "' \\watch 0.01\n"),
      reader_([this](const std::stop_token& stop) { read_all(stop); }) {}

BackendSampler::~BackendSampler() {
  reader_.request_stop();
  reader_.join();
}

void BackendSampler::read_all(const std::stop_token& stop) {
  constexpr std::chrono::milliseconds kSilence{200};
  while (!stop.stop_requested()) {
    const auto line = psql_.read_line(kSilence);
    if (!line) {
      if (psql_.running()) continue;
      alive_ = false;
      return;
    }
    int count = 0;
    const auto [end, error] = std::from_chars(line->data(), line->data() + line->size(), count);
    if (error != std::errc{} || end != line->data() + line->size()) {
      if (!line->empty()) std::fprintf(stderr, "backend sampler: %s\n", line->c_str());
      continue;
    }
    now_ = count;
    if (count > highest_) highest_ = count;
    ++samples_;
  }
}

}  // namespace storagepool::e2e
