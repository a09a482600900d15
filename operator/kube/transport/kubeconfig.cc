#include "operator/kube/kubeconfig.h"

#include <filesystem>
#include <optional>

#include <yaml-cpp/yaml.h>

#include "operator/kube/config.h"

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
      auto decoded = decode_base64(data);
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

tl::expected<ServerUrl, std::string> split_server(std::string_view url, std::string_view field) {
  const auto refuse = [&](const std::string& why) {
    return tl::unexpected(std::string(field) + ": \"" + std::string(url.substr(0, 256)) + "\" " + why);
  };
  if (url.empty()) return tl::unexpected(std::string(field) + ": not set");
  std::size_t scheme = 0;
  if (url.starts_with("https://")) scheme = 8;
  if (url.starts_with("http://")) scheme = 7;
  if (scheme == 0) return refuse("does not start with https:// or http://");
  // The user info could hold a password: do not repeat it.
  if (url.find('@') != std::string_view::npos)
    return tl::unexpected(std::string(field) + ": user info is not supported");
  if (url.find_first_of("?#\\ \t\r\n") != std::string_view::npos)
    return refuse("has a query, a fragment or white space");
  const std::size_t slash = url.find('/', scheme);
  ServerUrl parts{std::string(url.substr(0, slash)), {}};
  if (slash != std::string_view::npos) parts.path = url.substr(slash);
  while (parts.path.ends_with('/')) parts.path.pop_back();
  const std::string_view authority = std::string_view(parts.base).substr(scheme);
  const std::size_t host_end = authority.find(':');
  if (authority.empty() || host_end == 0) return refuse("has no host");
  // The HTTP library cannot connect to one.
  if (authority.starts_with('[')) return refuse("has an IPv6 address: use a host name");
  std::string_view rest = host_end == std::string_view::npos ? "" : authority.substr(host_end);
  if (!rest.empty()) {
    rest.remove_prefix(1);
    int port = 0;
    for (const char c : rest) port = c >= '0' && c <= '9' && port <= 65535 ? port * 10 + (c - '0') : 65536;
    if (port < 1 || port > 65535) return refuse("has a port outside 1 to 65535");
  }
  return parts;
}

tl::expected<std::string, std::string> decode_base64(std::string_view text) {
  std::string decoded;
  std::uint32_t bits = 0;
  int have = 0;
  int padding = 0;
  for (const char c : text) {
    std::uint32_t value = 0;
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t') continue;
    if (c >= 'A' && c <= 'Z') {
      value = static_cast<std::uint32_t>(c - 'A');
    } else if (c >= 'a' && c <= 'z') {
      value = static_cast<std::uint32_t>(c - 'a' + 26);
    } else if (c >= '0' && c <= '9') {
      value = static_cast<std::uint32_t>(c - '0' + 52);
    } else if (c == '+') {
      value = 62;
    } else if (c == '/') {
      value = 63;
    } else if (c == '=') {
      ++padding;
    } else {
      return tl::unexpected(std::string("not base64"));
    }
    if (padding > 0 && c != '=') return tl::unexpected(std::string("not base64: text after the padding"));
    bits = bits << 6 | value;
    if (++have == 4) {
      decoded += static_cast<char>(bits >> 16 & 255);
      decoded += static_cast<char>(bits >> 8 & 255);
      decoded += static_cast<char>(bits & 255);
      bits = 0;
      have = 0;
    }
  }
  if (have != 0 || padding > 2 || (padding > 0 && decoded.empty())) {
    return tl::unexpected(std::string("not base64: truncated"));
  }
  decoded.resize(decoded.size() - static_cast<std::size_t>(padding));
  return decoded;
}

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
