#include "e2e/chaos/under_faults.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "e2e/chaos/breakage.h"

namespace storagepool::e2e {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr int kWriters = 8;
constexpr int kReaders = 24;  // each takes a connection for itself, up to the limit
constexpr auto kSettled = 120s;

// Seconds from `end` on until the first event that was sent after it was stored.
std::optional<double> stored_again(const Writers::Outcome& outcome, steady_clock::time_point end) {
  for (const auto& at : outcome.stored_at) {
    if (at > end) return std::chrono::duration<double>(at - end).count();
  }
  return std::nullopt;
}

}  // namespace

void UnderFaults::start(const Postgres& postgres, int replicas, const std::string& journal,
                        const nlohmann::json& spec) {
  nlohmann::json object = pool(kName, replicas,
                               {{"spec",
                                 {{"journal", {{"size", journal}, {"storageClassName", "bounded"}}},
                                  {"pool", {{"profile", "High"}, {"connectTimeout", "2s"}}},
                                  {"postgres", {{"host", postgres.direct_host()}}}}}});
  object["spec"].merge_patch(spec);
  apply(object);
  ASSERT_TRUE(becomes_ready(kName, replicas));
}

Targets UnderFaults::targets(Postgres& postgres, unsigned seed) {
  Targets found{
      .postgres = postgres,
      .name_space = name_space(),
      .postgres_uid = list("pods", "app.kubernetes.io/name=postgres").at(0).at("metadata").at("uid"),
      .seed = seed};
  const int replicas = get("statefulset", kName).at("spec").at("replicas");
  for (int i = 0; i < replicas; ++i) {
    found.pods.push_back(kName + ("-" + std::to_string(i)));
    found.processes.push_back(process_of(found.pods.back()));
  }
  return found;
}

// Counts what is lost and doubled, once it has settled.
void UnderFaults::compare(const Postgres& postgres, const std::string& correlation,
                          const Writers::Outcome& outcome, FaultResult& result) {
  std::set<std::string> acknowledged(outcome.stored.begin(), outcome.stored.end());
  acknowledged.insert(outcome.journalled.begin(), outcome.journalled.end());
  EXPECT_TRUE(eventually(kSettled, [&]() -> std::string {
    std::set<std::string> stored;
    result.doubled = 0;
    for (const auto& id : postgres.superuser(
             "select event_id from audit_events where correlation_id = '" + correlation + "'", kDatabase)) {
      if (!stored.insert(id).second) ++result.doubled;
    }
    std::vector<std::string> missing;
    std::ranges::set_difference(acknowledged, stored, std::back_inserter(missing));
    result.lost = missing.size();
    return missing.empty() ? "" : std::to_string(missing.size()) + " are not stored, such as " + missing[0];
  }));
}

FaultResult UnderFaults::endure(const Postgres& postgres, const Round& round) {
  FaultResult result;
  for (const Fault& fault : round.faults) result.title += (result.title.empty() ? "" : "; ") + fault.title;
  Promise promise(name_space(), round.name, result.title, kReserve);
  Writers writers(get("service", kName).at("spec").at("clusterIP"), 8080, kWriters, round.name);
  Traffic readers;
  load(readers, kName, kReaders);
  EXPECT_TRUE(eventually(90s, [&]() -> std::string {
    return writers.outcome().stored.size() > 100 && promise.samples() > 100 ? "" : "no traffic yet";
  }));

  std::chrono::seconds hold{0};
  for (const Fault& fault : round.faults) hold = std::max(hold, fault.hold);
  for (const Fault& fault : round.faults) fault.begin();
  std::this_thread::sleep_for(hold);  // from when the last one is there, which takes long on a busy machine
  for (auto fault = round.faults.rbegin(); fault != round.faults.rend(); ++fault) fault->end();
  const auto end = steady_clock::now();

  EXPECT_TRUE(eventually(round.well_again, [&]() -> std::string {
    return stored_again(writers.outcome(), end) ? "" : "nothing is stored";
  }));
  const auto well = becomes_ready(kName, round.replicas, round.well_again);
  EXPECT_TRUE(well);
  if (well) result.well_again = std::chrono::duration<double>(steady_clock::now() - end).count();
  for (const Fault& fault : round.faults) {
    if (fault.missing) {
      EXPECT_TRUE(eventually(30s, fault.missing)) << fault.title;
    }
  }
  writers.stop();
  readers.stop();
  const Writers::Outcome outcome = writers.outcome();
  result.stored = outcome.stored.size();
  result.journalled = outcome.journalled.size();
  result.stored_again = stored_again(outcome, end);
  for (const auto& failure : outcome.failures) ++result.errors[failure.status];
  for (const Fault& fault : round.faults) {
    if (fault.refusal) result.refusals.insert(*fault.refusal);
  }
  compare(postgres, round.name, outcome, result);
  result.most_backends = promise.peak().backends;
  result.usable = promise.peak().usable;
  const auto kept = promise.kept();
  result.within = static_cast<bool>(kept);
  EXPECT_TRUE(kept);
  if (!held(result)) promise.write(readers);
  return result;
}

void UnderFaults::expect_no_alarm() {
  const nlohmann::json tampered = condition(get("storagepool", kName), "LogTampered");
  EXPECT_TRUE(tampered.is_null() || tampered.value("status", "") != "True") << tampered.dump();
  for (const auto& pod : list("pods", "app.kubernetes.io/instance=" + std::string(kName))) {
    const std::string told = metrics_of(name_space(), pod.at("metadata").at("name")).body;
    EXPECT_NE(told.find("storagepool_check_violations_total 0\n"), std::string::npos) << told;
  }
}

}  // namespace storagepool::e2e
