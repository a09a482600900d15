// Answers in binary format.
#include "pool/postgres/connect.h"

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "pool/postgres/testing/run.h"
#include "pool/postgres/testing/server.h"

namespace storagepool::postgres {
namespace {

using namespace std::chrono_literals;
using namespace std::string_view_literals;
using testing::in;
using testing::run;
using testing::Server;

class FetchTest : public ::testing::TestWithParam<Fetch> {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<Server>(); }
  static void TearDownTestSuite() { server_.reset(); }
  void SetUp() override {
    auto session = run(context_, connect(context_.get_executor(), server_->connect_options(), in(20s)));
    if (!session) throw std::runtime_error(session.error().detail);
    session_ = std::move(*session);
  }

  tl::expected<Rows, Error> fetch(std::string_view sql, std::vector<Parameter> parameters = {}) {
    return run(context_, session_->fetch(sql, std::move(parameters), in(20s), GetParam()));
  }
  std::string prepared_statements() {
    const auto counted =
        run(context_, session_->execute("SELECT count(*) FROM pg_prepared_statements", in(20s)));
    return counted->rows.at(0).at(0).value_or("");
  }

  inline static std::unique_ptr<Server> server_;
  boost::asio::io_context context_{1};
  std::unique_ptr<Session> session_;
};

INSTANTIATE_TEST_SUITE_P(EachWay, FetchTest,
                         ::testing::Values(Fetch{}, Fetch{.once = true}, Fetch{.row_by_row = true},
                                           Fetch{.once = true, .row_by_row = true}));

TEST_P(FetchTest, GivesTheRowsAsTheTypesSendThem) {
  const auto rows = fetch(
      "SELECT n, n::integer, n = 2, repeat($1::text, n::integer), NULL::uuid, "
      "'2000-01-01T00:00:01Z'::timestamptz "
      "FROM generate_series(1::bigint, $2::bigint) AS n",
      {"ä", "3"});
  ASSERT_TRUE(rows) << rows.error().detail;
  ASSERT_EQ(rows->size(), 3U);
  EXPECT_EQ(read_integer(rows->at(1, 0).value()), 2);
  EXPECT_EQ(rows->from(1, 1), (std::vector<Rows::Value>{"\x00\x00\x00\x02"sv, "\x01"sv, "ää", std::nullopt,
                                                        "\x00\x00\x00\x00\x00\x0f\x42\x40"sv}));
  EXPECT_EQ(rows->at(2, 3), "äää");
}

TEST_P(FetchTest, GivesNoRowsWhereThereAreNone) {
  const auto rows = fetch("SELECT 1 WHERE $1", {"false"});
  ASSERT_TRUE(rows) << rows.error().detail;
  EXPECT_EQ(rows->size(), 0U);
}

TEST_P(FetchTest, TellsAnErrorInTheMidstOfRows) {
  const auto rows = fetch("SELECT repeat('x', 20000) || 1 / (3 - n) FROM generate_series(1, 4) AS n");
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().sqlstate, "22012");
  EXPECT_TRUE(session_->usable());
  EXPECT_EQ(fetch("SELECT 1")->size(), 1U);
}

TEST_P(FetchTest, KeepsTheStatementUnlessItIsPlannedOnce) {
  ASSERT_TRUE(fetch("SELECT 1"));
  ASSERT_TRUE(fetch("SELECT 1"));
  EXPECT_EQ(prepared_statements(), GetParam().once ? "0" : "1");
}

}  // namespace
}  // namespace storagepool::postgres
