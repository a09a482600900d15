#include "operator/witness/record.h"

#include <utility>

#include "operator/kube/object.h"
#include "operator/render/render.h"
#include "pool/common/json/json.h"

namespace storagepool::witness {

std::string record_name(const std::string& uid) {
  return "storagepool-log-" + uid;
}

kube::Json write_record(const Record& record, const std::string& name_space, const std::string& witness) {
  return {{"metadata",
           {{"name", record_name(record.uid)},
            {"namespace", name_space},
            {"labels", {{"storagepool.dev/log-floor", "true"}, {"app.kubernetes.io/name", "storagepool"}}}}},
          {"data",
           {{"namespace", record.pool.name_space},
            {"name", record.pool.name},
            {"uid", record.uid},
            {"checkpoint", record.floor.note.write()},
            {"vkey", record.floor.vkey},
            {"before", record.floor.before},
            {"witness", witness}}}};
}

tl::expected<Record, std::string> read_record(const kube::Json& config_map) {
  const std::string name = render::log_origin({.name_space = json::text_at(config_map, "/data/namespace"),
                                               .name = json::text_at(config_map, "/data/name"),
                                               .uid = {}});
  auto floor = read_floor(json::text_at(config_map, "/data/checkpoint"),
                          json::text_at(config_map, "/data/vkey"), name);
  if (!floor) return tl::unexpected("data.checkpoint: " + floor.error());
  Record record{
      .pool = {json::text_at(config_map, "/data/namespace"), json::text_at(config_map, "/data/name")},
      .uid = json::text_at(config_map, "/data/uid"),
      .floor = *std::move(floor)};
  record.floor.before = json::text_at(config_map, "/data/before");
  if (record.pool.name_space.empty() || record.pool.name.empty() ||
      kube::key_of(config_map).name != record_name(record.uid))
    return tl::unexpected(std::string("data.namespace, data.name and data.uid are not of a StoragePool"));
  return record;
}

}  // namespace storagepool::witness
