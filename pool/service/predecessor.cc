#include "pool/service/predecessor.h"

#include <array>
#include <cstdio>
#include <random>

#include "pool/common/json/json.h"

namespace storagepool::service {

namespace {

constexpr std::size_t kLongestName = 63 - std::string_view("#1a2b3c4d").size();  // NAMEDATALEN of PostgreSQL

}  // namespace

const std::string_view kPredecessorSql = R"sql(
SELECT count(*) FROM pg_stat_activity
WHERE usename = current_user AND application_name <> current_setting('application_name')
  AND split_part(application_name, '#', 1) = split_part(current_setting('application_name'), '#', 1))sql";

tl::expected<std::int64_t, std::string> parse_predecessor(const postgres::Result& result) {
  if (result.rows.size() == 1 && result.rows[0].size() == 1 && result.rows[0][0]) {
    const auto count = json::parse_integer(*result.rows[0][0]);
    if (count && *count >= 0) return *count;
  }
  return tl::unexpected(std::string("the count of the predecessor's sessions is no count"));
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
