// An export of the API (GET /api/v1/audit/export), whose events the log's key has signed together, and what
// that shows to who has nothing but the verifier key. Pure; takes hostile text.
#pragma once

#include <cstdint>
#include <string>

#include "operator/cli/commands/log/trusted_log.h"
#include "operator/cli/output/output.h"

namespace storagepool::cli {

struct SignedExport {
  std::int64_t events = 0;
  std::string exported_at{};
  std::string filters{};  // JSON
};

// Whether the text is one, as far as its beginning tells.
bool is_signed_export(std::string_view text);
// What the log's key has signed; or why the text is not that.
tl::expected<SignedExport, std::string> verify_signed_export(TrustedLog& log, const std::string& text);

// In words: what is proven, and what is not.
std::string report(const SignedExport& exported, const std::string& origin);
Json to_json(const SignedExport& exported, const std::string& origin);

}  // namespace storagepool::cli
