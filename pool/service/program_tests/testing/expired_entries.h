// A log that has something to prune.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "pool/common/encoding/encoding.h"
#include "pool/common/settings/admin_wire.h"
#include "pool/evidence/sealing/testing/batches.h"
#include "pool/postgres/testing/server.h"
#include "pool/service/program_tests/testing/pod.h"

namespace storagepool::service::testing {

// Two batches as pods made them early in 2020, of 200 and 100 events, which have expired and are gone. The
// database has the tables and no events yet.
inline void insert_expired_entries(const postgres::testing::Server& server) {
  std::uint64_t number = 0;
  for (const auto& [batch, events] : {std::pair{1, 200}, std::pair{2, 100}}) {
    std::string entries;
    for (int i = 0; i < events; ++i) entries += evidence::testing::entry(++number, "2020-03-01T12:00:00Z", 1);
    const std::string mac = evidence::testing::mac_of(batch, entries, std::string(32, 's'));
    server.superuser("INSERT INTO audit_batches (batch, events, entries, mac) VALUES (" +
                         std::to_string(batch) + ", " + std::to_string(events) + ", '\\x" +
                         encoding::encode_hex(entries) + "', '\\x" + encoding::encode_hex(mac) + "')",
                     "audit");
  }
}

// Tells the pod that the log, as it is, was cosigned: what the operator does. False: it has none.
inline bool show_log(const Pod& pod) {
  HttpResponse note;
  if (!eventually([&] { return (note = pod.api("GET", "/api/v1/audit/log/checkpoint")).status == 200; }))
    return false;
  const settings::LogFloor floor{.checkpoint = note.body, .grow = false, .restart = {}};
  return pod.admin("PUT", "/admin/log", settings::to_json(floor)).status == 200;
}
inline bool is_pruned(const Pod& pod) {
  return eventually([&] {
    const auto status = pod.api("GET", "/api/v1/audit/log/status");
    return status.status == 200 && nlohmann::json::parse(status.body).at("min_index") == 256;
  });
}
inline bool prune_expired(const postgres::testing::Server& server, const Pod& pod) {
  if (!pod.becomes_ready()) return false;
  insert_expired_entries(server);
  return show_log(pod) && is_pruned(pod);
}

}  // namespace storagepool::service::testing
