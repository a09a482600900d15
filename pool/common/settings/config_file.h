// The configuration file of a managed pod (mounted from the StoragePool's ConfigMap, and kept again by the
// pod as its persisted state). YAML, at most 64 KiB:
//
//   generation: 7                  # which grant of the operator this is; grows with every change
//   postgres: {host: db.example, port: 5432, database: audit, sslMode: require}
//   pool: {maxOpenConns: 16, connMaxLifetime: 5m, ...}   # keys of the settings table
//
// Unknown keys are errors, except in `pool`, where a newer operator may have written them. Strings are
// emitted double-quoted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "pool/common/settings/settings.h"

namespace storagepool::settings {

enum class SslMode { kDisable, kRequire, kVerifyCa, kVerifyFull };
std::string_view to_string(SslMode mode);

struct PostgresTarget {
  std::string host;
  std::uint16_t port = 5432;
  std::string database;
  SslMode ssl_mode = SslMode::kRequire;
  friend bool operator==(const PostgresTarget&, const PostgresTarget&) = default;
};

// "host:port" in lower case, by which servers are told apart before a system identifier is known.
std::string server_of(const PostgresTarget& target);
// "host:port/database".
std::string target_of(const PostgresTarget& target);

struct Config {
  std::int64_t generation = 0;
  PostgresTarget postgres;
  Given pool;         // ranges of single values are checked; relations are checked by `resolve`
  Ignored ignored{};  // other keys of `pool`, which are not rendered
  friend bool operator==(const Config&, const Config&) = default;
};

inline constexpr std::size_t kMaxConfigBytes = std::size_t{64} * 1024;

// The file of a candidate (docs/decisions/server-moves-live.md), beside the configuration: the members of
// `postgres` above. Older pods know nothing of it, and it is no key of theirs to refuse.
inline constexpr std::string_view kCandidateFile = "candidate.yaml";
tl::expected<PostgresTarget, Problems> parse_target(std::string_view yaml);
std::string render_target(const PostgresTarget& target);

tl::expected<Config, Problems> parse_config(std::string_view yaml);
std::string render_config(const Config& config);

}  // namespace storagepool::settings
