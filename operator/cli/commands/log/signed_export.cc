#include "operator/cli/commands/log/signed_export.h"

#include <simdjson.h>

#include "pool/common/encoding/encoding.h"
#include "pool/common/encoding/sha256.h"
#include "pool/common/json/json.h"

namespace storagepool::cli {
namespace {

constexpr std::string_view kBeginning = "{\"export_metadata\":";
constexpr const char* kForm = "storagepool.dev/export/v1";

// The parts of the text that the signature is of, byte for byte; empty: they are not there.
struct Raw {
  std::string events;
  std::string filters;
};

Raw raw_of(const std::string& text) {
  const simdjson::padded_string padded(text);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  Raw raw;
  std::string_view found;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS) return raw;
  simdjson::ondemand::object filters;
  if (document["export_metadata"]["query_filters"].get_object().get(filters) != simdjson::SUCCESS) return raw;
  if (filters.raw_json().get(found) != simdjson::SUCCESS) return raw;
  raw.filters = found;
  document.rewind();
  simdjson::ondemand::array events;
  if (document["events"].get_array().get(events) != simdjson::SUCCESS) return raw;
  if (events.raw_json().get(found) != simdjson::SUCCESS) return raw;
  raw.events = found;
  return raw;
}

}  // namespace

bool is_signed_export(std::string_view text) {
  return text.starts_with(kBeginning);
}

tl::expected<SignedExport, std::string> verify_signed_export(TrustedLog& log, const std::string& text) {
  const auto refuse = [](const char* why) { return tl::unexpected(std::string(why)); };
  const Json whole = Json::parse(text, nullptr, false);
  const Raw raw = raw_of(text);
  if (!whole.is_object() || raw.events.empty())
    return refuse("it is no whole export: it was cut off, or is none");
  // Of a workspace it says whose log it is.
  if (log.is_of_workspace()) {
    const auto note = tlog::Note::read(json::text_at(whole, "/checkpoint"));
    if (!note) return refuse("its checkpoint cannot be read");
    const auto checkpoint = log.checkpoint(*note);
    if (!checkpoint) return tl::unexpected(checkpoint.error());
  }
  const tlog::NoteKey& key = log.key();
  const Json& metadata = json::member(whole, "export_metadata");
  const auto signature = encoding::decode_base64(json::text_at(metadata, "/signature"));
  if (!signature) return refuse("its signature cannot be read");
  const auto events = static_cast<std::int64_t>(json::member(whole, "events").size());
  const SignedExport exported{.events = json::integer_at(metadata, "/total_events", -1),
                              .exported_at = json::text_at(metadata, "/export_timestamp"),
                              .filters = raw.filters};
  const encoding::Sha256 digest = encoding::sha256(raw.events);
  const std::string sum =
      encoding::encode_base64({reinterpret_cast<const char*>(digest.data()), digest.size()});
  const tlog::Note note{.text = std::string(kForm) + "\n" + key.name() + "\n" + exported.exported_at + "\n" +
                                std::to_string(exported.events) + "\n" + sum + "\n" + exported.filters + "\n",
                        .signatures = {{.name = key.name(), .key_id = key.id(), .bytes = *signature}}};
  if (!key.verify(note))
    return refuse(
        "this key has not signed it as it stands: it was altered, cut short or formatted anew, or is of "
        "another log");
  if (events != exported.events) return refuse("it counts other events than it has");
  return exported;
}

std::string report(const SignedExport& exported, const std::string& origin) {
  return "Proven: the StoragePool of the log " + origin + " exported these " +
         std::to_string(exported.events) + " events at " + exported.exported_at +
         ", in this order, as all that " + exported.filters + " asked for.\n" +
         "Not proven: that each is as it was stored, beyond the StoragePool's word (`events export --proofs` "
         "shows that), who asked, and what a client says of itself (actor_id, event_timestamp).\n";
}

Json to_json(const SignedExport& exported, const std::string& origin) {
  return {{"origin", origin},
          {"events", exported.events},
          {"exported_at", exported.exported_at},
          {"filters", Json::parse(exported.filters, nullptr, false)},
          {"signed", true}};
}

}  // namespace storagepool::cli
