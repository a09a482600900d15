#include "operator/kube/config.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "operator/kube/kubeconfig.h"

namespace storagepool::kube {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

struct Files {
  std::map<std::string, std::string> content;
  FileReader reader() {
    return [this](const std::string& path) -> tl::expected<std::string, std::string> {
      const auto found = content.find(path);
      if (found == content.end()) return tl::unexpected(path + ": no such file");
      return found->second;
    };
  }
};

// Two clusters, contexts and users; `user` is the body of the current one.
std::string kubeconfig(const std::string& cluster, const std::string& user) {
  return "apiVersion: v1\nkind: Config\ncurrent-context: here\n"
         "contexts:\n"
         "- {name: there, context: {cluster: far, user: other}}\n"
         "- {name: here, context: {cluster: near, user: me, namespace: mine}}\n"
         "clusters:\n"
         "- {name: far, cluster: {server: 'https://far'}}\n"
         "- {name: near, cluster: {" +
         cluster +
         "}}\n"
         "users:\n"
         "- {name: other, user: {token: wrong}}\n"
         "- {name: me, user: {" +
         user + "}}\n";
}

constexpr const char* kCluster = "server: 'https://10.0.0.1:6443/', certificate-authority-data: Q0E=";

std::string config_error(const std::string& text, Files files = {}) {
  const auto config = parse_kubeconfig(text, "/home/me/.kube/config", files.reader());
  return config ? "no error" : config.error();
}

TEST(KubeconfigTest, TakesTheCurrentContextWithData) {
  const auto config =
      parse_kubeconfig(kubeconfig(kCluster, "client-certificate-data: Q0VSVA==, client-key-data: S0VZ"), "/c",
                       Files{}.reader());
  ASSERT_TRUE(config) << config.error();
  EXPECT_EQ(config->server, "https://10.0.0.1:6443");
  EXPECT_EQ(config->path_prefix, "");
  EXPECT_EQ(config->ca_pem, "CA");
  EXPECT_EQ(config->client_certificate_pem, "CERT");
  EXPECT_EQ(config->client_key_pem, "KEY");
  EXPECT_EQ(config->name_space, "mine");
  EXPECT_EQ(config->token, "");
  EXPECT_FALSE(config->insecure_skip_tls_verify);
}

TEST(KubeconfigTest, FileNamesStartFromTheKubeconfigsFolder) {
  Files files{{{"/home/me/.kube/pki/ca.crt", "CA"}, {"/etc/cert", "CERT"}, {"/home/me/.kube/key", "KEY"}}};
  const auto config = parse_kubeconfig(
      kubeconfig("server: 'https://h/prefix/', certificate-authority: pki/ca.crt, tls-server-name: other",
                 "client-certificate: /etc/cert, client-key: key, tokenFile: tok"),
      "/home/me/.kube/config", files.reader());
  ASSERT_TRUE(config) << config.error();
  EXPECT_EQ(config->ca_pem, "CA");
  EXPECT_EQ(config->client_certificate_pem, "CERT");
  EXPECT_EQ(config->client_key_pem, "KEY");
  EXPECT_EQ(config->token_file, "/home/me/.kube/tok");
  EXPECT_EQ(config->path_prefix, "/prefix");
  EXPECT_EQ(config->tls_server_name, "other");
}

TEST(KubeconfigTest, AUserIsOptional) {
  const auto config = parse_kubeconfig(
      "{current-context: c, contexts: [{name: c, context: {cluster: x}}], "
      "clusters: [{name: x, cluster: {server: 'http://127.0.0.1:8001'}}]}",
      "/c", Files{}.reader());
  ASSERT_TRUE(config) << config.error();
  EXPECT_EQ(config->server, "http://127.0.0.1:8001");
}

TEST(KubeconfigTest, ErrorsNameTheField) {
  EXPECT_THAT(config_error("a: ["), HasSubstr("not YAML (line "));
  EXPECT_THAT(config_error("text"), HasSubstr("a map is expected"));
  EXPECT_THAT(config_error("{}"), HasSubstr("current-context: not set"));
  EXPECT_THAT(config_error("current-context: c"), HasSubstr("contexts: no entry named \"c\""));
  EXPECT_THAT(config_error("{current-context: c, contexts: text}"),
              HasSubstr("contexts: a list is expected"));
  EXPECT_THAT(config_error(std::string(kMaxKubeconfigBytes + 1, ' ')), HasSubstr("larger than 1 MiB"));
  EXPECT_THAT(config_error(kubeconfig("server: ftp://x", "")),
              HasSubstr("server: \"ftp://x\" does not start with"));
  EXPECT_THAT(config_error(kubeconfig("certificate-authority-data: Q0E=", "")), HasSubstr("server: not set"));
  EXPECT_THAT(config_error(kubeconfig("server: 'https://x'", "")),
              HasSubstr("certificate-authority-data: not set"));
  EXPECT_THAT(config_error(kubeconfig("server: 'https://x', certificate-authority-data: '*'", "")),
              HasSubstr("certificate-authority-data: not base64"));
  EXPECT_THAT(config_error(kubeconfig("server: 'https://x', certificate-authority: ca", "")),
              HasSubstr("certificate-authority: /home/me/.kube/ca: no such file"));
  EXPECT_THAT(config_error(kubeconfig(std::string(kCluster) + ", insecure-skip-tls-verify: maybe", "")),
              HasSubstr("insecure-skip-tls-verify: \"maybe\""));
  EXPECT_THAT(config_error(kubeconfig(std::string(kCluster) + ", insecure-skip-tls-verify: true", "")),
              HasSubstr("insecure-skip-tls-verify: cannot be true"));
  EXPECT_THAT(config_error(kubeconfig(std::string(kCluster) + ", proxy-url: 'http://p'", "")),
              HasSubstr("proxy-url"));
  EXPECT_THAT(config_error(kubeconfig(kCluster, "client-certificate-data: Q0E=")),
              HasSubstr("client-certificate and client-key are needed together"));
  EXPECT_THAT(config_error(kubeconfig(kCluster, "token: [a]")), HasSubstr("token: a string is expected"));
}

TEST(KubeconfigTest, PluginsAreRefusedWithWhatToUse) {
  const std::string error = config_error(kubeconfig(kCluster, "exec: {command: aws}"));
  EXPECT_THAT(error, HasSubstr("exec plugins are not supported"));
  EXPECT_THAT(error, HasSubstr("tokenFile"));
  EXPECT_THAT(config_error(kubeconfig(kCluster, "auth-provider: {name: gcp}")), HasSubstr("auth-provider"));
  EXPECT_THAT(config_error(kubeconfig(kCluster, "username: u, password: hunter2")),
              HasSubstr("username and password"));
}

TEST(KubeconfigTest, NoErrorShowsASecret) {
  for (const std::string& text :
       {kubeconfig(kCluster, "username: u, password: hunter2"),
        kubeconfig(kCluster, "token: 'hunter2 with space'"),
        kubeconfig("server: 'https://me:hunter2@host', certificate-authority-data: Q0E=", ""),
        kubeconfig("server: 'http://host'", "token: hunter2"),
        kubeconfig(kCluster, "client-certificate-data: Q0E=, client-key-data: 'hunter2!'"),
        std::string("token: hunter2\n  bad: [indent")}) {
    const std::string error = config_error(text);
    EXPECT_NE(error, "no error") << text;
    EXPECT_THAT(error, Not(HasSubstr("hunter2"))) << text;
  }
}

TEST(KubeconfigTest, CredentialsDoNotGoOverPlainHttp) {
  EXPECT_THAT(config_error(kubeconfig("server: 'http://host:8001'", "token: abc")),
              HasSubstr("is not https"));
}

TEST(ServerUrlTest, PortsAndHosts) {
  EXPECT_EQ(split_server("https://h:65535/a//", "server")->path, "/a");
  for (const char* bad : {"https://", "https://:1", "https://h:0", "https://h:65536",
                          "https://h:", "https://h:1x", "https://[::1]:6443", "https://h?x", "https://h x"}) {
    const auto url = split_server(bad, "server");
    ASSERT_FALSE(url) << bad;
    EXPECT_THAT(url.error(), HasSubstr(bad));
  }
}

TEST(Base64Test, DecodesAndRefuses) {
  EXPECT_EQ(decode_base64("").value(), "");
  EXPECT_EQ(decode_base64("Zm9vYg==").value(), "foob");
  EXPECT_EQ(decode_base64("Zm9v\nYmE=").value(), "fooba");
  EXPECT_EQ(decode_base64("+/+/").value(), "\xfb\xff\xbf");
  for (const char* bad : {"Zg", "Zg=", "Z===", "====", "Zg==Zg==", "Z-8=", "=Zg="}) {
    EXPECT_FALSE(decode_base64(bad)) << bad;
  }
}

TEST(InClusterTest, TakesTheServiceAccount) {
  Files files{{{"/sa/token", "t\n"}, {"/sa/ca.crt", "CA"}, {"/sa/namespace", "storagepool-system\n"}}};
  const auto config = parse_in_cluster("10.96.0.1", "443", "/sa", files.reader());
  ASSERT_TRUE(config) << config.error();
  EXPECT_EQ(config->server, "https://10.96.0.1:443");
  EXPECT_EQ(config->ca_pem, "CA");
  EXPECT_EQ(config->token_file, "/sa/token");
  EXPECT_EQ(config->name_space, "storagepool-system");
}

TEST(InClusterTest, AnIpv6ClusterIsReachedByTheServicesName) {
  Files files{{{"/sa/token", "t"}, {"/sa/ca.crt", "CA"}}};
  EXPECT_EQ(parse_in_cluster("fd00::1", "443", "/sa", files.reader())->server,
            "https://kubernetes.default.svc:443");
}

TEST(InClusterTest, SaysWhatIsMissing) {
  EXPECT_THAT(parse_in_cluster("", "", "/sa", Files{}.reader()).error(), HasSubstr("--kubeconfig"));
  EXPECT_THAT(parse_in_cluster("h", "1", "/sa", Files{}.reader()).error(), HasSubstr("/sa/token"));
  EXPECT_THAT(parse_in_cluster("h", "1", "/sa", Files{{{"/sa/token", "t"}}}.reader()).error(),
              HasSubstr("/sa/ca.crt"));
  EXPECT_THAT(parse_in_cluster("h", "x", "/sa", Files{}.reader()).error(),
              HasSubstr("KUBERNETES_SERVICE_HOST"));
}

TEST(TokenSourceTest, AFixedTokenNeedsNoFile) {
  Files none;
  TokenSource source("abc", "", none.reader());
  EXPECT_EQ(source.token({}).value(), "abc");
}

TEST(TokenSourceTest, RereadsTheFileWhenItsTimeHasComeAndAfterARefusal) {
  Files files{{{"/t", "one\n"}}};
  TokenSource source("", "/t", files.reader());
  const std::chrono::steady_clock::time_point start{};
  EXPECT_EQ(source.token(start).value(), "one");
  files.content["/t"] = "two";
  EXPECT_EQ(source.token(start + kTokenReadInterval - 1ms).value(), "one");
  EXPECT_EQ(source.token(start + kTokenReadInterval).value(), "two");
  files.content["/t"] = "three";
  EXPECT_EQ(source.token(start + kTokenReadInterval + 1s).value(), "two");
  source.expire();
  EXPECT_EQ(source.token(start + kTokenReadInterval + 1s).value(), "three");
}

TEST(TokenSourceTest, KeepsTheLastGoodTokenAndNeverSendsABrokenOne) {
  Files files{{{"/t", "one"}}};
  TokenSource source("", "/t", files.reader());
  const std::chrono::steady_clock::time_point start{};
  EXPECT_EQ(source.token(start).value(), "one");
  for (const char* broken : {"", "two\r\nX-Injected: 1", "\x01"}) {
    files.content["/t"] = broken;
    EXPECT_EQ(source.token(start + 2min).value(), "one");
  }
  files.content.erase("/t");
  EXPECT_EQ(source.token(start + 4min).value(), "one");
}

TEST(TokenSourceTest, AFileThatNeverCouldBeReadIsAnError) {
  Files none;
  TokenSource source("", "/t", none.reader());
  EXPECT_THAT(source.token({}).error(), HasSubstr("/t"));
}

}  // namespace
}  // namespace storagepool::kube
