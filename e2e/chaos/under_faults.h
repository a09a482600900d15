// The fixture of scenarios in which faults come and go under constant load: a StoragePool with journals on
// volumes, whose Service writers write to and readers read from, with all the connections that there are.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "e2e/chaos/chaos.h"
#include "e2e/chaos/fault_result.h"
#include "e2e/chaos/faults.h"
#include "e2e/support/writers.h"

namespace storagepool::e2e {

class UnderFaults : public Chaos {
 protected:
  static constexpr const char* kName = "audit";
  static constexpr int kConnections = 60;  // of the server

  struct Round {
    std::string name;             // of its events and of what it leaves to look at
    std::vector<Fault> faults{};  // they begin in this order, and end in the other
    int replicas = 0;             // that there are when all is well again
    std::chrono::seconds well_again{180};
  };

  // Makes the StoragePool, whose journals are on volumes of that size, and waits until it is Ready.
  // `spec`: what it has besides.
  void start(const Postgres& postgres, int replicas, const std::string& journal,
             const nlohmann::json& spec = nlohmann::json::object());
  // What faults are done to, as it is now.
  Targets targets(Postgres& postgres, unsigned seed);
  // Has the faults come and go under load, waits until all is well again, and tells what they came to. What
  // is not as it must be has failed the test then.
  FaultResult endure(const Postgres& postgres, const Round& round);
  // Of the log's, or of a program's checks of itself.
  void expect_no_alarm();

 private:
  void compare(const Postgres& postgres, const std::string& correlation, const Writers::Outcome& outcome,
               FaultResult& result);
};

}  // namespace storagepool::e2e
