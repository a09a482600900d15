// Takes secrets out of what is handed to others: tokens, keys, passwords. Pure. Rather too much than too
// little: what looks like one goes.
#pragma once

#include <string>

#include "operator/cli/cluster/cluster.h"

namespace storagepool::cli {

inline constexpr const char* kRedacted = "[redacted]";

// Of logs and any other text.
std::string redact_text(const std::string& text);
// Of an object or a list of the API server: data of Secrets, values of environment variables whose name
// speaks of a secret, copies of whole objects in annotations; and each of its texts as redact_text().
Json redact_object(Json object);

}  // namespace storagepool::cli
