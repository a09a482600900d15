// What one run of `engine_peer_benchmark` is asked to do: the command line that every pool compared in
// e2e/peers/engine takes, so that one harness can run them all.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace storagepool::engine::peer {

struct Options {
  std::string case_name;
  std::string host = "127.0.0.1";
  std::uint16_t port = 5432;
  std::string user;
  std::string password;
  std::string database;         // also the prefix of the many databases: <database>_0, <database>_1, ...
  double seconds = 5;           // of measuring, after the warm-up
  std::int64_t operations = 0;  // instead of the time, if not 0
  int clients = 64;
  int connections = 16;  // over all databases
  int threads = 2;
  int databases = 200;
  int per_database = 3;
  double skew = 1.1;
  std::uint64_t seed = 7;
  std::string sampled_user;  // whose backends `sample` counts
};

inline constexpr std::chrono::seconds kWarmUp{1};

}  // namespace storagepool::engine::peer
