// What the tests of workspaces share: a server whose role "app" may make databases, and pods (an engine and
// its workspaces) on one loop.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "pool/postgres/testing/run.h"
#include "pool/postgres/testing/server.h"
#include "pool/workspaces/workspaces.h"

namespace storagepool::workspaces::testing {

using namespace std::chrono_literals;
using postgres::testing::in;

// Everything that takes seconds in production, in milliseconds.
inline Options hasty() {
  Options options;
  options.recheck_after = 20ms;
  options.drop_after = 40ms;
  options.pass_period = 100ms;
  options.upkeep_pause = 1ms;
  return options;
}

class Pod {
 public:
  Pod(boost::asio::io_context& context, const postgres::testing::Server& server,
      const settings::Settings& settings = {}, const Options& options = hasty(),
      const std::string& system_database = "audit")
      : context_(context),
        engine(context.get_executor(), [&server] { return server.connect_options(); }, system_database,
               settings, {}),
        workspaces(context.get_executor(), engine, system_database, options) {}
  Pod(const Pod&) = delete;
  Pod& operator=(const Pod&) = delete;
  ~Pod() {
    workspaces.stop();
    while (running_) context_.run_one_for(1s);
    EXPECT_TRUE(postgres::testing::run(context_, engine.drain(in(20s))));
  }
  // Begins the work nobody waits for.
  void start() {
    running_ = true;
    boost::asio::co_spawn(context_, workspaces.run(),
                          [this](const std::exception_ptr&) { running_ = false; });
  }

 private:
  boost::asio::io_context& context_;
  bool running_ = false;

 public:
  engine::Engine engine;
  Workspaces workspaces;
};

class WorkspaceTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = std::make_unique<postgres::testing::Server>();
    server_->superuser("ALTER ROLE app CREATEDB");
  }
  static void TearDownTestSuite() { server_.reset(); }
  void SetUp() override {
    server_->empty("audit");
    for (const std::string& database : databases()) sql("DROP DATABASE " + database + " WITH (FORCE)");
  }

  template <typename T>
  T run(boost::asio::awaitable<T> work) {
    return postgres::testing::run(context_, std::move(work));
  }
  template <typename Condition>
  void wait_until(const Condition& condition) {
    const auto give_up = in(180s);
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up);
      context_.restart();
      context_.run_for(5ms);
    }
  }
  static std::vector<std::string> sql(const std::string& text, const std::string& database = "postgres") {
    return server_->superuser(text, database);
  }
  static std::vector<std::string> databases() {
    return sql(
        "SELECT quote_ident(datname) FROM pg_database WHERE datname LIKE '%\\_ws\\_%' ORDER BY datname");
  }
  static std::string states() {
    return sql("SELECT coalesce(string_agg(name || ' ' || state, ', ' ORDER BY name), '') FROM "
               "storagepool_workspaces",
               "audit")
        .at(0);
  }
  static bool has_schema(const std::string& database) {
    return sql("SELECT to_regclass('audit_events') IS NOT NULL", database).at(0) == "t";
  }
  static void lose_schema(const std::string& database) { sql("DROP OWNED BY app", database); }
  CreatedWorkspace must_create(Pod& pod, const std::string& name) {
    auto created = run(pod.workspaces.create(name, in(30s)));
    if (!created) throw std::runtime_error(created.error().detail);
    return std::move(*created);
  }

  static inline std::unique_ptr<postgres::testing::Server> server_;
  boost::asio::io_context context_{1};
};

}  // namespace storagepool::workspaces::testing
