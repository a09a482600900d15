// storagepool-operator: the operator's program. See operator/manager/manager.h.
#include <malloc.h>

#include <exception>
#include <iostream>

#include "operator/manager/manager.h"
#include "operator/manager/options.h"
#include "pool/runtime/log.h"

int main(int argc, char** argv) {
  mallopt(M_ARENA_MAX,
          2);  // a watch's thread needs no arena of its own; further arenas would only hold memory
  try {
    const auto options = storagepool::manager::parse_options(argc, argv, std::cout, std::cerr);
    if (!options) return options.error();
    storagepool::log::configure("storagepool-operator", options->log_level);
    return storagepool::manager::run(*options);
  } catch (const std::exception& error) {
    storagepool::log::error("unexpected failure", {{"detail", error.what()}});
    return 1;
  }
}
