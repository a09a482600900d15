#include "pool/common/settings/settings.h"

#include <algorithm>
#include <cassert>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "pool/common/settings/duration.h"

namespace storagepool::settings {
namespace {

constexpr std::int64_t kSecond = 1000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kMaxDuration = std::int64_t{100} * 365 * 24 * 60 * kMinute;
constexpr std::int64_t kMaxPostgresTimeout = 2'147'483 * kSecond;  // PostgreSQL's own, in whole seconds
constexpr std::int64_t kMaxConns = 10'000;
constexpr std::int64_t kDefaultMaxOpenConns = 25;
constexpr std::int64_t kMaxWaiters = 10'000'000;
constexpr std::size_t kMaxShownValue = 64;

constexpr std::span<const EnvironmentName> kNone;
constexpr std::array<EnvironmentName, 2> kMaxOpenNames{{{"DB_MAX_CONNECTIONS"}, {"DB_CONNECTION_LIMIT"}}};
constexpr std::array<EnvironmentName, 1> kMaxIdleNames{{{"DB_MAX_IDLE_CONNECTIONS"}}};
constexpr std::array<EnvironmentName, 1> kPerDatabaseNames{{{"DB_MAX_CONNECTIONS_PER_DB"}}};
constexpr std::array<EnvironmentName, 1> kLifetimeNames{{{"DB_CONNECTION_MAX_LIFETIME"}}};
constexpr std::array<EnvironmentName, 1> kIdleTimeNames{{{"DB_CONNECTION_MAX_IDLE_TIME"}}};
constexpr std::array<EnvironmentName, 1> kAcquireNames{{{"DB_POOL_TIMEOUT", true}}};
constexpr std::array<EnvironmentName, 1> kStatementCacheNames{{{"DB_STATEMENT_CACHE_SIZE"}}};

// In the order of SynchronousCommit.
constexpr std::array<std::string_view, 5> kSynchronousCommit{"server", "local", "remote_write", "on",
                                                             "remote_apply"};

constexpr std::array kTable{
    Setting{"maxOpenConns", Kind::kCount, kDefaultMaxOpenConns, 1, kMaxConns, false, false, kMaxOpenNames,
            "Connections this pod may hold to the server, over all databases."},
    Setting{"maxIdleConns", Kind::kCount, 5, 0, kMaxConns, false, true, kMaxIdleNames,
            "Connections kept open while nobody uses them; more only for surplusIdleTime."},
    Setting{"maxConnsPerDatabase", Kind::kCount, 3, 1, kMaxConns, false, true, kPerDatabaseNames,
            "Connections this pod may hold to each workspace database."},
    Setting{"systemConns", Kind::kCount, 0, 1, kMaxConns, false, true, kNone,
            "Connections kept for the system database, all but one at most; by default a tenth of "
            "maxOpenConns, 5 to 20, never over half."},
    Setting{"connMaxLifetime", Kind::kDuration, 5 * kMinute, kSecond, kMaxDuration, true, false,
            kLifetimeNames, "Age at which a connection is replaced, with up to 10 % jitter; 0 turns it off."},
    Setting{"connMaxIdleTime", Kind::kDuration, 10 * kMinute, kSecond, kMaxDuration, true, false,
            kIdleTimeNames, "Time unused after which a connection is closed; 0 turns it off."},
    Setting{"surplusIdleTime", Kind::kDuration, 5 * kSecond, 0, kMaxDuration, true, false, kNone,
            "Time unused after which a connection above maxIdleConns is closed; 0 closes it at once."},
    Setting{"acquireTimeout", Kind::kDuration, 30 * kSecond, 1, kMaxDuration, false, false, kAcquireNames,
            "Longest wait for a connection."},
    Setting{"maxWaiters", Kind::kCount, 10'000, 0, kMaxWaiters, false, false, kNone,
            "Requests that may wait for a connection at the same time; further ones are refused at once."},
    Setting{"connectTimeout", Kind::kDuration, 5 * kSecond, 100, kMaxDuration, false, false, kNone,
            "Longest time to establish one connection, name resolution and TLS included."},
    Setting{"statementCacheSize", Kind::kCount, 200, 0, 10'000, false, false, kStatementCacheNames,
            "Prepared statements kept on each connection."},
    Setting{"statementTimeout", Kind::kDuration, 30 * kSecond, 0, kMaxPostgresTimeout, true, false, kNone,
            "Longest run of one statement on the server; 0 turns it off."},
    Setting{"lockTimeout", Kind::kDuration, 10 * kSecond, 0, kMaxPostgresTimeout, true, false, kNone,
            "Longest wait of a statement for a lock; 0 turns it off."},
    Setting{"validateAfterIdle", Kind::kDuration, 30 * kSecond, 0, kMaxDuration, true, false, kNone,
            "Time unused after which a connection is checked by a query before reuse; 0 checks always."},
    Setting{"stallAfter", Kind::kDuration, kSecond, 100, kMaxDuration, false, false, kNone,
            "Time without a commit after which waiting events go to the journal."},
    Setting{"synchronousCommit", Kind::kChoice, 0, 0, kSynchronousCommit.size() - 1, false, false, kNone,
            "PostgreSQL's synchronous_commit of every session; server: as the server's configuration has it, "
            "at least local, whatever the role has.",
            kSynchronousCommit},
};

std::int64_t& field(Settings& settings, std::string_view key) {
  if (key == "maxOpenConns") return settings.max_open_conns;
  if (key == "maxIdleConns") return settings.max_idle_conns;
  if (key == "maxConnsPerDatabase") return settings.max_conns_per_database;
  if (key == "systemConns") return settings.system_conns;
  if (key == "maxWaiters") return settings.max_waiters;
  return settings.statement_cache_size;
}

std::chrono::milliseconds& duration_field(Settings& settings, std::string_view key) {
  if (key == "connMaxLifetime") return settings.conn_max_lifetime;
  if (key == "connMaxIdleTime") return settings.conn_max_idle_time;
  if (key == "surplusIdleTime") return settings.surplus_idle_time;
  if (key == "acquireTimeout") return settings.acquire_timeout;
  if (key == "connectTimeout") return settings.connect_timeout;
  if (key == "statementTimeout") return settings.statement_timeout;
  if (key == "lockTimeout") return settings.lock_timeout;
  if (key == "validateAfterIdle") return settings.validate_after_idle;
  return settings.stall_after;
}

void put(Settings& settings, const Setting& setting, std::int64_t value) {
  switch (setting.kind) {
    case Kind::kCount:
      field(settings, setting.key) = value;
      break;
    case Kind::kDuration:
      duration_field(settings, setting.key) = std::chrono::milliseconds{value};
      break;
    case Kind::kChoice:
      settings.synchronous_commit = static_cast<SynchronousCommit>(value);
      break;
  }
}

std::int64_t get(Settings& settings, const Setting& setting) {
  switch (setting.kind) {
    case Kind::kCount:
      return field(settings, setting.key);
    case Kind::kDuration:
      return duration_field(settings, setting.key).count();
    case Kind::kChoice:
      break;
  }
  return static_cast<std::int64_t>(settings.synchronous_commit);
}

// A hostile value is shown shortened and without control characters.
std::string shown(std::string_view text) {
  std::string result(text.substr(0, kMaxShownValue));
  std::replace_if(
      result.begin(), result.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  if (text.size() > kMaxShownValue) result += "...";
  return result;
}

Problem refused(std::string_view key, std::string_view value, std::string_view allowed) {
  std::string message =
      std::string(key) + ": \"" + shown(value) + "\" is not allowed; allowed is " + std::string(allowed);
  return {std::string(key), shown(value), std::move(message)};
}

bool in_range(const Setting& setting, std::int64_t value) {
  if (value == 0 && setting.zero_allowed) return true;
  return value >= setting.minimum && value <= setting.maximum;
}

std::optional<std::int64_t> parse_count(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> parse_choice(const Setting& setting, std::string_view text) {
  const auto found = std::find(setting.choices.begin(), setting.choices.end(), text);
  if (found == setting.choices.end()) return std::nullopt;
  return found - setting.choices.begin();
}

std::int64_t default_system_conns(std::int64_t max_open_conns) {
  const std::int64_t tenth = std::clamp<std::int64_t>(max_open_conns / 10, 5, 20);
  return std::max<std::int64_t>(1, std::min(tenth, max_open_conns / 2));
}

std::int64_t default_value(const Setting& setting, std::int64_t max_open_conns) {
  if (setting.key == "systemConns") return default_system_conns(max_open_conns);
  return setting.up_to_max_open_conns ? std::min(setting.default_value, max_open_conns)
                                      : setting.default_value;
}

}  // namespace

std::string_view to_string(SynchronousCommit level) {
  return kSynchronousCommit.at(static_cast<std::size_t>(level));
}

std::span<const Setting> table() {
  return kTable;
}

const Setting* find(std::string_view key) {
  const auto found =
      std::find_if(kTable.begin(), kTable.end(), [&](const Setting& s) { return s.key == key; });
  return found == kTable.end() ? nullptr : &*found;
}

std::string to_string(const Problems& problems) {
  std::string text;
  for (const Problem& problem : problems) {
    if (!text.empty()) text += "; ";
    text += problem.message;
  }
  return text;
}

std::string format_value(const Setting& setting, std::int64_t value) {
  switch (setting.kind) {
    case Kind::kDuration:
      return format_duration(std::chrono::milliseconds{value});
    case Kind::kChoice:
      if (value >= 0 && std::cmp_less(value, setting.choices.size()))
        return std::string(setting.choices[static_cast<std::size_t>(value)]);
      break;
    case Kind::kCount:
      break;
  }
  return std::to_string(value);
}

std::string allowed_range(const Setting& setting) {
  if (setting.kind == Kind::kCount) {
    const std::string upper = setting.up_to_max_open_conns ? "maxOpenConns" : std::to_string(setting.maximum);
    return "a whole number from " + std::to_string(setting.minimum) + " to " + upper;
  }
  if (setting.kind == Kind::kChoice) {
    constexpr std::string_view kOneOf = "one of";
    std::string values(kOneOf);
    for (const std::string_view choice : setting.choices) {
      values += (values.size() == kOneOf.size() ? ": " : ", ") + std::string(choice);
    }
    return values;
  }
  const std::string unit = " (a duration with its unit, such as 250ms, 30s or 1m30s)";
  if (setting.maximum < kMaxDuration) return "0 to " + format_value(setting, setting.maximum) + unit;
  if (setting.minimum == 0) return "0 or more" + unit;
  const std::string least = "at least " + format_value(setting, setting.minimum);
  return (setting.zero_allowed ? "0 (off) or " + least : least) + unit;
}

tl::expected<std::int64_t, Problem> parse_value(const Setting& setting, std::string_view text) {
  std::optional<std::int64_t> value;
  switch (setting.kind) {
    case Kind::kCount:
      value = parse_count(text);
      break;
    case Kind::kDuration:
      if (const auto duration = parse_duration(text)) value = duration->count();
      break;
    case Kind::kChoice:
      value = parse_choice(setting, text);
      break;
  }
  if (!value || !in_range(setting, *value)) {
    return tl::unexpected(refused(setting.key, text, allowed_range(setting)));
  }
  return *value;
}

tl::expected<Given, Problems> from_environment(const EnvironmentLookup& lookup) {
  Given given;
  Problems problems;
  for (const Setting& setting : kTable) {
    std::string_view used;
    for (const EnvironmentName& name : setting.environment) {
      const auto text = lookup(name.name);
      if (!text) continue;
      const bool bare_seconds = name.in_seconds && parse_count(*text).has_value();
      const auto value = parse_value(setting, bare_seconds ? *text + "s" : *text);
      if (!value) {
        problems.push_back(refused(
            name.name, *text, (name.in_seconds ? "a number of seconds, or " : "") + allowed_range(setting)));
        continue;
      }
      const auto [entry, inserted] = given.emplace(setting.key, *value);
      if (!inserted && entry->second != *value) {
        problems.push_back({std::string(setting.key), shown(*text),
                            std::string(setting.key) + ": " + std::string(used) + " says " +
                                format_value(setting, entry->second) + " but " + std::string(name.name) +
                                " says " + format_value(setting, *value) +
                                "; set one of them, or both to the same value"});
      }
      used = name.name;
    }
  }
  if (!problems.empty()) return tl::unexpected(std::move(problems));
  return given;
}

tl::expected<Given, Problems> merge(const Given& first, std::string_view first_source, const Given& second,
                                    std::string_view second_source) {
  Given merged = first;
  Problems problems;
  for (const auto& [key, value] : second) {
    const auto [entry, inserted] = merged.emplace(key, value);
    const Setting* setting = find(key);
    if (inserted || entry->second == value || setting == nullptr) continue;
    problems.push_back({key, format_value(*setting, value),
                        key + ": " + std::string(first_source) + " says " +
                            format_value(*setting, entry->second) + " but " + std::string(second_source) +
                            " says " + format_value(*setting, value) +
                            "; set it in one place, or to the same value in both"});
  }
  if (!problems.empty()) return tl::unexpected(std::move(problems));
  return merged;
}

tl::expected<Settings, Problems> resolve(const Given& given) {
  Problems problems;
  for (const auto& [key, value] : given) {
    const Setting* setting = find(key);
    if (setting == nullptr) {
      problems.push_back({key, std::to_string(value), shown(key) + ": there is no such setting"});
    } else if (!in_range(*setting, value)) {
      problems.push_back(refused(key, format_value(*setting, value), allowed_range(*setting)));
    }
  }
  if (!problems.empty()) return tl::unexpected(std::move(problems));

  Settings settings;
  const auto open = given.find("maxOpenConns");
  const std::int64_t max_open_conns = open != given.end() ? open->second : kDefaultMaxOpenConns;
  for (const Setting& setting : kTable) {
    const auto entry = given.find(setting.key);
    const std::int64_t value = entry != given.end() ? entry->second : default_value(setting, max_open_conns);
    if (setting.up_to_max_open_conns && value > max_open_conns) {
      problems.push_back(refused(setting.key, std::to_string(value),
                                 allowed_range(setting) + ", which is " + std::to_string(max_open_conns)));
    }
    put(settings, setting, value);
  }
  if (!problems.empty()) return tl::unexpected(std::move(problems));
  return settings;
}

void ignore(Ignored& ignored, std::string_view key) {
  constexpr std::size_t kMost = 20;
  constexpr std::size_t kLongest = 100;
  if (ignored.size() < kMost) ignored.emplace_back(key.substr(0, kLongest));
}

Given to_given(const Settings& settings) {
  Settings copy = settings;
  Given given;
  for (const Setting& setting : kTable) {
    given.emplace(setting.key, get(copy, setting));
  }
  return given;
}

Settings with_limit(const Given& asked, std::int64_t limit) {
  Given given = asked;
  given["maxOpenConns"] = limit;
  for (const Setting& setting : kTable) {
    const auto entry = given.find(setting.key);
    if (setting.up_to_max_open_conns && entry != given.end()) entry->second = std::min(entry->second, limit);
  }
  const auto resolved = resolve(given);
  assert(resolved.has_value());
  return *resolved;
}

}  // namespace storagepool::settings
