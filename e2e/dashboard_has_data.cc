// What people look at: a real Prometheus scrapes the pods and the operator, every query of the dashboard
// returns data, and the alerts are evaluated, of which one is on its way to fire.
#include <cmath>
#include <fstream>
#include <memory>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "e2e/support/port_forward.h"
#include "e2e/support/scenario.h"

namespace storagepool::e2e {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr std::uint16_t kMetricsPort = 9090;
constexpr auto kDataDeadline = 60s;
const std::string kFiles = STORAGEPOOL_SOURCE_DIR "/charts/storagepool/files/";

// A query, and the labels that its series must have.
struct Query {
  std::string title;
  std::string expression;
  std::string label = {};
};

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return text;
}

std::string encoded(const std::string& text) {
  std::ostringstream out;
  for (const unsigned char c : text) {
    if (std::isalnum(c) != 0) {
      out << c;
    } else {
      char hex[4];
      std::snprintf(hex, sizeof hex, "%%%02X", c);
      out << hex;
    }
  }
  return out.str();
}

// Of every panel and variable, with the variables as Grafana would fill them in for one StoragePool.
std::vector<Query> queries_of(const json& dashboard, const std::string& name_space) {
  std::vector<Query> queries;
  const auto add = [&](const std::string& title, std::string expression, const std::string& label = {}) {
    expression = replaced(std::move(expression), "$__rate_interval", "30s");
    expression = replaced(std::move(expression), "$namespace", name_space);
    expression = replaced(std::move(expression), "$storagepool", "audit");
    queries.push_back({title, replaced(std::move(expression), "$server", ".*"), label});
  };
  for (const json& panel : dashboard.at("panels")) {
    for (const json& target : panel.value("targets", json::array()))
      add(panel.at("title"), target.at("expr"));
  }
  static const std::regex kLabelValues(R"(label_values\((.*), (\w+)\))");
  for (const json& variable : dashboard.at("templating").at("list")) {
    const std::string query = variable.at("query");
    std::smatch found;
    if (std::regex_match(query, found, kLabelValues)) add(variable.at("name"), found[1], found[2]);
  }
  return queries;
}

class Prometheus {
 public:
  Prometheus(const std::string& folder, const json& config) : child_(command(folder, config)) {
    static const std::regex kListening(R"(.*Listening on.*address=127\.0\.0\.1:(\d+).*)");
    std::string said;
    while (const auto line = child_.read_line(30s)) {
      std::smatch found;
      if (std::regex_match(*line, found, kListening)) {
        client_.emplace(static_cast<std::uint16_t>(std::stoi(found[1])));
        return;
      }
      said += *line + "\n";
    }
    throw std::runtime_error("Prometheus does not listen:\n" + said);
  }

  json get(const std::string& path) {
    const auto answer =
        client_->send({.method = "GET", .target = path, .body = {}, .headers = {{"Authorization", ""}}});
    if (!answer) throw std::runtime_error(path + ": " + answer.error());
    json body = json::parse(answer->body);
    if (body.value("status", "") != "success") throw std::runtime_error(path + ": " + answer->body);
    return body.at("data");
  }
  json query(const std::string& expression) {
    return get("/api/v1/query?query=" + encoded(expression)).at("result");
  }

 private:
  static std::vector<std::string> command(const std::string& folder, const json& config) {
    const Result built = run({STORAGEPOOL_SOURCE_DIR "/hack/tools/build", "prometheus"}, {}, 600s);
    if (!built.ok()) throw std::runtime_error("hack/tools/build prometheus: " + built.err);
    const std::string file = folder + "/prometheus.json";
    std::ofstream(file) << config.dump();  // YAML as well
    return {built.out.substr(0, built.out.find('\n')) + "/bin/prometheus", "--config.file=" + file,
            "--storage.tsdb.path=" + folder + "/data", "--web.listen-address=127.0.0.1:0"};
  }

  Child child_;
  std::optional<HttpClient> client_;
};

// Why a result is not data; empty: it is.
std::string lacks(const Query& query, const json& result) {
  for (const json& series : result) {
    const double value = std::stod(series.at("value").at(1).get<std::string>());
    if (std::isnan(value)) continue;
    if (query.label.empty() || !series.at("metric").value(query.label, "").empty()) return "";
  }
  return query.title + ": " + query.expression + " returns " + result.dump() + "\n";
}

class DashboardHasData : public Scenario {
 protected:
  void SetUp() override {
    Scenario::SetUp();
    char name[] = "/tmp/storagepool-prometheus.XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override {
    forwards_.clear();
    run({"rm", "-rf", folder_});
    Scenario::TearDown();
  }

  json scraped(const std::string& name_space, const std::string& target, const json& labels) {
    forwards_.push_back(std::make_unique<PortForward>(name_space, target, kMetricsPort));
    return {{"targets", {"127.0.0.1:" + std::to_string(forwards_.back()->port())}}, {"labels", labels}};
  }
  json config() {
    json pods = json::array();
    for (const std::string pod : {"audit-0", "audit-1"}) {
      const json labels = {{"namespace", name_space()}, {"pod", pod}, {"storagepool", "audit"}};
      pods.push_back(scraped(name_space(), "pod/" + pod, labels));
    }
    const json one = scraped(operator_namespace(), "svc/storagepool-operator-metrics", json::object());
    return {{"global", {{"scrape_interval", "1s"}, {"scrape_timeout", "1s"}, {"evaluation_interval", "1s"}}},
            {"rule_files", {kFiles + "alerts.yaml"}},
            {"scrape_configs",
             {{{"job_name", "pods"}, {"static_configs", pods}},
              {{"job_name", "operator"}, {"honor_labels", true}, {"static_configs", {one}}}}}};
  }
  // Writes, reads, a refused and an unknown one.
  void make_traffic(HttpClient& client) {
    for (int i = 0; i < 5; ++i) {
      ASSERT_TRUE(client.send(post_event(sample_event("dashboard", i))));
      ASSERT_TRUE(client.send(
          {.method = "GET", .target = "/api/v1/audit/events?limit=1", .body = {}, .headers = {}}));
    }
  }

 private:
  std::string folder_;
  std::vector<std::unique_ptr<PortForward>> forwards_;

 protected:
  const std::string& folder() const { return folder_; }
};

TEST_F(DashboardHasData, AndItsAlertsAreEvaluated) {
  const Postgres postgres(name_space(), 60);
  apply(pool("audit", 2, {{"spec", {{"pool", {{"maxOpenConns", 40}}}}}}));  // more than there is
  ASSERT_TRUE(becomes_ready("audit", 2));
  Prometheus prometheus(folder(), config());
  const PortForward forward(name_space(), "svc/audit", 8080);
  HttpClient client(forward.port());

  std::ifstream file(kFiles + "dashboard.json");
  const auto queries = queries_of(json::parse(file), name_space());
  ASSERT_GT(queries.size(), 40U);
  ASSERT_TRUE(eventually(kDataDeadline, [&] {
    make_traffic(client);
    std::string missing;
    for (const Query& query : queries) missing += lacks(query, prometheus.query(query.expression));
    return missing;
  }));

  // Every name of an alert's expression is one of a series that is there.
  const auto there = prometheus.get("/api/v1/label/__name__/values").get<std::set<std::string>>();
  static const std::regex kMetric(R"((storagepool|controller_runtime|workqueue)_\w+)");
  ASSERT_TRUE(eventually(kDataDeadline, [&] {
    std::string missing;
    int alerts = 0;
    std::set<std::string> ours;
    const json rules = prometheus.get("/api/v1/rules");
    for (const json& group : rules.at("groups")) {
      for (const json& rule : group.at("rules")) {
        ++alerts;
        const std::string name = rule.at("name");
        const std::string text = rule.at("query");
        if (rule.at("health") != "ok") missing += name + ": " + rule.dump() + "\n";
        for (std::sregex_iterator found(text.begin(), text.end(), kMetric), end; found != end; ++found) {
          if (!there.contains(found->str())) missing += name + ": nobody has " + found->str() + "\n";
        }
        for (const json& alert : rule.at("alerts")) {
          if (alert.at("labels").value("namespace", "") == name_space()) ours.insert(name);
        }
      }
    }
    if (alerts < 10) missing += "too few alerts\n";
    if (!ours.contains("StoragePoolBudgetExceeded") || ours.contains("StoragePoolDown"))
      missing += "on their way to fire: " + json(ours).dump() + "\n";
    return missing;
  }));
}

}  // namespace
}  // namespace storagepool::e2e
