#include "pool/service/config/options.h"

#include <sstream>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storagepool::service {
namespace {

using testing::HasSubstr;

class OptionsTest : public ::testing::Test {
 protected:
  tl::expected<Options, int> parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "datastorage");
    return parse_options(static_cast<int>(arguments.size()), arguments.data(), out_, error_);
  }
  std::ostringstream out_;
  std::ostringstream error_;
};

TEST_F(OptionsTest, HasDefaults) {
  const auto options = parse({});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->config_file, "/etc/storagepool/config/config.yaml");
  EXPECT_EQ(options->api_port, 8080);
  EXPECT_EQ(options->listen_address, "::");
  EXPECT_EQ(options->keep_alive_timeout, std::chrono::seconds{75});
  EXPECT_EQ(options->access_log, settings::AccessLog{});
  EXPECT_EQ(options->drain_delay, std::chrono::seconds{5});
  EXPECT_EQ(options->drain_timeout, std::chrono::seconds{25});
  EXPECT_EQ(options->log_level, log::Level::kInfo);
  EXPECT_EQ(options->auth_mode, auth::AuthMode::kNone);
  EXPECT_EQ(options->journal_max_bytes, 1 << 30);
  EXPECT_EQ(options->event_times.future, std::chrono::minutes{60});
  EXPECT_EQ(options->event_times.past, std::chrono::days{7});
  EXPECT_TRUE(options->min_days.empty());
  EXPECT_TRUE(options->indexes.empty());
  EXPECT_TRUE(options->trusted_proxies.empty());
  EXPECT_EQ(options->requests_per_second, 0);
}

TEST_F(OptionsTest, ReadsEveryFlag) {
  const auto options = parse({"--config=c",
                              "--credentials-dir=d",
                              "--ca-file=a",
                              "--operator-keys=t",
                              "--state-dir=s",
                              "--listen-address=127.0.0.1",
                              "--access-log=100",
                              "--tls-dir=l",
                              "--tls-client-ca=m",
                              "--api-port=1",
                              "--health-port=2",
                              "--admin-port=3",
                              "--metrics-port=0",
                              "--keep-alive-timeout=620s",
                              "--drain-delay=0s",
                              "--drain-timeout=1m30s",
                              "--log-level=debug",
                              "--auth-mode=Paseto",
                              "--access-file=f",
                              "--auth-issuer=i",
                              "--auth-audience=u",
                              "--auth-dir=k",
                              "--log-key-file=y",
                              "--journal-max-bytes=64Mi",
                              "--event-max-future=5m",
                              "--event-max-past=24h",
                              "--retention-min-days=security=2555,gateway=1",
                              "--trusted-proxies=10.0.0.0/8,fd00::/8",
                              "--indexes=Resource,Actor",
                              "--rate-limit=2.5",
                              "--rate-limit-burst=7",
                              "--http-threads=4"});
  ASSERT_TRUE(options) << error_.str();
  EXPECT_EQ(options->config_file, "c");
  EXPECT_EQ(options->credentials_dir, "d");
  EXPECT_EQ(options->ca_file, "a");
  EXPECT_EQ(options->operator_keys, "t");
  EXPECT_EQ(options->state_dir, "s");
  EXPECT_EQ(options->listen_address, "127.0.0.1");
  EXPECT_EQ(options->access_log, (settings::AccessLog{.one_in = 100}));
  EXPECT_EQ(options->tls_dir, "l");
  EXPECT_EQ(options->tls_client_ca, "m");
  EXPECT_EQ(options->api_port, 1);
  EXPECT_EQ(options->health_port, 2);
  EXPECT_EQ(options->admin_port, 3);
  EXPECT_EQ(options->metrics_port, 0);
  EXPECT_EQ(options->keep_alive_timeout, std::chrono::seconds{620});
  EXPECT_EQ(options->drain_delay, std::chrono::seconds{0});
  EXPECT_EQ(options->drain_timeout, std::chrono::seconds{90});
  EXPECT_EQ(options->log_level, log::Level::kDebug);
  EXPECT_EQ(options->auth_mode, auth::AuthMode::kPaseto);
  EXPECT_EQ(options->access_file, "f");
  EXPECT_EQ(options->auth_issuer, "i");
  EXPECT_EQ(options->auth_audience, "u");
  EXPECT_EQ(options->auth_dir, "k");
  EXPECT_EQ(options->log_key_file, "y");
  EXPECT_EQ(options->journal_max_bytes, 64 << 20);
  EXPECT_EQ(options->event_times.future, std::chrono::minutes{5});
  EXPECT_EQ(options->event_times.past, std::chrono::hours{24});
  EXPECT_EQ(options->indexes, (settings::EventIndexes{"Actor", "Resource"}));
  EXPECT_EQ(options->trusted_proxies.size(), 2U);
  EXPECT_TRUE(settings::contains(options->trusted_proxies, *settings::parse_address("fd00::7")));
  EXPECT_EQ(options->min_days, (settings::MinDays{{"gateway", 1}, {"security", 2555}}));
  EXPECT_EQ(options->requests_per_second, 2.5);
  EXPECT_EQ(options->request_burst, 7U);
  EXPECT_EQ(options->http_threads, 4);
}

TEST_F(OptionsTest, HelpNamesFlagsAndSettings) {
  EXPECT_EQ(parse({"--help"}).error(), 0);
  for (const char* flag :
       {"--drain-delay", "--drain-timeout", "--auth-mode", "--journal-max-bytes", "--event-max-past"}) {
    EXPECT_THAT(out_.str(), HasSubstr(flag));
  }
  EXPECT_THAT(out_.str(), HasSubstr("0 or a size from 16Mi to 1Ti"));
  EXPECT_THAT(out_.str(), HasSubstr("maxOpenConns"));
  EXPECT_THAT(out_.str(), HasSubstr("DB_MAX_CONNECTIONS"));
}

TEST_F(OptionsTest, TellsItsVersion) {
  EXPECT_EQ(parse({"--version"}).error(), 0);
  EXPECT_EQ(out_.str(), "datastorage " STORAGEPOOL_VERSION "\n");
}

TEST_F(OptionsTest, RefusesWhatItDoesNotKnow) {
  for (const char* bad : {"--unknown",
                          "--api-port=65536",
                          "--api-port=x",
                          "--keep-alive-timeout=999ms",
                          "--keep-alive-timeout=61m",
                          "--access-log=all",
                          "--access-log=0",
                          "--retention-min-days=security",
                          "--retention-min-days=security=0",
                          "--retention-min-days=security=2556",
                          "--indexes=actor",
                          "--indexes=",
                          "--trusted-proxies=",
                          "--trusted-proxies=10.0.0.0",
                          "--trusted-proxies=10.0.0.0/33",
                          "--trusted-proxies=proxy",
                          "--drain-delay=-1s",
                          "--drain-delay=6m",
                          "--drain-timeout=5",
                          "--drain-timeout=0s",
                          "--drain-timeout=2h",
                          "--log-level=loud",
                          "extra",
                          "--auth-mode=Basic",
                          "--auth-mode=none",
                          "--journal-max-bytes=1e9",
                          "--journal-max-bytes=100",
                          "--journal-max-bytes=2Ti",
                          "--journal-max-bytes=-1",
                          "--event-max-future=1",
                          "--event-max-future=9000h",
                          "--event-max-past=0s",
                          "--event-max-past=7d",
                          "--rate-limit=-1",
                          "--rate-limit=x",
                          "--rate-limit-burst=0",
                          "--http-threads=-1",
                          "--http-threads=5",
                          "--http-threads=two"}) {
    EXPECT_EQ(parse({bad}).error(), 2) << bad;
  }
  EXPECT_THAT(error_.str(), HasSubstr("got \"5\"; allowed: a duration from 1s to 1h"));
  EXPECT_THAT(error_.str(), HasSubstr("got \"10.0.0.0/33\"; allowed: 1 to 64 IPv4 or IPv6 networks"));
  EXPECT_THAT(error_.str(), HasSubstr("got \"100\"; allowed: 0 or a size from 16Mi to 1Ti"));
}

}  // namespace
}  // namespace storagepool::service
