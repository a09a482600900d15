// How sessions are established: TLS, credentials, every way to fail, and what an error may say.
#include "pool/postgres/connect.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include "pool/common/runtime/testing/temporary_folder.h"
#include "pool/postgres/testing/run.h"
#include "pool/postgres/testing/server.h"

namespace storagepool::postgres {
namespace {

using namespace std::chrono_literals;
using testing::in;
using testing::run;
using testing::Server;

class ConnectTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = std::make_unique<Server>(
        testing::ServerOptions{.settings = {"max_connections = 12"}, .tls = true, .require_password = true});
  }
  static void TearDownTestSuite() { server_.reset(); }
  // The session, or the error after the check that it holds no secret.
  tl::expected<std::unique_ptr<Session>, Error> open(const ConnectOptions& options,
                                                     std::chrono::milliseconds time = 20s) {
    auto session = run(context_, connect(context_.get_executor(), options, in(time)));
    if (!session) {
      const auto& error = session.error();
      for (const auto& text : {error.detail, error.sqlstate, error.constraint}) {
        EXPECT_EQ(text.find(options.password), std::string::npos) << text;
        EXPECT_EQ(text.find("password="), std::string::npos) << text;
        EXPECT_EQ(text.find("user="), std::string::npos) << text;
        EXPECT_EQ(text.find("FATAL"), std::string::npos) << text;
        EXPECT_EQ(text.find(options.ca_file.empty() ? "/" + options.user : options.ca_file),
                  std::string::npos);
      }
    }
    return session;
  }
  Error open_error(const ConnectOptions& options, std::chrono::milliseconds time = 20s) {
    auto session = open(options, time);
    EXPECT_FALSE(session);
    return session ? Error{} : session.error();
  }
  std::string uses_tls(Session& session) {
    auto result =
        run(context_, session.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", in(20s)));
    return result ? result->rows.at(0).at(0).value_or("NULL") : result.error().detail;
  }

  static std::unique_ptr<Server> server_;
  boost::asio::io_context context_{1};
};
std::unique_ptr<Server> ConnectTest::server_;

TEST_F(ConnectTest, EverySslModeConnectsWhereItShould) {
  struct Case {
    const char* name;
    SslMode mode;
    const char* host;
    std::string ca_file;
    const char* tls;
  };
  const std::vector<Case> cases = {
      {"disable", SslMode::kDisable, "127.0.0.1", "", "f"},
      {"require", SslMode::kRequire, "127.0.0.1", "", "t"},
      {"require does not verify", SslMode::kRequire, "127.0.0.1", server_->other_ca_file(), "t"},
      {"verify-ca", SslMode::kVerifyCa, "127.0.0.1", server_->ca_file(), "t"},
      {"verify-full", SslMode::kVerifyFull, "localhost", server_->ca_file(), "t"},
  };
  for (const auto& c : cases) {
    auto options = server_->connect_options();
    options.ssl_mode = c.mode;
    options.host = c.host;
    options.ca_file = c.ca_file;
    auto session = open(options);
    ASSERT_TRUE(session) << c.name << ": " << session.error().detail;
    EXPECT_EQ(uses_tls(**session), c.tls) << c.name;
    EXPECT_TRUE(run(context_, (*session)->close(in(20s)))) << c.name;
  }
}

TEST_F(ConnectTest, TlsFailsClosedAndSaysWhy) {
  const Server plain;
  struct Case {
    const char* name;
    SslMode mode;
    const char* host;
    std::string ca_file;
    const Server* server;
    const char* says;
  };
  const std::string missing = std::filesystem::path(server_->ca_file()).parent_path() / "missing.crt";
  const std::vector<Case> cases = {
      {"wrong CA, verify-ca", SslMode::kVerifyCa, "127.0.0.1", server_->other_ca_file(), server_.get(),
       "not signed"},
      {"wrong CA, verify-full", SslMode::kVerifyFull, "localhost", server_->other_ca_file(), server_.get(),
       "not signed"},
      {"wrong host name", SslMode::kVerifyFull, "127.0.0.1", server_->ca_file(), server_.get(),
       "another host name"},
      {"no CA file", SslMode::kVerifyFull, "localhost", missing, server_.get(), "CA file"},
      {"no CA given", SslMode::kVerifyCa, "localhost", "", server_.get(), "CA file"},
      {"CA file without a certificate", SslMode::kVerifyCa, "localhost", "/dev/null", server_.get(),
       "CA file"},
      {"plain server", SslMode::kRequire, "127.0.0.1", "", &plain, "does not offer TLS"},
  };
  for (const auto& c : cases) {
    auto options = server_->connect_options();
    options.port = c.server->port();
    options.ssl_mode = c.mode;
    options.host = c.host;
    options.ca_file = c.ca_file;
    const auto error = open_error(options);
    EXPECT_EQ(error.error_class, ErrorClass::kTls) << c.name << ": " << error.detail;
    EXPECT_NE(error.detail.find(c.says), std::string::npos) << c.name << ": " << error.detail;
  }
}

TEST_F(ConnectTest, FilesInTheHomeFolderAreNotRead) {
  const runtime::testing::TemporaryFolder home;
  const std::filesystem::path files = home / ".postgresql";
  std::filesystem::create_directory(files);
  std::filesystem::copy_file(server_->other_ca_file(), files / "root.crt");
  std::ofstream(files / "postgresql.crt") << "not a certificate";
  const char* before = std::getenv("HOME");
  const std::string saved = before == nullptr ? "" : before;
  setenv("HOME", home.path().c_str(), 1);
  auto options = server_->connect_options();
  options.ssl_mode = SslMode::kRequire;
  options.ca_file.clear();
  auto session = open(options);
  setenv("HOME", saved.c_str(), 1);
  ASSERT_TRUE(session) << session.error().detail;
}

TEST_F(ConnectTest, TheEnvironmentIsNotRead) {
  setenv("PGSSLMODE", "disable", 1);
  setenv("PGPASSWORD", "app-secret", 1);
  setenv("PGOPTIONS", "-c search_path=elsewhere", 1);
  setenv("PGSERVICE", "nowhere", 1);
  forget_libpq_environment();
  for (const char* name : {"PGSSLMODE", "PGPASSWORD", "PGOPTIONS", "PGSERVICE"}) {
    EXPECT_EQ(std::getenv(name), nullptr) << name;
  }
  setenv("PGSSLMODE", "disable", 1);
  auto session = open(server_->connect_options());
  unsetenv("PGSSLMODE");
  ASSERT_TRUE(session) << session.error().detail;
  EXPECT_EQ(uses_tls(**session), "t");
}

TEST_F(ConnectTest, RejectedCredentialsAreNeverRepeated) {
  auto options = server_->connect_options();
  options.password = "Wr0ng-and-confidential";
  auto error = open_error(options);
  EXPECT_EQ(error.error_class, ErrorClass::kCredentialsRejected);
  EXPECT_EQ(error.sqlstate, "28P01");
  EXPECT_EQ(error.detail, "connecting to localhost:" + std::to_string(server_->port()) +
                              ": the server refused the user name or password (28P01)");

  options.user = "nobody-known-here";
  error = open_error(options);
  EXPECT_EQ(error.error_class, ErrorClass::kCredentialsRejected);
  EXPECT_EQ(error.detail.find(options.user), std::string::npos);

  options.password = "tail='x' password=app-secret host=elsewhere";
  EXPECT_EQ(open_error(options).error_class, ErrorClass::kCredentialsRejected);

  options.password = std::string("app-secret\0tail", 15);
  EXPECT_EQ(open_error(options).error_class, ErrorClass::kCredentialsRejected);
}

TEST_F(ConnectTest, MissingCredentialsAreToldApart) {
  auto options = server_->connect_options();
  options.user.clear();
  EXPECT_EQ(run(context_, connect(context_.get_executor(), options, in(20s))).error().error_class,
            ErrorClass::kCredentialsMissing);
  options = server_->connect_options();
  options.password.clear();
  const auto error = run(context_, connect(context_.get_executor(), options, in(20s))).error();
  EXPECT_EQ(error.error_class, ErrorClass::kCredentialsMissing) << error.detail;
}

TEST_F(ConnectTest, AMissingDatabaseIsNamed) {
  const auto error = open_error(server_->connect_options("no=such dbname"));
  EXPECT_EQ(error.error_class, ErrorClass::kDatabaseMissing);
  EXPECT_EQ(error.sqlstate, "3D000");
  EXPECT_NE(error.detail.find("no=such dbname"), std::string::npos);
}

TEST_F(ConnectTest, AFullServerIsServerFull) {
  server_->superuser("ALTER ROLE app CONNECTION LIMIT 2");
  auto first = open(server_->connect_options());
  auto second = open(server_->connect_options());
  ASSERT_TRUE(first && second);
  auto error = open_error(server_->connect_options());
  EXPECT_EQ(error.error_class, ErrorClass::kServerFull) << error.detail;
  EXPECT_EQ(error.sqlstate, "53300");
  server_->superuser("ALTER ROLE app CONNECTION LIMIT -1");

  std::vector<std::unique_ptr<Session>> all;
  for (;;) {
    auto session = open(server_->connect_options());
    if (!session) {
      error = session.error();
      break;
    }
    all.push_back(std::move(*session));
    ASSERT_LT(all.size(), 20u);
  }
  EXPECT_EQ(error.error_class, ErrorClass::kServerFull) << error.detail;
  for (auto& session : all) run(context_, session->close(in(20s)));
}

TEST_F(ConnectTest, WhatADatabaseHasAgainstUsIsItsOwn) {
  server_->superuser("ALTER DATABASE audit CONNECTION LIMIT 0");
  const auto full = open_error(server_->connect_options());
  EXPECT_EQ(full.error_class, ErrorClass::kServerFull);
  EXPECT_TRUE(full.database_only) << full.detail;
  server_->superuser("ALTER DATABASE audit CONNECTION LIMIT -1");

  server_->superuser("ALTER DATABASE audit SET default_transaction_read_only = on");
  const auto read_only = open_error(server_->connect_options());
  EXPECT_EQ(read_only.error_class, ErrorClass::kReadOnly);
  EXPECT_TRUE(read_only.database_only) << read_only.detail;
  server_->superuser("ALTER DATABASE audit RESET default_transaction_read_only");

  const std::string file = server_->superuser("SHOW hba_file").at(0);
  const std::string lines = server_->superuser("SELECT quote_literal(pg_read_file('" + file + "'))").at(0);
  const auto write = [&](const std::string& first) {
    server_->superuser("COPY (SELECT line FROM (SELECT '" + first + "' AS line UNION ALL SELECT " +
                       "regexp_split_to_table(" + lines + ", E'\\n')) AS all_lines) TO '" + file + "'");
    server_->superuser("SELECT pg_reload_conf()");
  };
  write("host audit app all reject");
  Error rejected;
  const auto deadline = in(20s);
  do {  // the postmaster reads the file by and by
    auto session = open(server_->connect_options());
    if (session) run(context_, (*session)->close(in(20s)));
    if (!session) rejected = session.error();
  } while (rejected.sqlstate.empty() && std::chrono::steady_clock::now() < deadline);
  EXPECT_EQ(rejected.sqlstate, "28000");
  EXPECT_TRUE(rejected.database_only) << rejected.detail;
  write("");
}

TEST_F(ConnectTest, WhatTheRoleMayNotConcernsEveryDatabase) {
  server_->superuser("ALTER ROLE app CONNECTION LIMIT 0");
  const auto full = open_error(server_->connect_options());
  EXPECT_EQ(full.error_class, ErrorClass::kServerFull);
  EXPECT_FALSE(full.database_only) << full.detail;
  server_->superuser("ALTER ROLE app CONNECTION LIMIT -1 NOLOGIN");
  const auto refused = open_error(server_->connect_options());
  EXPECT_EQ(refused.sqlstate, "28000");
  EXPECT_FALSE(refused.database_only) << refused.detail;
  server_->superuser("ALTER ROLE app LOGIN");
}

// A verifier of 200,000 iterations costs the client most of a second of SHA-256 before the server refuses it.
TEST_F(ConnectTest, TheKeyOfALongScramIsMadeWhileTheLoopGoesOn) {
  server_->superuser("CREATE ROLE slow LOGIN PASSWORD 'SCRAM-SHA-256$200000:c2FsdHNhbHRzYWx0c2E=$" +
                     std::string(43, 'A') + "=:" + std::string(43, 'A') + "='");
  auto options = server_->connect_options();
  options.user = "slow";
  options.password = "whatever";
  bool ended = false;
  int turns = 0;
  boost::asio::co_spawn(
      context_,
      [&]() -> boost::asio::awaitable<void> {
        boost::asio::steady_timer timer(context_);
        while (!ended) {
          timer.expires_after(1ms);
          co_await timer.async_wait(boost::asio::use_awaitable);
          ++turns;
        }
      },
      boost::asio::detached);
  const auto error = open_error(options, 120s);
  ended = true;
  EXPECT_EQ(error.error_class, ErrorClass::kCredentialsRejected) << error.detail;
  EXPECT_GT(turns, 50);
  server_->superuser("DROP ROLE slow");
}

TEST_F(ConnectTest, NobodyThereIsUnreachable) {
  auto options = server_->connect_options();
  server_->stop();
  auto error = open_error(options);
  EXPECT_EQ(error.error_class, ErrorClass::kUnreachable) << error.detail;
  server_->start();

  options.host = "no-such-host.invalid";
  error = open_error(options);
  EXPECT_EQ(error.error_class, ErrorClass::kUnreachable);
  EXPECT_NE(error.detail.find("does not resolve"), std::string::npos) << error.detail;
}

TEST_F(ConnectTest, ASilentServerCostsNoMoreThanTheDeadline) {
  server_->pause();
  const auto error = open_error(server_->connect_options(), 100ms);
  EXPECT_EQ(error.error_class, ErrorClass::kUnreachable);
  EXPECT_NE(error.detail.find("no answer in time"), std::string::npos) << error.detail;
  server_->resume();
  EXPECT_TRUE(open(server_->connect_options()));
}

TEST_F(ConnectTest, AStrangersAnswerIsAnError) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(listener, 4), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length), 0);
  std::thread peer([&] {
    const int client = accept(listener, nullptr, nullptr);
    const std::string hello = "HTTP/1.1 400 Bad Request\r\n\r\n";
    EXPECT_GT(write(client, hello.data(), hello.size()), 0);
    close(client);
  });
  auto options = server_->connect_options();
  options.port = ntohs(address.sin_port);
  options.host = "127.0.0.1";
  options.ssl_mode = SslMode::kDisable;
  const auto error = open_error(options);
  peer.join();
  close(listener);
  EXPECT_TRUE(error.error_class == ErrorClass::kUnreachable || error.error_class == ErrorClass::kOther);
}

}  // namespace
}  // namespace storagepool::postgres
