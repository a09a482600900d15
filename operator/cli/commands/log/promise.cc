#include "operator/cli/commands/log/promise.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

#include "pool/common/encoding/encoding.h"
#include "pool/common/json/json.h"
#include "pool/common/tlog/note.h"
#include "pool/common/tlog/proofs.h"

namespace storagepool::cli {
namespace {

constexpr std::string_view kReceiptForm = "storagepool.dev/receipt/v1";
constexpr std::string_view kOwnDatabase = "_system";
// Of the layout of an entry (pool/evidence/entry.h): its event's id, and the tag, which another key makes
// another.
constexpr std::size_t kPromisedBytes = 67;
constexpr std::size_t kTagAt = 27;
constexpr std::size_t kTagEnds = 35;

std::string without_tag(std::string_view entry) {
  return std::string(entry.substr(0, kTagAt)) + std::string(entry.substr(kTagEnds));
}

std::string event_id_of(std::string_view entry) {
  std::string id = encoding::encode_hex(entry.substr(1, 16));
  for (const std::size_t at : {8U, 13U, 18U, 23U}) id.insert(at, "-");
  return id;
}

std::optional<tlog::Hash> hash_of(const std::string& base64) {
  tlog::Hash hash{};
  const auto bytes = encoding::decode_base64(base64);
  if (!bytes || bytes->size() != hash.size()) return std::nullopt;
  std::ranges::copy(*bytes, hash.begin());
  return hash;
}

// Up to the next line's end, which is taken away too.
std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

}  // namespace

tl::expected<Promise, std::string> Promise::read(std::string_view answer, const tlog::NoteKey& key,
                                                 std::string_view workspace) {
  const auto refuse = [](const std::string& why) { return tl::unexpected(why); };
  const Json body = Json::parse(answer, nullptr, false);
  const Json& receipt = json::member(body, "receipt");
  if (!receipt.is_object()) return refuse("the answer has none");
  const auto note = tlog::Note::read(json::text_at(receipt, "/note"));
  if (!note) return refuse(note.error());
  if (!key.verify(*note)) return refuse("it is not signed by the log's key");
  std::string_view text = note->text;
  if (take_line(text) != kReceiptForm) return refuse("what is signed is no receipt");
  if (take_line(text) != key.name()) return refuse("it is of another log");
  Promise promise;
  promise.receipt_.place = take_line(text);
  if (promise.receipt_.place != (workspace.empty() ? kOwnDatabase : workspace))
    return refuse("it is of " + promise.receipt_.place);
  promise.receipt_.state = take_line(text);
  promise.receipt_.at = take_line(text);
  const std::string_view calls = take_line(text);
  std::uint64_t size = 0;
  const auto number = std::from_chars(calls.data(), calls.data() + calls.size(), size);
  const auto root = hash_of(std::string(take_line(text)));
  if (number.ec != std::errc() || number.ptr != calls.data() + calls.size() || !root || !text.empty())
    return refuse("what is signed cannot be read");

  std::string entries;
  for (const Json& one : json::member(receipt, "entries")) {
    const auto entry = encoding::decode_base64(one.is_string() ? one.get<std::string>() : "");
    if (!entry || entry->size() != kPromisedBytes) return refuse("it has an entry that is none");
    entries += *entry;
    promise.logged_.emplace(without_tag(*entry), false);
  }
  if (entries.empty()) return refuse("it has no entry");
  tlog::Proof path;
  for (const Json& one : json::member(receipt, "path")) {
    const auto hash = hash_of(one.is_string() ? one.get<std::string>() : "");
    if (!hash) return refuse("its path cannot be read");
    path.push_back(*hash);
  }
  const auto index = json::integer_at(receipt, "/index", -1);
  tlog::Hasher hasher;
  const bool leads =
      index >= 0 && tlog::verify_inclusion(hasher, hasher.leaf(entries), static_cast<std::uint64_t>(index),
                                           size, path, *root);
  if (!leads) return refuse("its entries are not what was signed");
  return promise;
}

void Promise::has(std::string_view entry) {
  const auto found = logged_.find(without_tag(entry));
  if (found != logged_.end()) found->second = true;
}

Promised Promise::verdict() const {
  Promised verdict = receipt_;
  verdict.events = static_cast<std::int64_t>(logged_.size());
  for (const auto& [entry, logged] : logged_)
    if (!logged) verdict.missing.push_back(event_id_of(entry));
  return verdict;
}

}  // namespace storagepool::cli
