// datastorage: the program in every managed pod. See pool/service/app.h.
#include <malloc.h>

#include <exception>
#include <iostream>

#include "pool/common/runtime/descriptors.h"
#include "pool/common/runtime/log.h"
#include "pool/postgres/connect.h"
#include "pool/service/app.h"
#include "pool/service/config/options.h"

int main(int argc, char** argv) {
  mallopt(M_ARENA_MAX, 1);  // one thread does most of the work; further arenas would only hold memory
  storagepool::runtime::use_all_descriptors();
  try {
    storagepool::postgres::forget_libpq_environment();
    const auto options = storagepool::service::parse_options(argc, argv, std::cout, std::cerr);
    if (!options) return options.error();
    storagepool::log::configure("datastorage", options->log_level);
    return storagepool::service::run(*options);
  } catch (const std::exception& error) {
    storagepool::log::error("unexpected failure", {{"detail", error.what()}});
    return 1;
  }
}
