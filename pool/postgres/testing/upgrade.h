// pg_upgrade from one cluster into another, private to this folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace storagepool::postgres::testing {

struct Upgrade {
  std::filesystem::path old_binaries;
  std::filesystem::path old_data;  // of a server that was stopped
  std::filesystem::path binaries;  // with pg_upgrade and all that it calls
  std::filesystem::path data;      // a new cluster
  std::filesystem::path folder;    // of the servers' user, for sockets and what pg_upgrade leaves
  std::uint16_t port = 0;
  std::vector<std::string> as_postgres;  // command prefix
};

// Throws std::runtime_error with pg_upgrade's words.
void upgrade_cluster(const Upgrade& upgrade);

}  // namespace storagepool::postgres::testing
