#include "pool/service/monitor/predecessor.h"

#include <array>
#include <cstdio>
#include <random>

#include "pool/common/json/json.h"
#include "pool/common/settings/admin_wire.h"

namespace storagepool::service {

namespace {

constexpr std::size_t kLongestName = 63 - std::string_view("#1a2b3c4d").size();  // NAMEDATALEN of PostgreSQL

}  // namespace

const std::string_view kSessionsSql = R"sql(
SELECT split_part(application_name, '#', 1), count(*),
       count(*) FILTER (WHERE name = own AND application_name <> current_setting('application_name'))
FROM pg_stat_activity,
     split_part(application_name, '#', 1) AS name,
     split_part(current_setting('application_name'), '#', 1) AS own,
     substring(own FROM '[.][^.]*$') AS storage_pool
WHERE usename = current_user AND strpos(application_name, '#') > 0
  AND (name = own OR right(name, length(storage_pool)) = storage_pool)
GROUP BY 1)sql";

tl::expected<PodSessions, std::string> parse_sessions(const postgres::Result& result) {
  PodSessions sessions{.by_pod = std::map<std::string, std::int64_t>{}};
  for (const auto& row : result.rows) {
    const auto count = [&](std::size_t column) {
      const auto parsed =
          row.size() > column && row[column] ? json::parse_integer(*row[column]) : std::nullopt;
      return parsed.value_or(-1);
    };
    if (row.size() != 3 || !row[0] || count(1) < 0 || count(2) < 0)
      return tl::unexpected(std::string("the counts of the pods' sessions are no counts"));
    sessions.predecessor += count(2);
    sessions.by_pod->emplace(row[0]->substr(0, row[0]->rfind('.')), count(1));
  }
  if (sessions.by_pod->size() > settings::FactsReport::kMostPodsTold) sessions.by_pod.reset();
  return sessions;
}

Predecessor::Predecessor(const std::string& session_name) {
  if (session_name.empty()) {
    connections_ = 0;
    return;
  }
  std::array<char, 10> instance{};
  static_cast<void>(std::snprintf(instance.data(), instance.size(), "#%08x", std::random_device{}()));
  // Pods differ at the end of their names.
  const std::size_t cut = session_name.size() - std::min(session_name.size(), kLongestName);
  application_name_ = session_name.substr(cut) + instance.data();
}

bool Predecessor::seen(std::int64_t connections) {
  if (connections_ == connections) return false;
  connections_ = connections;
  return true;
}

settings::Settings Predecessor::leave_room(const settings::Settings& granted) const {
  if (connections_ == 0) return granted;
  const std::int64_t left =
      connections_ ? std::max<std::int64_t>(granted.max_open_conns - *connections_, 1) : 1;
  return settings::with_limit(settings::to_given(granted), left);
}

}  // namespace storagepool::service
