#include "pool/service/tls_files.h"

#include <utility>

#include "pool/common/runtime/files.h"
#include "pool/common/runtime/log.h"

namespace storagepool::service {
namespace {

constexpr std::size_t kMaxPemBytes = std::size_t{1} << 20;  // as a Secret at most

}  // namespace

std::optional<http::TlsMaterial> TlsFiles::read() {
  http::TlsMaterial material;
  const auto take = [&](const std::string& path, std::string& into) {
    auto text = runtime::read_file(path, kMaxPemBytes);
    if (!text) {
      refusal_ = text.error();
      return false;
    }
    into = std::move(*text);
    return true;
  };
  if (!take(dir_ + "/tls.crt", material.certificate) || !take(dir_ + "/tls.key", material.key))
    return std::nullopt;
  if (!client_ca_file_.empty() && !take(client_ca_file_, material.client_ca)) return std::nullopt;
  return material;
}

std::shared_ptr<const http::TlsContext> TlsFiles::look() {
  const std::string refused_before = refusal_;
  std::shared_ptr<const http::TlsContext> next;
  if (auto material = read()) {
    if (*material == seen_) return nullptr;
    auto context = http::TlsContext::make(*material);
    seen_ = std::move(*material);
    refusal_ = context ? "" : context.error();
    if (context) next = std::move(*context);
  } else {
    seen_ = {};  // judged anew when it can be read again
  }
  if (next) {
    in_force_ = true;
    log::info("new connections to the API use the certificate that is mounted now");
  } else if (refusal_ != refused_before) {
    log::warn("the certificate that is mounted is not used", {{"detail", refusal_}, {"serving", in_force_}});
  }
  return next;
}

}  // namespace storagepool::service
