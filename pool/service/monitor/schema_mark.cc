#include "pool/service/monitor/schema_mark.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "pool/common/runtime/files.h"
#include "pool/common/runtime/log.h"

namespace storagepool::service {
namespace {

bool exists(const std::string& path) {
  std::error_code ignored;  // what cannot be looked at is not there
  return std::filesystem::exists(path, ignored);
}

}  // namespace

SchemaMark::SchemaMark(std::string path) : path_(std::move(path)), seen_(exists(path_)) {}

void SchemaMark::set() {
  if (seen_) return;
  seen_ = true;
  const auto written = runtime::write_file_durably(path_, "PostgreSQL has had the schema.\n");
  if (!written) {
    log::warn("after a restart it will not be known that PostgreSQL had the schema",
              {{"detail", written.error()}});
  }
}

}  // namespace storagepool::service
