// storagepool-operator: the operator's program. See operator/manager/manager.h.
#include <malloc.h>

#include <cstdlib>
#include <exception>
#include <iostream>

#include "operator/manager/check.h"
#include "operator/manager/manager.h"
#include "operator/manager/options.h"
#include "operator/manager/sign.h"
#include "pool/common/runtime/descriptors.h"
#include "pool/common/runtime/log.h"

int main(int argc, char** argv) {
  mallopt(M_ARENA_MAX, 1);  // threads that wait for the network; arenas of their own would only hold memory
  // Lists and watches bring single large bodies: back to the system with them, instead of raising the heap
  // for good.
  constexpr int kLargeBlockBytes = 64 * 1024;
  mallopt(M_MMAP_THRESHOLD, kLargeBlockBytes);
  mallopt(M_TRIM_THRESHOLD, kLargeBlockBytes);
  storagepool::runtime::use_all_descriptors();
  // cpprestsdk loads the system's 140 authorities into every connection before the cluster's own replaces
  // them (operator/kube/transport/tls.h): milliseconds and megabytes for nothing.
  setenv("SSL_CERT_FILE", "/dev/null", 1);
  setenv("SSL_CERT_DIR", "/dev/null", 1);
  try {
    const auto options = storagepool::manager::parse_options(argc, argv, std::cout, std::cerr);
    if (!options) return options.error();
    storagepool::log::configure("storagepool-operator", options->log_level);
    if (options->to_sign) return storagepool::manager::print_token(*options, std::cout, std::cerr);
    if (options->to_check) return storagepool::manager::check(*options, std::cout, std::cerr);
    return storagepool::manager::run(*options);
  } catch (const std::exception& error) {
    storagepool::log::error("unexpected failure", {{"detail", error.what()}});
    return 1;
  }
}
