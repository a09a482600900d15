#include "operator/manager/options.h"

#include <sstream>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::manager {
namespace {

using testing::HasSubstr;

class ParseOptions : public testing::Test {
 protected:
  tl::expected<Options, int> parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "storagepool-operator");
    return parse_options(static_cast<int>(arguments.size()), arguments.data(), out_, error_);
  }
  std::ostringstream out_;
  std::ostringstream error_;
};

TEST_F(ParseOptions, Defaults) {
  const auto options = parse({});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->health, (Address{"::", 8081}));
  EXPECT_EQ(options->metrics, (Address{"::", 9090}));
  EXPECT_FALSE(options->page);
  EXPECT_EQ(options->resync, std::chrono::seconds{10});
  EXPECT_EQ(options->max_concurrent_reconciles, 4);
  EXPECT_FALSE(options->other_workloads);
  EXPECT_THAT(options->default_image, HasSubstr(STORAGEPOOL_VERSION));
}

TEST_F(ParseOptions, EveryFlagIsRead) {
  const auto options = parse({"--kubeconfig=/k", "--namespace=n", "--default-image=i:1",
                              "--health-probe-bind-address=127.0.0.1:0", "--metrics-bind-address=:1",
                              "--page-bind-address=[::1]:65535", "--resync=2s", "--log-level=debug",
                              "--max-concurrent-reconciles=9", "--other-workloads"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->kubeconfig, "/k");
  EXPECT_EQ(options->name_space, "n");
  EXPECT_EQ(options->default_image, "i:1");
  EXPECT_EQ(options->health, (Address{"127.0.0.1", 0}));
  EXPECT_EQ(options->metrics, (Address{"::", 1}));
  EXPECT_EQ(options->page, (Address{"::1", 65535}));
  EXPECT_EQ(options->resync, std::chrono::seconds{2});
  EXPECT_EQ(options->max_concurrent_reconciles, 9);
  EXPECT_TRUE(options->other_workloads);
  EXPECT_EQ(options->log_level, log::Level::kDebug);
}

TEST_F(ParseOptions, NamespacesAreNamesEachOnce) {
  EXPECT_TRUE(parse({})->watch_namespaces.empty());
  const auto options = parse({"--watch-namespaces=team-b,team-a"});
  ASSERT_TRUE(options) << error_.str();
  EXPECT_EQ(options->watch_namespaces, (std::vector<std::string>{"team-a", "team-b"}));
  for (const char* text : {",a", "a,", "a,,b", "a,a", "A", "a b", "-a", "a.b"}) {
    error_.str("");
    EXPECT_EQ(parse({("--watch-namespaces=" + std::string(text)).c_str()}).error(), 2) << text;
    EXPECT_THAT(error_.str(), HasSubstr("--watch-namespaces: got \"" + std::string(text) +
                                        "\"; allowed: 1 to 20 names of namespaces"));
  }
  error_.str("");
  EXPECT_EQ(parse({"--watch-namespaces=a", "--other-workloads"}).error(), 2) << "they are of all namespaces";
  EXPECT_THAT(error_.str(), HasSubstr("--watch-namespaces"));
}

TEST_F(ParseOptions, APortThatIsZeroAloneIsNone) {
  const auto options = parse({"--health-probe-bind-address=0", "--metrics-bind-address=0"});
  ASSERT_TRUE(options) << error_.str();
  EXPECT_FALSE(options->health);
  EXPECT_FALSE(options->metrics);
}

TEST_F(ParseOptions, CheckTakesTheAddressOfTheMetrics) {
  EXPECT_FALSE(parse({})->to_check);
  const auto options = parse({"check", "--metrics-address=m.svc:1"});
  ASSERT_TRUE(options) << error_.str();
  ASSERT_TRUE(options->to_check);
  EXPECT_EQ(options->to_check->metrics, (Address{"m.svc", 1}));
  EXPECT_EQ(parse({"check", "--metrics-address=:1"}).error(), 2);
  EXPECT_THAT(error_.str(), HasSubstr("--metrics-address: got \":1\"; allowed: HOST:PORT"));
}

TEST_F(ParseOptions, SignTakesOneRequest) {
  EXPECT_FALSE(parse({})->to_sign);
  const auto options = parse({"sign", "uid-1", "POST", "/admin/journal?x=1", "--body={}", "--namespace=n"});
  ASSERT_TRUE(options) << error_.str();
  EXPECT_EQ(options->name_space, "n");
  ASSERT_TRUE(options->to_sign);
  EXPECT_EQ(options->to_sign->pod_uid, "uid-1");
  EXPECT_EQ(options->to_sign->method, "POST");
  EXPECT_EQ(options->to_sign->path, "/admin/journal?x=1");
  EXPECT_EQ(options->to_sign->body, "{}");
  EXPECT_EQ(parse({"sign", "uid-1", "GET"}).error(), 2);
}

TEST_F(ParseOptions, HelpAndVersionEndWell) {
  EXPECT_EQ(parse({"--help"}).error(), 0);
  EXPECT_THAT(out_.str(), HasSubstr("--default-image"));
  EXPECT_EQ(parse({"--version"}).error(), 0);
  EXPECT_THAT(out_.str(), HasSubstr("storagepool-operator " STORAGEPOOL_VERSION));
}

TEST_F(ParseOptions, MistakesAreNamed) {
  EXPECT_EQ(parse({"--resync=1ms"}).error(), 2);
  EXPECT_THAT(error_.str(), HasSubstr("allowed: a duration from 1s to 1h"));
  for (const char* address : {"9090", ":", "1.2.3.4", "1.2.3.4:", ":65536", ":-1", ":1 ", "localhost:1",
                              "::1", "::1:80", "[::1]", "[::1:80", "[]:80x"}) {
    error_.str("");
    EXPECT_EQ(parse({("--metrics-bind-address=" + std::string(address)).c_str()}).error(), 2) << address;
    EXPECT_THAT(error_.str(),
                HasSubstr("--metrics-bind-address: got \"" + std::string(address) + "\"; allowed: :PORT"));
  }
  EXPECT_EQ(parse({"--log-level=loud"}).error(), 2);
  EXPECT_EQ(parse({"--max-concurrent-reconciles=0"}).error(), 2);
  EXPECT_EQ(parse({"--what"}).error(), 2);
  EXPECT_THAT(error_.str(), HasSubstr("--what"));
}

}  // namespace
}  // namespace storagepool::manager
