// What the program starts with: the configuration in force, from the mounted file, what was persisted and the
// environment.
#pragma once

#include <string>

#include <tl/expected.hpp>

#include "pool/service/config/config_source.h"
#include "pool/service/config/options.h"

namespace storagepool::service {

struct Startup {
  InForce in_force;
  settings::Given environment;
};

std::string persisted_config_file(const Options& options);

// The error says which source is not usable and why. A persisted configuration that cannot be used is logged
// and left out.
tl::expected<Startup, std::string> read_startup(const Options& options);

}  // namespace storagepool::service
