#include "operator/cli/cluster/admin.h"

#include <utility>

#include "operator/render/render.h"
#include "pool/common/encoding/encoding.h"
#include "pool/common/json/json.h"
#include "pool/common/runtime/clock.h"

namespace storagepool::cli {
namespace {

constexpr const char* kKeySecret = "storagepool-operator-key";

}  // namespace

std::string words_of(const PodAnswer& answer) {
  const Json body = Json::parse(answer.body, nullptr, false);
  const std::string detail = body.is_object() ? json::text_at(body, "/detail") : "";
  return std::to_string(answer.status) + (detail.empty() ? "" : ": " + detail);
}

Result<std::unique_ptr<pods::Signer>> operator_signer(const Cluster& cluster,
                                                      const std::string& operator_namespace) {
  const auto secret = get_json(cluster, {"secret", kKeySecret, "-n", operator_namespace});
  if (!secret) {
    Failure failure = secret.error();
    if (failure.kind == FailureKind::kForbidden)
      failure.message +=
          std::string(
              "; pods take only what the operator has signed: the right that is missing is get of "
              "the Secret ") +
          kKeySecret + " in " + operator_namespace;
    if (failure.kind == FailureKind::kNotFound)
      failure.message += "; does the operator run in another namespace (--operator-namespace)?";
    return tl::unexpected(std::move(failure));
  }
  const auto key = encoding::decode_base64(json::text_at(*secret, "/data/key"));
  if (!key || key->size() != pods::kSeedBytes)
    return tl::unexpected(Failure{FailureKind::kUnreadable, std::string("the Secret ") + kKeySecret + " in " +
                                                                operator_namespace + " has no usable key"});
  return std::make_unique<pods::Signer>(*key);
}

AdminPort::AdminPort(const pods::Signer& signer, std::string pod, std::string uid, std::unique_ptr<Port> port)
    : signer_(&signer), pod_(std::move(pod)), uid_(std::move(uid)), port_(std::move(port)) {}

Result<AdminPort> AdminPort::open(const Cluster& cluster, const pods::Signer& signer,
                                  const std::string& name_space, const std::string& pod) {
  const auto object = get_json(cluster, {"pod", pod, "-n", name_space});
  if (!object) return tl::unexpected(object.error());
  auto port = cluster.open_port(name_space, "pod/" + pod, render::kAdminPort);
  if (!port) return tl::unexpected(port.error());
  return AdminPort(signer, pod, json::text_at(*object, "/metadata/uid"), std::move(*port));
}

Result<std::string> AdminPort::send(const std::string& method, const std::string& path,
                                    const std::string& body) {
  const std::string token =
      signer_->token({.pod_uid = uid_, .method = method, .path = path, .body = body}, runtime::wall_now());
  auto answer = port_->send({.method = method, .path = path, .token = token, .body = body});
  const std::string asked = pod_ + ": " + method + " " + path + ": ";
  if (!answer) return tl::unexpected(Failure{FailureKind::kOther, asked + answer.error()});
  if (answer->status != 200) {
    const auto kind = answer->status == 404 ? FailureKind::kNotFound : FailureKind::kOther;
    return tl::unexpected(Failure{kind, asked + words_of(*answer)});
  }
  return std::move(answer->body);
}

}  // namespace storagepool::cli
