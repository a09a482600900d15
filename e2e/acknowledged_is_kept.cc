// What was answered 201 or 202 is stored, once, whatever happens meanwhile: an outage of PostgreSQL under
// constant writes through the Service, and during it a restarted rollout, a scale-in, a corrected host, a
// killed pod and a drained node. Every write is acknowledged, but for those whose connection ended with the
// killed pod.
#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "e2e/support/scenario.h"
#include "e2e/support/writers.h"

namespace storagepool::e2e {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr int kWriters = 8;  // of each StoragePool
constexpr auto kOutage = 60s;
constexpr auto kSettled = 180s;

struct Events {
  std::set<std::string> ids{};
  std::vector<std::string> doubled{};
};

// A StoragePool under constant writes; its name is their correlation id.
struct Subject {
  std::string name;
  std::string persistence;
  std::unique_ptr<Writers> writers = nullptr;
  std::size_t stored_before = 0;  // PostgreSQL came back
  struct {
    steady_clock::time_point from;
    steady_clock::time_point to;
  } killed = {};  // when one of its pods was

  std::string pod(int ordinal) const { return name + "-" + std::to_string(ordinal); }
};

class AcknowledgedIsKept : public Scenario {
 protected:
  std::string service_address(const std::string& name) {
    return get("service", name).at("spec").at("clusterIP").get<std::string>();
  }

  // When PostgreSQL's Service leads to it again.
  steady_clock::time_point accepts_again() {
    const std::string address = service_address("postgres");
    EXPECT_TRUE(eventually(30s, [&]() -> std::string {
      const auto answer = HttpClient(address, 5432).send({}, 2s);  // which PostgreSQL hangs up on
      return answer || !answer.error().starts_with("connect: ") ? "" : answer.error();
    }));
    return steady_clock::now();
  }

  Events stored(const Postgres& postgres, const Subject& subject) {
    Events events;
    for (const std::string& id : postgres.superuser(
             "select event_id from audit_events where correlation_id = '" + subject.name + "'", kDatabase)) {
      if (!events.ids.insert(id).second) events.doubled.push_back(id);
    }
    return events;
  }

  std::string node() { return kubectl_json({"get", "nodes"}).at("items").at(0).at("metadata").at("name"); }

  // Drains the node of the StoragePools' pods for a while, and lets it take pods again.
  void drain_and_uncordon() {
    const std::string name = node();
    const Result drained =
        kubectl({"drain", name, "--pod-selector=app.kubernetes.io/instance in (volumes,ephemeral)",
                 "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=15s"});
    std::cerr << "drain: " << drained.exit_code << " " << drained.err << "\n";
    kubectl_out({"uncordon", name});
  }

  void start(Subject& subject);
  void kill_a_pod(Subject& subject);
  void expect_all_kept(const Postgres& postgres, const Subject& subject, steady_clock::time_point away);

  // Of the failures those that the killed pod is not the cause of.
  static std::vector<Writers::Failure> not_of_the_killed(const Writers::Outcome& outcome,
                                                         const Subject& subject) {
    std::vector<Writers::Failure> others;
    std::ranges::copy_if(outcome.failures, std::back_inserter(others), [&](const Writers::Failure& failure) {
      return failure.status != 0 || failure.ended < subject.killed.from || failure.begun > subject.killed.to;
    });
    return others;
  }

  static std::string report(const Writers::Outcome& outcome) {
    std::map<std::string, int> kinds;
    for (const auto& failure : outcome.failures) {
      const auto detail = failure.text.find("\"detail\"");
      ++kinds[std::to_string(failure.status) + " " +
              failure.text.substr(detail == std::string::npos ? 0 : detail, 150)];
    }
    std::string text = std::to_string(outcome.stored.size()) + " stored, " +
                       std::to_string(outcome.journalled.size()) + " journalled";
    for (const auto& [kind, count] : kinds) text += "\n  " + std::to_string(count) + " times " + kind;
    return text;
  }
};

void AcknowledgedIsKept::start(Subject& subject) {
  ASSERT_TRUE(becomes_ready(subject.name, 3));
  subject.writers = std::make_unique<Writers>(service_address(subject.name), 8080, kWriters, subject.name);
  ASSERT_TRUE(eventually(30s, [&]() -> std::string {
    return subject.writers->outcome().stored.size() > 50 ? "" : report(subject.writers->outcome());
  }));
}

void AcknowledgedIsKept::kill_a_pod(Subject& subject) {
  const std::string pod = subject.pod(0);
  subject.killed.from = steady_clock::now();
  ASSERT_EQ(::kill(process_of(pod), SIGKILL), 0);
  EXPECT_TRUE(restarts(pod));
  subject.killed.to = steady_clock::now();
}

void AcknowledgedIsKept::expect_all_kept(const Postgres& postgres, const Subject& subject,
                                         steady_clock::time_point away) {
  const Writers::Outcome outcome = subject.writers->outcome();
  std::cerr << subject.persistence << ": " << report(outcome) << "\n";
  std::set<std::string> acknowledged(outcome.stored.begin(), outcome.stored.end());
  acknowledged.insert(outcome.journalled.begin(), outcome.journalled.end());
  ASSERT_GT(outcome.journalled.size(), 100U);
  for (const auto& failure : not_of_the_killed(outcome, subject)) {
    const auto since = std::chrono::duration<double>(failure.begun - away).count();
    ADD_FAILURE() << since << " s after PostgreSQL was gone: " << failure.status << " " << failure.text;
  }
  EXPECT_TRUE(eventually(kSettled, [&]() -> std::string {
    const Events events = stored(postgres, subject);
    std::vector<std::string> missing;
    std::ranges::set_difference(acknowledged, events.ids, std::back_inserter(missing));
    return missing.empty() ? ""
                           : std::to_string(missing.size()) +
                                 " acknowledged events are not stored, such as " + missing[0];
  }));
  const Events events = stored(postgres, subject);
  EXPECT_TRUE(events.doubled.empty()) << ::testing::PrintToString(events.doubled);
}

TEST_F(AcknowledgedIsKept, ThroughAnOutageWithAllThatPeopleDo) {
  const Postgres postgres(name_space(), 80);
  std::array<Subject, 2> subjects{Subject{.name = "volumes", .persistence = "PersistentVolume"},
                                  Subject{.name = "ephemeral", .persistence = "Ephemeral"}};
  for (const Subject& subject : subjects) {
    apply(pool(subject.name, 3,
               {{"spec",
                 {{"journal", {{"size", "64Mi"}, {"persistence", subject.persistence}}},
                  {"pool", {{"maxOpenConns", 5}, {"connectTimeout", "1s"}}}}}}));
  }
  for (Subject& subject : subjects) ASSERT_NO_FATAL_FAILURE(start(subject));

  postgres.cut_off();
  const auto away = steady_clock::now();
  for (const Subject& subject : subjects) {
    ASSERT_TRUE(eventually(30s, [&]() -> std::string {
      return subject.writers->outcome().journalled.size() > 50 ? "" : report(subject.writers->outcome());
    }));
    kubectl_out({"-n", name_space(), "rollout", "restart", "statefulset/" + subject.name});
    kubectl_out({"-n", name_space(), "scale", "storagepool/" + subject.name, "--replicas=2"});
    patch(subject.name, {{"spec", {{"postgres", {{"host", postgres.direct_host()}}}}}});
  }
  for (Subject& subject : subjects) ASSERT_NO_FATAL_FAILURE(kill_a_pod(subject));
  drain_and_uncordon();
  std::this_thread::sleep_until(away + kOutage);

  for (Subject& subject : subjects) subject.stored_before = subject.writers->outcome().stored.size();
  postgres.restore();
  const auto back = accepts_again();
  for (const Subject& subject : subjects) {
    ASSERT_TRUE(eventually(60s, [&]() -> std::string {
      const Writers::Outcome outcome = subject.writers->outcome();
      return outcome.stored.size() > subject.stored_before ? "" : report(outcome);
    }));
    const std::chrono::duration<double> after =
        subject.writers->outcome().stored_at.at(subject.stored_before) - back;
    std::cerr << subject.persistence << ": stored again after " << after.count()
              << " s, counted from when PostgreSQL's Service led to it\n";
  }
  for (const Subject& subject : subjects) ASSERT_TRUE(becomes_ready(subject.name, 2, kSettled));
  for (const Subject& subject : subjects) {
    subject.writers->stop();
    expect_all_kept(postgres, subject, away);
  }
}

}  // namespace
}  // namespace storagepool::e2e
