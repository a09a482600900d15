// The fixture of the load scenarios: a StoragePool with a PostgreSQL server of its own, and users of its
// Service. Load goes only to the Service of a StoragePool that the scenario has made, once it answers. They
// measure what the machine gives, so they run one after the other.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "e2e/load/report.h"
#include "e2e/load/users.h"
#include "e2e/support/scenario.h"

namespace storagepool::e2e {

class UnderLoad : public Scenario {
 protected:
  static constexpr const char* kName = "audit";

  // Makes server and StoragePool, waits until it is Ready, and writes the events that readers read. `spec` is
  // merged into the StoragePool's.
  void start(int replicas, const nlohmann::json& spec);
  // Changes open and idle connections of each pod, and waits until they are in force.
  void resize(int replicas, int open, int idle);

  const Service& service() const { return *service_; }
  const Postgres& postgres() const { return *postgres_; }
  std::string address();
  Answers serve(const Users& users) const { return service_->serve(users, std::chrono::steady_clock::now()); }
  // How often a request has waited for a connection; of one pod.
  std::uint64_t waits();

  // What every scenario must keep of its answers: each is as expected, and there are some.
  static std::vector<Threshold> of_errors(const Answers& answers);
  // Without limits: rate, latencies, what was journalled, and what the first error was.
  static std::vector<std::pair<std::string, std::string>> figures_of(const Answers& answers);
  // With one digit after the point.
  static std::string rounded(double value);
  // Writes build/reports/load/NAME.json and expects each threshold to be met.
  static void write(const Outcome& outcome);

 private:
  std::unique_ptr<Postgres> postgres_;
  std::unique_ptr<Service> service_;
};

}  // namespace storagepool::e2e
