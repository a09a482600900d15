#include "pool/service/program_tests/testing/load.h"

#include <chrono>

#include "pool/common/runtime/timestamp.h"
#include "pool/event/uuid.h"
#include "pool/service/program_tests/testing/pod.h"

namespace storagepool::service::testing {
namespace {

using nlohmann::json;

runtime::Timestamp wall_clock() {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

}  // namespace

Load::Load(std::uint16_t port) : port_(port) {
  for (int client = 0; client < 8; ++client) {
    clients_.emplace_back([this, client] { run(client % 2 == 0); });
  }
}

bool Load::sees(unsigned status, std::size_t more) const {
  const std::size_t until = count(status) + more;
  return eventually([&] { return count(status) >= until; });
}

void Load::stop() {
  done_ = true;
  for (std::thread& client : clients_) client.join();
  clients_.clear();
}

std::vector<std::string> Load::lost_or_doubled(const postgres::testing::Server& server) const {
  std::map<std::string, int> stored;
  for (const std::string& id : server.superuser("SELECT event_id FROM audit_events", "audit")) ++stored[id];
  std::vector<std::string> wrong;
  for (const auto& [id, times] : stored) {
    if (times > 1) wrong.push_back(id + " is there " + std::to_string(times) + " times");
  }
  const std::lock_guard lock(mutex_);
  for (const auto& [status, ids] : acknowledged_) {
    for (const std::string& id : ids) {
      if (!stored.contains(id)) wrong.push_back(id + " is lost, answered " + std::to_string(status));
    }
  }
  return wrong;
}

std::size_t Load::count(unsigned status) const {
  const std::lock_guard lock(mutex_);
  const auto found = acknowledged_.find(status);
  return found == acknowledged_.end() ? 0 : found->second.size();
}

void Load::run(bool own_ids) {
  json event;
  while (!done_) {
    if (event.is_null()) {
      event = valid_event();
      event["correlation_id"] = "load";
      if (own_ids) event["event_id"] = event::new_event_id(wall_clock());
    }
    const auto answer =
        http(port_, "POST", "/api/v1/audit/events", {{"Content-Type", "application/json"}}, event.dump());
    const bool recorded = answer.status == 201 || answer.status == 202;
    if (recorded) {
      const std::lock_guard lock(mutex_);
      acknowledged_[answer.status].push_back(json::parse(answer.body).at("event_id"));
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));  // nobody may be there to answer
    }
    if (recorded || !own_ids) event = nullptr;
  }
}

}  // namespace storagepool::service::testing
