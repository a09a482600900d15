// The one table of pool settings: every setting is declared here once with its key, unit, default, range and
// the environment names that are accepted for it. Configuration files, the environment, `PUT
// /admin/settings`, `--help`, the rendered ConfigMap and the check of the CRD's schema all come from this
// table.
//
// Values are collected as `Given` (a partial set, by key) from any number of sources, and `resolve` turns
// them into a complete `Settings` or into a list of problems, each naming the key, the value and what is
// allowed. Nothing is clamped silently. Counts are plain integers; durations are written as Go and Kubernetes
// write them ("1m30s").
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

namespace storagepool::settings {

// How far a commit has gone when PostgreSQL says that it is done: its setting synchronous_commit, or what the
// server's configuration has, at least `local`. There is no `off`: what was acknowledged would not be
// durable.
enum class SynchronousCommit { kServer, kLocal, kRemoteWrite, kOn, kRemoteApply };
std::string_view to_string(SynchronousCommit level);

struct Settings {
  std::int64_t max_open_conns = 25;
  std::int64_t max_idle_conns = 5;
  std::int64_t max_conns_per_database = 3;
  std::int64_t system_conns = 5;
  std::int64_t max_waiters = 10000;
  std::int64_t statement_cache_size = 200;
  std::chrono::milliseconds conn_max_lifetime{std::chrono::minutes{5}};    // 0: no limit
  std::chrono::milliseconds conn_max_idle_time{std::chrono::minutes{10}};  // 0: no limit
  std::chrono::milliseconds surplus_idle_time{std::chrono::seconds{5}};    // 0: closed at once
  std::chrono::milliseconds acquire_timeout{std::chrono::seconds{30}};
  std::chrono::milliseconds connect_timeout{std::chrono::seconds{5}};
  std::chrono::milliseconds statement_timeout{std::chrono::seconds{30}};    // 0: no limit
  std::chrono::milliseconds lock_timeout{std::chrono::seconds{10}};         // 0: no limit
  std::chrono::milliseconds validate_after_idle{std::chrono::seconds{30}};  // 0: before every reuse
  std::chrono::milliseconds stall_after{std::chrono::seconds{1}};
  SynchronousCommit synchronous_commit = SynchronousCommit::kServer;

  friend bool operator==(const Settings&, const Settings&) = default;
};

enum class Kind { kCount, kDuration, kChoice };

// How a bare number in an environment variable is read; configuration files always carry the unit.
struct EnvironmentName {
  std::string_view name;
  bool in_seconds = false;
};

struct Setting {
  std::string_view key;
  Kind kind;
  // Default, in counts, milliseconds or places among the choices. `maxIdleConns`, `maxConnsPerDatabase` and
  // `systemConns` default to less where `maxOpenConns` is smaller: their defaults are derived, see `resolve`.
  std::int64_t default_value;
  std::int64_t minimum;
  std::int64_t maximum;
  bool zero_allowed;  // a duration whose minimum is above zero may still be 0, meaning "off"
  bool up_to_max_open_conns;
  std::span<const EnvironmentName> environment;
  std::string_view doc;
  std::span<const std::string_view> choices{};
};

// Every setting, in the order in which people should read them. All are live: a change needs no restart.
std::span<const Setting> table();
const Setting* find(std::string_view key);

// One rejected value: `message` is a whole sentence naming key, value and the allowed range.
struct Problem {
  std::string key;
  std::string value;
  std::string message;
  friend bool operator==(const Problem&, const Problem&) = default;
};
using Problems = std::vector<Problem>;
std::string to_string(const Problems& problems);

// Parsed values by key, in counts, milliseconds or places among the choices.
using Given = std::map<std::string, std::int64_t, std::less<>>;

// Keys of a source that this release does not know, because whoever wrote it is newer: told in reports,
// otherwise left alone. Only the first of many, and of long ones the beginning.
using Ignored = std::vector<std::string>;
void ignore(Ignored& ignored, std::string_view key);

// Parses one value of a configuration source. The error says what was given and what is allowed.
tl::expected<std::int64_t, Problem> parse_value(const Setting& setting, std::string_view text);

// The range of a setting as a person reads it: "1 to 10000", "0 (off) or at least 1s", "one of: on, local".
std::string allowed_range(const Setting& setting);

// Reads every accepted environment name. Two names of one setting with different values are an error.
using EnvironmentLookup = std::function<std::optional<std::string>(std::string_view name)>;
tl::expected<Given, Problems> from_environment(const EnvironmentLookup& lookup);

// Joins two sources; the same key with different values is an error that names both sources.
tl::expected<Given, Problems> merge(const Given& first, std::string_view first_source, const Given& second,
                                    std::string_view second_source);

// Completes `given` with defaults and checks ranges and relations (maxIdleConns ≤ maxOpenConns and so on).
tl::expected<Settings, Problems> resolve(const Given& given);

// The inverse of `resolve`: every setting by key.
Given to_given(const Settings& settings);
// What is asked, with maxOpenConns at `limit` and everything that depends on it within it. `asked` must
// resolve itself, and `limit` be in its range.
Settings with_limit(const Given& asked, std::int64_t limit);

// The value of a setting as it is written in configuration files: "25", "1m30s", "local".
std::string format_value(const Setting& setting, std::int64_t value);

}  // namespace storagepool::settings
