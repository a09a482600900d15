#include "pool/postgres/testing/certificates.h"

#include <string>
#include <utility>
#include <vector>

#include "pool/postgres/testing/process.h"

namespace storagepool::postgres::testing {

namespace fs = std::filesystem;

void make_certificates(const fs::path& folder, const fs::path& log) {
  const auto path = [&](const char* name) { return (folder / name).string(); };
  const std::vector<std::string> common = {
      "openssl", "req",   "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
      "-nodes",  "-days", "2"};
  const auto request = [&](std::vector<std::string> more) {
    more.insert(more.begin(), common.begin(), common.end());
    run_program(more, log);
  };
  request({"-subj", "/CN=test CA", "-keyout", path("ca.key"), "-out", path("ca.crt")});
  request({"-subj", "/CN=other CA", "-keyout", path("other_ca.key"), "-out", path("other_ca.crt")});
  request({"-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext",
           "basicConstraints=critical,CA:FALSE", "-CA", path("ca.crt"), "-CAkey", path("ca.key"), "-keyout",
           path("server.key"), "-out", path("server.crt")});
  fs::permissions(folder / "server.key", fs::perms::owner_read | fs::perms::owner_write);
}

}  // namespace storagepool::postgres::testing
