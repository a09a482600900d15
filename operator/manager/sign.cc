#include "operator/manager/sign.h"

#include <ostream>
#include <string>

#include "operator/kube/transport/cpprest_transport.h"
#include "operator/manager/operator_key.h"
#include "operator/pods/signer.h"
#include "pool/common/runtime/clock.h"

namespace storagepool::manager {

int print_token(const Options& options, std::ostream& out, std::ostream& error) {
  kube::initialize_http_threads();
  const auto config = kube::load_config(options.kubeconfig);
  const auto transport = config ? kube::make_transport(*config) : tl::unexpected(config.error());
  if (!transport) {
    error << "no way to the Kubernetes API: " << transport.error() << "\n";
    return kUsageError;
  }
  const kube::Client client(**transport, "storagepool-operator");
  const auto key = read_operator_key(client, name_space_of(options, *config));
  if (!key) {
    error << "the operator's key: " << key.error().to_string() << "\n";
    return 1;
  }
  const RequestToSign& request = *options.to_sign;
  out << pods::Signer(*key).token({.pod_uid = request.pod_uid,
                                   .method = request.method,
                                   .path = request.path,
                                   .body = request.body},
                                  runtime::wall_now())
      << "\n";
  return 0;
}

}  // namespace storagepool::manager
