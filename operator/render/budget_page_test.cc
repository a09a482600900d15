// The worked examples of docs/budget.md and docs/applications.md are what the planner and the Ledger make of
// them. A block ```yaml that names a server is an example: what its StoragePools ask for as in their specs,
// then in comments what comes of it.
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "operator/render/storage_pool.h"
#include "operator/sizing/ledger.h"

namespace storagepool::render {
namespace {

using sizing::Account;

Json json_of(const YAML::Node& node) {
  if (node.IsMap()) {
    Json object = Json::object();
    for (const auto& member : node) object[member.first.as<std::string>()] = json_of(member.second);
    return object;
  }
  std::int64_t number = 0;
  if (YAML::convert<std::int64_t>::decode(node, number)) return number;
  return node.as<std::string>();
}

sizing::Request request_of(const YAML::Node& asked) {
  Json spec = json_of(asked);
  spec["postgres"].update({{"host", "db"}, {"database", "audit"}, {"credentialsSecretRef", {{"name", "c"}}}});
  const auto parsed = parse_spec(Json{{"metadata", {{"name", "audit"}}}, {"spec", spec}});
  if (!parsed) throw std::runtime_error(parsed.error().front());
  return parsed->sizing;
}

sizing::KnownFacts facts_of(const YAML::Node& server) {
  sizing::KnownFacts known{.facts = {}, .read = {}};
  known.facts.superuser_reserved_connections = 3;
  for (const auto& member : server) {
    const auto key = member.first.as<std::string>();
    const auto value = member.second.as<std::int64_t>();
    if (key == "max_connections")
      known.facts.max_connections = value;
    else if (key == "role limit")
      known.facts.role_limit = value;
    else
      throw std::runtime_error("unknown member of server: " + key);
  }
  return known;
}

// The comments that follow the example: after all plans have been carried out, in any order, nothing changes.
std::string results_of(const YAML::Node& example) {
  sizing::Ledger ledger;
  std::map<std::string, Account> accounts;
  for (const auto& member : example) {
    const auto name = member.first.as<std::string>();
    if (name == "server" || name == "autoscalers" || name == "load" || name == "other workloads") continue;
    Account account;
    account.uid = name;
    account.servers = {"db:5432"};
    account.database = name;
    account.role = name;
    account.facts = facts_of(example["server"]);
    account.request = request_of(member.second);
    if (example["autoscalers"] && example["autoscalers"][name]) {
      account.request->max_replicas = example["autoscalers"][name].as<std::int64_t>();
    }
    ledger.put(account);
    accounts.emplace(name, account);
  }
  std::vector<sizing::OtherWorkload> others;
  for (const auto& member : example["other workloads"]) {
    const auto pods = member.second["pods"].as<std::int64_t>();
    others.push_back({.server = "db:5432",
                      .pods = pods,
                      .connections = pods * member.second["connections-per-pod"].as<std::int64_t>()});
  }
  ledger.put_workloads(others);
  const auto plan_of = [&](const Account& account) {
    return sizing::plan(*account.request, ledger.outlook(account.uid, {}), account.existing);
  };
  for (int round = 0; round < 20; ++round) {
    for (auto& [name, account] : accounts) {
      const sizing::Plan plan = plan_of(account);
      account.existing = {.replicas = plan.replicas, .peak_pods = plan.replicas, .limit = plan.per_pod};
      account.ceiling = plan.per_pod;
      ledger.put(account);
    }
  }
  std::ostringstream results;
  if (const YAML::Node load = example["load"]) {
    const double held = load["users"].as<double>() * load["requests a second of each"].as<double>() *
                        load["ms that one holds a connection"].as<double>() / 1000;
    results << "# needs " << std::ceil(held) << " connections\n";
  }
  for (const auto& member : example) {
    const auto found = accounts.find(member.first.as<std::string>());
    if (found == accounts.end()) continue;
    const sizing::Plan plan = plan_of(found->second);
    const std::int64_t room = ledger.outlook(found->first, {}).share.room;
    results << "# " << found->first << ": " << plan.replicas << " pods x " << plan.per_pod << " = "
            << plan.replicas * plan.per_pod << " of " << plan.budget.value().usable << " usable";
    if (room > 0) results << ", room for " << room << " more";
    results << "; " << to_string(plan.shortage) << '\n';
  }
  return results.str();
}

struct Example {
  std::string text;     // YAML
  std::string results;  // comments at its end
};

std::vector<Example> examples(const std::string& name) {
  std::ifstream page(STORAGEPOOL_SOURCE_DIR "/docs/" + name);
  std::vector<Example> found;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("```")) {
      inside = line == "```yaml";
      if (inside) found.emplace_back();
    } else if (inside) {
      (line.starts_with("#") ? found.back().results : found.back().text) += line + "\n";
    }
  }
  return found;
}

void expect_as_planned(const std::string& page, std::size_t at_least) {
  const std::vector<Example> all = examples(page);
  ASSERT_GE(all.size(), at_least) << "the examples of docs/" << page << " were not found";
  for (const Example& example : all) {
    SCOPED_TRACE(example.text);
    EXPECT_EQ(example.results, results_of(YAML::Load(example.text)));
  }
}

TEST(BudgetPage, ExamplesAreWhatThePlannerSays) {
  expect_as_planned("budget.md", 8);
}

TEST(BudgetPage, ExampleOfOtherApplicationsIsWhatThePlannerSays) {
  expect_as_planned("applications.md", 2);
}

}  // namespace
}  // namespace storagepool::render
