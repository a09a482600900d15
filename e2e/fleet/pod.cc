#include "e2e/fleet/pod.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace storagepool::e2e {

void Pod::post() {
  ++traffic_.arrived, ++inside_;
  thread_.serve(simulation_.exponential(costs_.post), [this, came = simulation_.now()] {
    events_.push_back(came);
    go_on();
  });
}

void Pod::list() {
  ++traffic_.arrived, ++inside_;
  thread_.serve(simulation_.exponential(costs_.list), [this, came = simulation_.now()] {
    lists_.push_back(came);
    go_on();
  });
}

// Writes come first: reads never take the last connections from them.
void Pod::go_on() {
  while (has_work()) {
    if (open_ - opening_ > busy_) {
      ++busy_;
      if (!events_.empty() && committers_ < kCommitters) {
        commit();
      } else {
        read();
      }
      continue;
    }
    const auto wanted =
        std::min<std::int64_t>(static_cast<std::int64_t>(events_.size()), kCommitters - committers_) +
        static_cast<std::int64_t>(lists_.size());
    if (open_ >= limit_ || opening_ >= wanted) return;
    connect();
  }
}

void Pod::connect() {
  ++open_, ++opening_;
  database_.connect();
  database_.cores.serve(simulation_.exponential(costs_.connect), [this] {
    --opening_;
    go_on();
  });
}

void Pod::commit() {
  ++committers_;
  const auto count = std::min<std::size_t>(events_.size(), kMaxBatch);
  std::vector<double> batch(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(count));
  events_.erase(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(count));
  const double work = costs_.commit + costs_.row * static_cast<double>(count);
  database_.cores.serve(simulation_.exponential(work), [this, batch = std::move(batch)]() mutable {
    database_.disk.sync([this, batch = std::move(batch)] {
      ++traffic_.commits;
      traffic_.stored += static_cast<std::int64_t>(batch.size());
      for (const double came : batch) answer(traffic_.posts, came);
      --busy_, --committers_;
      go_on();
    });
  });
}

void Pod::read() {
  const double came = lists_.front();
  lists_.pop_front();
  database_.cores.serve(simulation_.exponential(costs_.list_at_server), [this, came] {
    answer(traffic_.lists, came);
    --busy_;
    go_on();
  });
}

void Pod::answer(Times& times, double came) {
  times.add(simulation_.now() - came);
  ++traffic_.answered, --inside_;
}

}  // namespace storagepool::e2e
