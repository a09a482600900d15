#include "operator/kube/transport/config.h"

#include <filesystem>
#include <optional>

#include <yaml-cpp/yaml.h>

#include "operator/kube/transport/url.h"
#include "pool/common/encoding/encoding.h"

namespace storagepool::kube {
namespace {

struct Refused {
  std::string why;
};

// The entry of a `clusters`, `users` or `contexts` list with the given name, and its inner map.
YAML::Node named(const YAML::Node& root, const char* list, const char* inner, const std::string& name) {
  const YAML::Node entries = root[list];
  if (entries && !entries.IsSequence()) throw Refused{std::string(list) + ": a list is expected"};
  if (entries) {
    for (const YAML::Node& entry : entries) {
      if (!entry.IsMap() || !entry["name"] || !entry["name"].IsScalar()) continue;
      if (entry["name"].Scalar() != name) continue;
      const YAML::Node value = entry[inner];
      if (!value || !value.IsMap())
        throw Refused{std::string(list) + " \"" + name + "\": no \"" + inner + "\" in it"};
      return value;
    }
  }
  throw Refused{std::string(list) + ": no entry named \"" + name + "\""};
}

std::string text_of(const YAML::Node& node, const char* field) {
  const YAML::Node value = node[field];
  if (!value || value.IsNull()) return {};
  if (!value.IsScalar()) throw Refused{std::string(field) + ": a string is expected"};
  return value.Scalar();
}

bool flag_of(const YAML::Node& node, const char* field) {
  const std::string text = text_of(node, field);
  if (text.empty() || text == "false") return false;
  if (text == "true") return true;
  throw Refused{std::string(field) + ": \"" + text + "\" is neither true nor false"};
}

class KubeconfigParser {
 public:
  KubeconfigParser(const std::string& path, const FileReader& reader) : path_(path), reader_(reader) {}

  ClientConfig parse(const YAML::Node& root) {
    if (!root.IsMap()) throw Refused{"a map is expected"};
    const std::string current = text_of(root, "current-context");
    if (current.empty()) throw Refused{"current-context: not set"};
    const YAML::Node context = named(root, "contexts", "context", current);
    config_.name_space = text_of(context, "namespace");
    parse_cluster(named(root, "clusters", "cluster", text_of(context, "cluster")));
    const std::string user = text_of(context, "user");
    if (!user.empty()) parse_user(named(root, "users", "user", user), user);
    if (config_.server.starts_with("http://") && has_credentials()) {
      throw Refused{"server: \"" + config_.server +
                    "\" is not https, the user's credentials would be sent in clear"};
    }
    return std::move(config_);
  }

 private:
  void parse_cluster(const YAML::Node& cluster) {
    const auto server = split_server(text_of(cluster, "server"), "server");
    if (!server) throw Refused{server.error()};
    config_.server = server->base;
    config_.path_prefix = server->path;
    config_.tls_server_name = text_of(cluster, "tls-server-name");
    config_.insecure_skip_tls_verify = flag_of(cluster, "insecure-skip-tls-verify");
    config_.ca_pem = data_or_file(cluster, "certificate-authority-data", "certificate-authority");
    if (!text_of(cluster, "proxy-url").empty()) throw Refused{"proxy-url: proxies are not supported"};
    if (config_.insecure_skip_tls_verify && !config_.ca_pem.empty()) {
      throw Refused{"insecure-skip-tls-verify: cannot be true when a certificate-authority is given"};
    }
    if (config_.server.starts_with("https://") && config_.ca_pem.empty() &&
        !config_.insecure_skip_tls_verify) {
      throw Refused{
          "certificate-authority-data: not set, and the system's certificate authorities are not used"};
    }
  }

  void parse_user(const YAML::Node& user, const std::string& name) {
    for (const char* plugin : {"exec", "auth-provider"}) {
      if (user[plugin]) {
        throw Refused{"users \"" + name + "\": " + plugin +
                      " plugins are not supported: use a client certificate, "
                      "a token or a tokenFile"};
      }
    }
    if (user["username"] || user["password"]) {
      throw Refused{"users \"" + name +
                    "\": username and password are not supported by Kubernetes any more: use a "
                    "client certificate, a token or a tokenFile"};
    }
    config_.client_certificate_pem = data_or_file(user, "client-certificate-data", "client-certificate");
    config_.client_key_pem = data_or_file(user, "client-key-data", "client-key");
    if (config_.client_certificate_pem.empty() != config_.client_key_pem.empty()) {
      throw Refused{"users \"" + name + "\": client-certificate and client-key are needed together"};
    }
    config_.token = text_of(user, "token");
    if (config_.token.find_first_of(" \t\r\n") != std::string::npos) {
      throw Refused{"users \"" + name + "\": token: white space in it"};
    }
    const std::string token_file = text_of(user, "tokenFile");
    if (!token_file.empty()) config_.token_file = resolved(token_file);
  }

  std::string data_or_file(const YAML::Node& node, const char* data_field, const char* file_field) {
    const std::string data = text_of(node, data_field);
    if (!data.empty()) {
      auto decoded = encoding::decode_base64(data);
      if (!decoded) throw Refused{std::string(data_field) + ": " + decoded.error()};
      return std::move(*decoded);
    }
    const std::string file = text_of(node, file_field);
    if (file.empty()) return {};
    auto text = reader_(resolved(file));
    if (!text) throw Refused{std::string(file_field) + ": " + text.error()};
    return std::move(*text);
  }

  std::string resolved(const std::string& file) const {
    return (std::filesystem::path(path_).parent_path() / file).string();
  }

  bool has_credentials() const {
    return !config_.token.empty() || !config_.token_file.empty() || !config_.client_key_pem.empty();
  }

  const std::string& path_;
  const FileReader& reader_;
  ClientConfig config_;
};

}  // namespace

tl::expected<ClientConfig, std::string> parse_kubeconfig(std::string_view text, const std::string& path,
                                                         const FileReader& reader) {
  const auto refuse = [&](const std::string& why) {
    return tl::unexpected("kubeconfig " + path + ": " + why);
  };
  if (text.size() > kMaxKubeconfigBytes) return refuse("larger than 1 MiB");
  try {
    return KubeconfigParser(path, reader).parse(YAML::Load(std::string(text)));
  } catch (const Refused& refused) {
    return refuse(refused.why);
  } catch (const YAML::Exception& error) {
    // Only the position: yaml-cpp's text can hold a piece of the file.
    return refuse("not YAML (line " + std::to_string(error.mark.line + 1) + ", column " +
                  std::to_string(error.mark.column + 1) + ")");
  }
}

}  // namespace storagepool::kube
