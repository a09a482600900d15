// What the tests of the running program begin with: a PostgreSQL server and a pod that reaches it. Three
// fixtures, which differ in how long the two live:
//
//   ProgramTest         a server for the suite; each test starts a pod of its own
//   RunningProgramTest  a server and a ready pod for the suite, for tests that only ask it
//   LoneProgramTest     a server and a pod for each test, which stops the one or looks at all that the other
//   stored
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pool/postgres/testing/server.h"
#include "pool/service/program_tests/testing/pod.h"

namespace storagepool::service::testing {

inline const std::string kEvents = "/api/v1/audit/events";

// Starts the program and waits until it stores events.
inline void start_ready(Pod& pod, const std::vector<std::string>& flags = {}) {
  pod.start({}, flags);
  ASSERT_TRUE(pod.becomes_ready()) << pod.log();
}

class ProgramTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { start_server(); }
  static void TearDownTestSuite() { server_.reset(); }
  // For suites whose server is another than the usual one.
  static void start_server(const postgres::testing::ServerOptions& options = {}) {
    server_ = std::make_unique<postgres::testing::Server>(options);
  }

  void start(const std::vector<std::string>& flags = {}) { start_ready(pod_, flags); }

  static inline std::unique_ptr<postgres::testing::Server> server_;
  Pod pod_{server_->connect_options()};
};

class RunningProgramTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = std::make_unique<postgres::testing::Server>();
    server_->superuser("ALTER ROLE app CREATEDB");  // for workspaces
    pod_ = std::make_unique<Pod>(server_->connect_options());
    start_ready(*pod_);
  }
  static void TearDownTestSuite() {
    pod_.reset();
    server_.reset();
  }

  static inline std::unique_ptr<postgres::testing::Server> server_;
  static inline std::unique_ptr<Pod> pod_;
};

class LoneProgramTest : public ::testing::Test {
 protected:
  void start(const std::vector<std::string>& flags = {}) { start_ready(pod_, flags); }

  postgres::testing::Server server_;
  Pod pod_{server_.connect_options()};
};

}  // namespace storagepool::service::testing
