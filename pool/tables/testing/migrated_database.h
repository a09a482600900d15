// A test with a PostgreSQL server whose database `audit` has the schema of this release and nothing else.
#pragma once

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "pool/postgres/connect.h"
#include "pool/postgres/testing/run.h"
#include "pool/postgres/testing/server.h"
#include "pool/tables/tables.h"

namespace storagepool::tables::testing {

class MigratedDatabaseTest : public ::testing::Test {
 protected:
  static constexpr std::chrono::seconds kPatience{30};

  static void SetUpTestSuite() { server_ = std::make_unique<postgres::testing::Server>(); }
  static void TearDownTestSuite() { server_.reset(); }

  void SetUp() override {
    server_->empty("audit");
    session_ = open();
    must(postgres::testing::run(context_, migrate(*session_, migrations(), deadline())));
  }

  static postgres::Deadline deadline() { return postgres::testing::in(kPatience); }
  template <typename T>
  static T must(tl::expected<T, postgres::Error> result) {
    if (!result) throw std::runtime_error(result.error().detail);
    return std::move(*result);
  }
  std::unique_ptr<postgres::Session> open() {
    return must(postgres::testing::run(
        context_, postgres::connect(context_.get_executor(), server_->connect_options(), deadline())));
  }
  void execute(postgres::Session& session, const std::string& sql) {
    must(postgres::testing::run(context_, session.execute(sql, deadline())));
  }
  // The first column of every row, NULL as "".
  std::vector<std::string> query(postgres::Session& session, const std::string& sql,
                                 const std::vector<postgres::Parameter>& parameters = {}) {
    const auto result =
        must(postgres::testing::run(context_, session.query_once(sql, parameters, deadline())));
    std::vector<std::string> column;
    for (const auto& row : result.rows) column.push_back(row.at(0).value_or(""));
    return column;
  }
  static std::vector<std::string> superuser(const std::string& sql) {
    return server_->superuser(sql, "audit");
  }
  // Names of the partitions there are.
  static std::vector<std::string> partitions() {
    return superuser(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_events'::regclass ORDER "
        "BY 1");
  }

  inline static std::unique_ptr<postgres::testing::Server> server_;
  boost::asio::io_context context_;
  std::unique_ptr<postgres::Session> session_;
};

}  // namespace storagepool::tables::testing
