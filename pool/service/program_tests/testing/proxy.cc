#include "pool/service/program_tests/testing/proxy.h"

#include <csignal>
#include <fstream>
#include <string>
#include <vector>

#include <unistd.h>

#include "pool/common/http/testing/loopback.h"
#include "pool/postgres/testing/process.h"
#include "pool/service/program_tests/testing/pod.h"

namespace storagepool::service::testing {
namespace {

using postgres::testing::fail;

// As many connections to the pod as there are are kept: the default of one or none is no keep-alive at all.
std::string nginx(const std::string& folder, std::uint16_t port, std::uint16_t pod,
                  const std::string& keeps) {
  std::string paths;
  for (const char* path : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
    paths += std::string(path) + "_temp_path " + folder + "/" + path + ";\n";
  return "daemon off;\nmaster_process off;\npid " + folder + "/pid;\nerror_log stderr;\n" +
         "events { worker_connections 16384; }\nhttp {\naccess_log off;\n" + paths +
         "upstream pod { server 127.0.0.1:" + std::to_string(pod) + "; keepalive 8192;" +
         (keeps.empty() ? "" : " keepalive_timeout " + keeps + ";") +
         " }\nserver {\nlisten 127.0.0.1:" + std::to_string(port) +
         " backlog=8192;\nlocation / { proxy_pass http://pod; proxy_http_version 1.1; " +
         "proxy_set_header Connection \"\"; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; " +
         "proxy_bind " + kProxyAddress + "; }\n}\n}\n";
}

// The timeouts are those of Debian's haproxy.cfg.
std::string haproxy(std::uint16_t port, std::uint16_t pod, const std::string& keeps) {
  return "defaults\nmode http\noption forwardfor\ntimeout connect 5s\ntimeout client 50s\ntimeout server "
         "50s\n"
         "frontend clients\nbind 127.0.0.1:" +
         std::to_string(port) +
         " backlog 8192\ndefault_backend pods\nbackend pods\nserver pod 127.0.0.1:" + std::to_string(pod) +
         " source " + kProxyAddress + (keeps.empty() ? "" : " pool-purge-delay " + keeps) + "\n";
}

bool listens(std::uint16_t port) {
  try {
    const http::testing::Client client(port);
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace

Proxy::Proxy(ProxyKind kind, std::uint16_t pod, std::optional<std::chrono::milliseconds> keeps)
    : held_(postgres::testing::hold_port()) {
  const bool is_nginx = kind == ProxyKind::kNginx;
  const std::string file = (folder_ / "conf").string();
  const std::string text = keeps ? std::to_string(keeps->count()) + "ms" : "";
  std::ofstream(file) << (is_nginx ? nginx(folder_.path().string(), held_.port, pod, text)
                                   : haproxy(held_.port, pod, text));
  std::vector<std::string> command = {"setpriv", "--pdeathsig", "KILL"};
  const std::vector<std::string> program =
      is_nginx ? std::vector<std::string>{"/usr/sbin/nginx", "-p", folder_.path().string(), "-c", file}
               : std::vector<std::string>{"/usr/sbin/haproxy", "-db", "-f", file};
  command.insert(command.end(), program.begin(), program.end());
  const auto log = folder_ / "log";
  process_ = postgres::testing::spawn(command, -1, log);
  const bool started = eventually([&] {
    if (postgres::testing::exited(process_))
      fail("the proxy (hack/setup installs it) did not start:\n" + postgres::testing::read_tail(log));
    return listens(held_.port);
  });
  if (!started) fail("the proxy does not listen:\n" + postgres::testing::read_tail(log));
}

Proxy::~Proxy() {
  ::kill(process_, SIGKILL);
  eventually([&] { return postgres::testing::exited(process_); });
  ::close(held_.descriptor);
}

}  // namespace storagepool::service::testing
