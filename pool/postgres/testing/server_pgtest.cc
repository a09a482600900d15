#include "pool/postgres/testing/server.h"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "pool/common/runtime/testing/temporary_folder.h"

namespace storagepool::postgres::testing {
namespace {

TEST(TestServer, ServesStopsStartsAndDies) {
  Server server({.settings = {"max_connections = 17"}});
  EXPECT_EQ(server.superuser("SHOW max_connections").at(0), "17");
  EXPECT_EQ(server.superuser("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'audit'").at(0),
            "app");
  EXPECT_EQ(server.app_backends(), 0);
  const auto port = server.port();

  server.stop();
  EXPECT_THROW(server.superuser("SELECT 1"), std::runtime_error);
  server.start();
  EXPECT_EQ(server.superuser("SHOW port").at(0), std::to_string(port));

  server.kill();
  EXPECT_THROW(server.superuser("SELECT 1"), std::runtime_error);
  server.start();
  EXPECT_EQ(server.superuser("SELECT 1").at(0), "1");
}

TEST(TestServer, LeavesNothingBehindWhenTheTestIsKilled) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  const pid_t child = fork();
  if (child == 0) {
    Server server;
    const std::string facts = server.ca_file() + "\n" + server.superuser("SELECT pg_backend_pid()").at(0);
    if (write(ends[1], facts.data(), facts.size()) < 0) _exit(1);
    ::kill(getpid(), SIGKILL);
  }
  close(ends[1]);
  std::string folder;
  for (char c = 0; read(ends[0], &c, 1) == 1 && c != '\n';) folder.push_back(c);
  close(ends[0]);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  folder = std::filesystem::path(folder).parent_path();
  ASSERT_FALSE(folder.empty());
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (std::filesystem::exists(folder) && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_FALSE(std::filesystem::exists(folder));
}

// With no template yet, so that one of them makes it while the other waits.
TEST(TestServer, StartsBesideAnotherThatStartsAtTheSameTime) {
  const runtime::testing::TemporaryFolder cache;
  std::array<int, 2> gate{};
  ASSERT_EQ(pipe(gate.data()), 0);
  std::vector<pid_t> children;
  for (int i = 0; i < 2; ++i) {
    children.push_back(fork());
    if (children.back() == 0) {
      setenv("XDG_CACHE_HOME", cache.path().c_str(), 1);
      close(gate[1]);
      char opened = 0;
      if (read(gate[0], &opened, 1) != 0) _exit(1);
      bool sound = false;
      {
        Server server;
        server.superuser("CREATE TABLE t AS SELECT generate_series(1, 1000) AS i", "audit");
        sound = server.superuser("SELECT count(*) FROM t", "audit").at(0) == "1000";
      }
      _exit(sound ? 0 : 1);
    }
  }
  close(gate[0]);
  close(gate[1]);
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
}

TEST(TestServer, SaysWhyItDoesNotStart) {
  try {
    Server server({.settings = {"no_such_setting_of_postgres = 1"}});
    FAIL() << "started with a wrong setting";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("no_such_setting_of_postgres"), std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace storagepool::postgres::testing
