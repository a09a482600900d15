#include "pool/common/settings/config_file.h"

#include <algorithm>
#include <cctype>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include <yaml-cpp/yaml.h>

namespace storagepool::settings {
namespace {

constexpr std::array<std::pair<SslMode, std::string_view>, 4> kSslModes{
    {{SslMode::kDisable, "disable"},
     {SslMode::kRequire, "require"},
     {SslMode::kVerifyCa, "verify-ca"},
     {SslMode::kVerifyFull, "verify-full"}}};

Problem not_allowed(std::string key, std::string value, std::string_view expected) {
  std::string message = key + ": \"" + value + "\" is not allowed; allowed is " + std::string(expected);
  return {std::move(key), std::move(value), std::move(message)};
}

Problems one(Problem value) {
  return {std::move(value)};
}

std::optional<std::int64_t> parse_integer(const std::string& text, std::int64_t minimum,
                                          std::int64_t maximum) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < minimum || value > maximum) {
    return std::nullopt;
  }
  return value;
}

std::string in_quotes(std::string_view text) {
  YAML::Emitter emitter;
  emitter << YAML::DoubleQuoted << std::string(text);
  return emitter.c_str();
}

// Whether libpq reads `text` whole, and the persisted file can hold it.
bool is_name(const std::string& text) {
  return text.find('\0') == std::string::npos && YAML::Load(in_quotes(text)).Scalar() == text;
}

// Only scalars two levels down are read, so nested sequences and aliases cannot multiply work; yaml-cpp
// itself bounds the depth of nesting.
void read_postgres(const YAML::Node& node, PostgresTarget& target, Problems& problems) {
  for (const auto& entry : node) {
    const auto key = entry.first.Scalar();
    const auto value = entry.second.Scalar();
    const auto name = "postgres." + key;
    if (!is_name(value)) {
      problems.push_back(not_allowed(name, "(not text)", "UTF-8 text without U+0000"));
    } else if (key == "host") {
      target.host = value;
    } else if (key == "database") {
      target.database = value;
    } else if (key == "port") {
      const auto port = parse_integer(value, 1, 65535);
      if (port)
        target.port = static_cast<std::uint16_t>(*port);
      else
        problems.push_back(not_allowed(name, value, "a whole number from 1 to 65535"));
    } else if (key == "sslMode") {
      bool known = false;
      for (const auto& [mode, text] : kSslModes) {
        if (text != value) continue;
        target.ssl_mode = mode;
        known = true;
      }
      if (!known) problems.push_back(not_allowed(name, value, "disable, require, verify-ca or verify-full"));
    } else {
      problems.push_back({name, value, name + ": there is no such key"});
    }
  }
  if (target.host.empty()) problems.push_back(not_allowed("postgres.host", "", "a host name or address"));
  if (target.database.empty()) problems.push_back(not_allowed("postgres.database", "", "a database name"));
}

void read_pool(const YAML::Node& node, Config& config, Problems& problems) {
  for (const auto& entry : node) {
    const auto key = entry.first.Scalar();
    const Setting* setting = find(key);
    if (setting == nullptr) {
      ignore(config.ignored, key);
      continue;
    }
    auto value = parse_value(*setting, entry.second.Scalar());
    if (!value) {
      problems.push_back(std::move(value.error()));
    } else if (!config.pool.emplace(key, *value).second) {
      problems.push_back({"pool." + key, entry.second.Scalar(), "pool." + key + ": is given twice"});
    }
  }
}

tl::expected<YAML::Node, Problems> load_map(std::string_view yaml) {
  if (yaml.size() > kMaxConfigBytes) {
    return tl::unexpected(
        one(not_allowed("config", std::to_string(yaml.size()) + " bytes", "at most 65536 bytes")));
  }
  YAML::Node root;
  try {
    root = YAML::Load(std::string(yaml));
  } catch (const YAML::Exception& error) {
    return tl::unexpected(
        one({"config", "", "config: not YAML at line " + std::to_string(error.mark.line + 1)}));
  }
  if (!root.IsMap()) return tl::unexpected(one({"config", "", "config: must be a YAML mapping"}));
  return root;
}

std::string render_members(const PostgresTarget& target, std::string_view indent) {
  const std::string begin(indent);
  return begin + "host: " + in_quotes(target.host) + "\n" + begin + "port: " + std::to_string(target.port) +
         "\n" + begin + "database: " + in_quotes(target.database) + "\n" + begin +
         "sslMode: " + in_quotes(to_string(target.ssl_mode)) + "\n";
}

}  // namespace

std::string_view to_string(SslMode mode) {
  for (const auto& [candidate, text] : kSslModes) {
    if (candidate == mode) return text;
  }
  return "require";
}

tl::expected<Config, Problems> parse_config(std::string_view yaml) {
  const auto loaded = load_map(yaml);
  if (!loaded) return tl::unexpected(loaded.error());
  const YAML::Node& root = *loaded;
  Config config;
  Problems problems;
  for (const auto& entry : root) {
    const auto key = entry.first.Scalar();
    if (key == "generation") {
      const auto generation = parse_integer(entry.second.Scalar(), 0, INT64_MAX);
      if (generation)
        config.generation = *generation;
      else
        problems.push_back(not_allowed(key, entry.second.Scalar(), "a whole number, 0 or more"));
    } else if (key != "postgres" && key != "pool") {
      problems.push_back({key, "", key + ": there is no such key; known are generation, postgres and pool"});
    } else if (!entry.second.IsMap()) {
      problems.push_back({key, "", key + ": must be a mapping"});
    } else if (key == "pool") {
      read_pool(entry.second, config, problems);
    }
  }
  const YAML::Node postgres = root["postgres"];
  read_postgres(postgres.IsDefined() && postgres.IsMap() ? postgres : YAML::Node(YAML::NodeType::Map),
                config.postgres, problems);
  if (!problems.empty()) return tl::unexpected(std::move(problems));
  return config;
}

tl::expected<PostgresTarget, Problems> parse_target(std::string_view yaml) {
  const auto root = load_map(yaml);
  if (!root) return tl::unexpected(root.error());
  PostgresTarget target;
  Problems problems;
  read_postgres(*root, target, problems);
  if (!problems.empty()) return tl::unexpected(std::move(problems));
  return target;
}

std::string render_target(const PostgresTarget& target) {
  return render_members(target, "");
}

std::string render_config(const Config& config) {
  std::string text = "generation: " + std::to_string(config.generation) + "\npostgres:\n";
  text += render_members(config.postgres, "  ") + "pool:";
  if (config.pool.empty()) text += " {}";
  text += "\n";
  for (const Setting& setting : table()) {
    const auto entry = config.pool.find(setting.key);
    if (entry == config.pool.end()) continue;
    const std::string value = format_value(setting, entry->second);
    text += "  " + std::string(setting.key) + ": " +
            (setting.kind == Kind::kCount ? value : in_quotes(value)) + "\n";
  }
  return text;
}

std::string server_of(const PostgresTarget& target) {
  std::string host = target.host;
  std::transform(host.begin(), host.end(), host.begin(), [](unsigned char c) { return std::tolower(c); });
  while (host.ends_with('.')) host.pop_back();
  return host + ":" + std::to_string(target.port);
}

std::string target_of(const PostgresTarget& target) {
  return server_of(target) + "/" + target.database;
}

}  // namespace storagepool::settings
