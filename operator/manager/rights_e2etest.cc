// The operator's rights as the chart gives them, on an API server that knows of rights: every verb that is
// served on anything is tried with its account, and what the chart's roles do not name is refused.
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "operator/kube/transport/config.h"
#include "operator/kube/transport/cpprest_transport.h"
#include "operator/manager/testing/control_plane.h"
#include "pool/common/json/json.h"

namespace storagepool::manager {
namespace {

using kube::ApiRequest;
using kube::Json;
using kube::Method;

constexpr const char* kOwn = "default";  // the operator's namespace
constexpr const char* kTeam = "team-a";
constexpr const char* kOther = "team-b";
constexpr const char* kRoles = "/apis/rbac.authorization.k8s.io/v1";

// As discovery has it; a subresource as "pods/exec".
struct Served {
  std::string group;
  std::string version;
  std::string resource;
  bool namespaced = false;
  std::vector<std::string> verbs;
};

class Rights : public ::testing::Test {
 protected:
  Rights() {
    control_plane_.define_storage_pools();
    for (const char* name : {kTeam, kOther}) {
      EXPECT_TRUE(
          control_plane_.client().create(kube::resources::kNamespaces, {{"metadata", {{"name", name}}}}));
    }
    const auto config = kube::load_config(control_plane_.kubeconfig_as("installed"));
    EXPECT_TRUE(config) << config.error();
    auto transport = kube::make_transport(*config);
    EXPECT_TRUE(transport) << transport.error();
    as_operator_ = std::move(*transport);
  }

  // As `helm install` would, in the operator's namespace.
  void grant(const std::string& options) {
    const std::string rendered = control_plane_.file("rights.yaml");
    const std::string log = control_plane_.file("command.log");
    const std::string command = "helm template storagepool " STORAGEPOOL_SOURCE_DIR
                                "/charts/storagepool --namespace default --show-only templates/rbac.yaml " +
                                options + " >" + rendered +
                                " && kubectl --kubeconfig=" + control_plane_.kubeconfig() + " apply -f " +
                                rendered;
    ASSERT_EQ(testing::Process({"sh", "-c", command}, log).exit_code(), 0) << testing::tail_of(log);
  }

  Json get(const std::string& path) const {
    const auto answer = control_plane_.transport().request({.path = path});
    EXPECT_TRUE(answer) << path << ": " << answer.error().to_string();
    return answer ? Json::parse(*answer) : Json();
  }

  std::vector<Served> discover() const {
    std::vector<Served> all;
    const auto add = [&](const std::string& group, const std::string& version, const std::string& path) {
      const Json list = get(path);
      for (const Json& one : list.at("resources")) {
        all.push_back({.group = group,
                       .version = version,
                       .resource = one.at("name"),
                       .namespaced = one.at("namespaced"),
                       .verbs = one.at("verbs").get<std::vector<std::string>>()});
      }
    };
    add("", "v1", "/api/v1");
    const Json groups = get("/apis");
    for (const Json& group : groups.at("groups")) {
      const std::string version = group.at("preferredVersion").at("version");
      add(group.at("name"), version, "/apis/" + group.at("name").get<std::string>() + "/" + version);
    }
    return all;
  }

  // "group resource verb" of all that roles give in a namespace, empty: in none; not what they give for names
  // alone.
  std::set<std::string> granted(const std::string& name_space) const {
    const Json everywhere = get(std::string(kRoles) + "/clusterroles/storagepool-operator");
    std::vector<Json> rules = everywhere.at("rules");
    if (!name_space.empty()) {
      const Json roles = get(std::string(kRoles) + "/namespaces/" + name_space + "/roles");
      for (const Json& role : roles.at("items"))
        rules.insert(rules.end(), role.at("rules").begin(), role.at("rules").end());
    }
    std::set<std::string> all;
    for (const Json& rule : rules) {
      if (rule.contains("resourceNames") || !rule.contains("resources")) continue;
      for (const std::string group : rule.at("apiGroups")) {
        for (const std::string resource : rule.at("resources")) {
          for (const std::string verb : rule.at("verbs")) all.insert(group + " " + resource + " " + verb);
        }
      }
    }
    return all;
  }

  static ApiRequest request_of(const Served& served, const std::string& name_space, const std::string& verb) {
    static const std::map<std::string, Method> kMethods = {
        {"get", Method::kGet},       {"list", Method::kGet},
        {"watch", Method::kGet},     {"create", Method::kPost},
        {"update", Method::kPut},    {"patch", Method::kPatch},
        {"delete", Method::kDelete}, {"deletecollection", Method::kDelete}};
    ApiRequest request{.method = kMethods.at(verb)};
    request.path = served.group.empty() ? "/api/" : "/apis/" + served.group + "/";
    request.path += served.version;
    if (!name_space.empty()) request.path += "/namespaces/" + name_space;
    const std::size_t slash = served.resource.find('/');
    request.path += "/" + served.resource.substr(0, slash);
    const bool of_all = verb == "list" || verb == "watch" || verb == "deletecollection" ||
                        (verb == "create" && slash == std::string::npos);
    if (!of_all) request.path += "/nothing";
    if (slash != std::string::npos) request.path += served.resource.substr(slash);
    if (verb == "watch") request.query = {{"watch", "1"}, {"timeoutSeconds", "1"}};
    if (request.method == Method::kGet || request.method == Method::kDelete) return request;
    request.content_type = verb == "patch" ? "application/merge-patch+json" : "application/json";
    request.body = "{}";
    return request;
  }

  // How many were tried that are not granted; those that are, where trying changes nothing.
  int try_all(const std::vector<Served>& all, const std::string& name_space) {
    const std::set<std::string> may = granted(name_space);
    int refused = 0;
    for (const Served& served : all) {
      if (served.namespaced == name_space.empty()) continue;
      if (served.resource.starts_with("selfsubject")) continue;  // what one may oneself, everybody may ask
      for (const std::string& verb : served.verbs) {
        const bool is_granted = may.contains(served.group + " " + served.resource + " " + verb);
        if (is_granted && verb != "get" && verb != "list") continue;
        const auto answer = as_operator_->request(request_of(served, name_space, verb));
        const bool is_refused = !answer && answer.error().status == 403;
        EXPECT_EQ(is_refused, !is_granted)
            << verb << " " << served.resource << " of " << served.group << " in '" << name_space
            << "': " << (answer ? answer->substr(0, 200) : answer.error().to_string());
        refused += is_refused ? 1 : 0;
      }
    }
    return refused;
  }

  testing::ControlPlane control_plane_{testing::Authorization::kRoles};
  std::unique_ptr<kube::Transport> as_operator_;
};

TEST_F(Rights, EveryVerbThatTheChartDoesNotGrantIsRefusedOnEverythingThatIsServed) {
  grant("");
  const std::vector<Served> all = discover();
  EXPECT_GT(try_all(all, kOwn), 200);
  EXPECT_GT(try_all(all, kOther), 200);
  EXPECT_GT(try_all(all, ""), 100);
  for (const char* path : {"/metrics", "/debug/pprof/", "/logs/", "/configz"}) {
    const auto answer = as_operator_->request({.path = path});
    EXPECT_TRUE(!answer && answer.error().status == 403) << path;
  }
  // What is granted by name is so for nothing else: see "nothing" above.
  EXPECT_TRUE(as_operator_->request({.path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"
                                             "storagepools.storagepool.dev"}));
  const auto key =
      as_operator_->request({.path = "/api/v1/namespaces/default/secrets/storagepool-operator-key"});
  EXPECT_TRUE(!key && key.error().is_not_found()) << "it may read it, where it is";
}

TEST_F(Rights, OfNamespacesThatItDoesNotWatchItMayReadNothing) {
  grant("--set 'watchNamespaces={team-a}'");
  const std::vector<Served> all = discover();
  EXPECT_GT(try_all(all, kTeam), 200);
  EXPECT_GT(try_all(all, kOther), 200);
  EXPECT_EQ(granted(kOther), (std::set<std::string>{" namespaces list", " namespaces watch"}));
}

}  // namespace
}  // namespace storagepool::manager
