// A session of a test that keeps the program's statements waiting inside PostgreSQL.
#pragma once

#include <chrono>
#include <memory>
#include <stdexcept>

#include <boost/asio/io_context.hpp>

#include "pool/postgres/connect.h"
#include "pool/postgres/testing/run.h"
#include "pool/service/program_tests/testing/pod.h"

namespace storagepool::service::testing {

// Holds a lock for which everything on audit events waits.
class TableLock {
 public:
  explicit TableLock(const postgres::ConnectOptions& target) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    auto session =
        postgres::testing::run(context_, postgres::connect(context_.get_executor(), target, deadline));
    if (!session) throw std::runtime_error(session.error().detail);
    session_ = std::move(*session);
    const auto locked = postgres::testing::run(
        context_, session_->execute("BEGIN; LOCK TABLE audit_events IN ACCESS EXCLUSIVE MODE", deadline));
    if (!locked) throw std::runtime_error(locked.error().detail);
  }

 private:
  boost::asio::io_context context_;
  std::unique_ptr<postgres::Session> session_;
};

}  // namespace storagepool::service::testing
