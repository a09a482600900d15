#include "e2e/chaos/traffic.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "e2e/support/http.h"
#include "e2e/support/scenario.h"

namespace storagepool::e2e {
namespace {

using std::chrono::steady_clock;

// Of one client, between two requests: the cores are for the pods, too.
constexpr std::chrono::milliseconds kPause{10};
// Of failures, so that a scenario that goes wrong ends with a message and not without memory.
constexpr std::size_t kMostFailures = 10'000;

HttpRequest request(int client, int turn) {
  if (turn % 5 == 4) return Scenario::post_event(sample_event("chaos-" + std::to_string(client), turn));
  return {.method = "GET", .target = "/api/v1/audit/events?limit=20", .body = {}, .headers = {}};
}

}  // namespace

void Traffic::add(const std::string& address, std::uint16_t port, int clients) {
  for (int i = 0; i < clients; ++i) {
    clients_.emplace_back([this, client = clients_so_far_++, address, port](const std::stop_token& stop) {
      work(stop, client, address, port);
    });
  }
}

void Traffic::work(const std::stop_token& stop, int client, const std::string& address, std::uint16_t port) {
  HttpClient http(address, port);
  for (int turn = 0; !stop.stop_requested(); ++turn) {
    const auto begun = steady_clock::now();
    const auto answer = http.send(request(client, turn));
    if (answer && answer->status >= 200 && answer->status < 300) {
      ++answered_;
    } else if (answer && (answer->status == 429 || answer->status == 503)) {
      ++put_off_;
    } else {
      const std::lock_guard lock(mutex_);
      if (failures_.size() < kMostFailures) {
        failures_.push_back({begun, steady_clock::now(),
                             answer ? std::to_string(answer->status) + " " + answer->body : answer.error()});
      }
    }
    std::this_thread::sleep_for(kPause);
  }
}

void Traffic::stop() {
  for (auto& client : clients_) client.request_stop();
  clients_.clear();
}

std::vector<Traffic::Failure> Traffic::failures() const {
  const std::lock_guard lock(mutex_);
  return failures_;
}

std::vector<Traffic::Failure> Traffic::failures_outside(TimePoint from, TimePoint until) const {
  const std::lock_guard lock(mutex_);
  std::vector<Failure> others;
  std::ranges::copy_if(failures_, std::back_inserter(others),
                       [&](const Failure& failure) { return failure.ended < from || failure.begun > until; });
  return others;
}

std::string describe(const std::vector<Traffic::Failure>& failures) {
  std::map<std::string, int> kinds;
  for (const auto& failure : failures) ++kinds[failure.text.substr(0, 160)];
  std::string text;
  for (const auto& [kind, count] : kinds) text += std::to_string(count) + " times " + kind + "\n";
  return text;
}

}  // namespace storagepool::e2e
