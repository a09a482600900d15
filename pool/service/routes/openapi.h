// The description of this program's HTTP interface: openapi.yaml beside this file, built into the program and
// served at /openapi.yaml. A test proves that it describes every route and every status that they answer.
#pragma once

#include <string_view>

#include "pool/common/http/router.h"

namespace storagepool::service {

std::string_view openapi_document();
void add_openapi_route(http::Router& router);

}  // namespace storagepool::service
