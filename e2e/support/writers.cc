#include "e2e/support/writers.h"

#include <array>
#include <atomic>
#include <cstdio>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "e2e/support/http.h"
#include "e2e/support/scenario.h"

namespace storagepool::e2e {
namespace {

using nlohmann::json;
using std::chrono::steady_clock;

// Of one writer, between two events: eight of them write some 200 events a second.
constexpr std::chrono::milliseconds kPause{40};

std::atomic<int> writers_so_far{0};

// A UUID of version 8 that tells all writers of this process and their turns apart.
std::string event_id(int writer, int turn) {
  std::array<char, 37> text{};
  static_cast<void>(
      std::snprintf(text.data(), text.size(), "e2e00000-0000-8000-8%03x-%012x", writer, turn + 1));
  return text.data();
}

}  // namespace

Writers::Writers(const std::string& address, std::uint16_t port, int count,
                 const std::string& correlation_id) {
  const int first = writers_so_far.fetch_add(count);
  for (int writer = first; writer < first + count; ++writer) {
    threads_.emplace_back([this, writer, address, port, correlation_id](const std::stop_token& stop) {
      write(stop, writer, address, port, correlation_id);
    });
  }
}

void Writers::write(const std::stop_token& stop, int writer, const std::string& address, std::uint16_t port,
                    const std::string& correlation_id) {
  const bool keeps_connection = writer % 2 == 1;
  const bool makes_ids = writer % 4 < 2;
  std::optional<HttpClient> client;
  for (int turn = 0; !stop.stop_requested(); ++turn) {
    json event = sample_event(correlation_id, turn);
    if (makes_ids) event["event_id"] = event_id(writer, turn);
    if (!client || !keeps_connection) client.emplace(address, port);
    const auto begun = steady_clock::now();
    const auto answer = client->send(Scenario::post_event(event));
    const auto ended = steady_clock::now();
    {
      const std::lock_guard lock(mutex_);
      if (answer && (answer->status == 201 || answer->status == 202)) {
        const std::string id = json::parse(answer->body).at("event_id");
        (answer->status == 201 ? outcome_.stored : outcome_.journalled).push_back(id);
        if (answer->status == 201) outcome_.stored_at.push_back(ended);
      } else {
        outcome_.failures.push_back(
            {begun, ended, answer ? answer->status : 0, answer ? answer->body : answer.error()});
      }
    }
    std::this_thread::sleep_for(kPause);
  }
}

void Writers::stop() {
  for (auto& thread : threads_) thread.request_stop();
  threads_.clear();
}

Writers::Outcome Writers::outcome() const {
  const std::lock_guard lock(mutex_);
  return outcome_;
}

}  // namespace storagepool::e2e
