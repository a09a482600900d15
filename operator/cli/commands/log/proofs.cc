#include "operator/cli/commands/log/proofs.h"

#include <algorithm>
#include <array>

#include <simdjson.h>

#include "pool/common/encoding/sha256.h"
#include "pool/common/json/json.h"
#include "pool/common/tlog/checkpoint.h"
#include "pool/common/tlog/inclusion_proof.h"

namespace storagepool::cli {
namespace {

// Of the layout of an entry (pool/evidence/entry.h): the SHA-256 of the head ends it.
constexpr std::size_t kEntryBytes = 67;
constexpr std::size_t kHeadDigestAt = 35;
// Members of an item that its head does not have, or has as a digest.
constexpr std::array<std::string_view, 4> kOfItemAlone{"event_date", "event_data", "error_message", "proof"};
constexpr std::array<std::string_view, 3> kOfHeadAlone{"salt", "event_data_sha256", "error_message_sha256"};

template <std::size_t n>
bool is_one_of(const std::array<std::string_view, n>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string_view trimmed(std::string_view text) {
  const auto end = text.find_last_not_of(" \t\r\n");
  return text.substr(0, end == std::string_view::npos ? 0 : end + 1);
}

// The text of event_data as it stands in the item, empty where there is none; nothing where a member is there
// twice, of which readers may show either.
std::optional<std::string> raw_data(const std::string& line, const Json& item) {
  const simdjson::padded_string padded(line);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS) return std::nullopt;
  if (document.get_object().get(object) != simdjson::SUCCESS) return std::nullopt;
  std::string data;
  std::size_t members = 0;
  for (auto field : object) {
    std::string_view name;
    std::string_view raw;
    if (field.unescaped_key().get(name) != simdjson::SUCCESS) return std::nullopt;
    const bool is_data = name == "event_data";
    if (simdjson::to_json_string(field.value()).get(raw) != simdjson::SUCCESS) return std::nullopt;
    if (is_data) data = trimmed(raw);
    ++members;
  }
  return members == item.size() ? std::optional(data) : std::nullopt;
}

// Without insignificant white space.
std::optional<std::string> compact(const std::string& text) {
  std::string result(text.size(), '\0');
  std::size_t size = 0;
  if (simdjson::minify(text.data(), text.size(), result.data(), size) != simdjson::SUCCESS)
    return std::nullopt;
  result.resize(size);
  return result;
}

struct Logged {
  std::string entry{};
  std::string head{};  // empty: not shown to who asked for the proof
  std::uint64_t index = 0;
  tlog::Checkpoint checkpoint{};
  tlog::Note note{};  // that the checkpoint is of
};

// What the log has, by the proof.
tl::expected<Logged, std::string> logged(TrustedLog& log, std::string_view text) {
  const auto refuse = [](const char* why) { return tl::unexpected(std::string(why)); };
  const auto proof = tlog::InclusionProof::read(text);
  if (!proof) return tl::unexpected(proof.error());
  const auto checkpoint = log.checkpoint(proof->checkpoint);
  if (!checkpoint) return tl::unexpected(checkpoint.error());
  if (proof->extra.size() < kEntryBytes) return refuse("the proof has no entry");
  Logged found{.entry = proof->extra.substr(0, kEntryBytes),
               .head = proof->extra.substr(kEntryBytes),
               .index = proof->index,
               .checkpoint = *checkpoint,
               .note = proof->checkpoint};
  tlog::Hasher hasher;
  if (!tlog::verify_inclusion(hasher, hasher.leaf(found.entry), proof->index, checkpoint->size, proof->path,
                              checkpoint->root)) {
    return refuse("the path does not lead from the entry to the checkpoint's root");
  }
  const auto digest = encoding::sha256(found.head);
  const bool same = std::equal(digest.begin(), digest.end(), found.entry.begin() + kHeadDigestAt,
                               [](std::uint8_t a, char b) { return a == static_cast<std::uint8_t>(b); });
  if (!found.head.empty() && !same)
    return refuse("the entry is of another event than the one it is shown with");
  return found;
}

// Whether what is shown stands for the payload that was logged, and is nothing else.
bool is_erased(const Json& item, const Json& head) {
  Json expected{{"erased", true}, {"event_data_sha256", json::member(head, "event_data_sha256")}};
  if (head.contains("error_message_sha256"))
    expected["error_message_sha256"] = head.at("error_message_sha256");
  return json::member(item, "event_data") == expected && json::member(item, "error_message").is_null();
}

// Where the item is not the one of the head; nothing where it is.
std::optional<std::string> difference(const std::string& line, const Json& item, const Json& head) {
  for (const auto& [name, value] : head.items()) {
    if (is_one_of(kOfHeadAlone, name)) continue;
    if (json::member(item, name) != value) return name + " is not as it was logged";
  }
  for (const auto& [name, value] : item.items()) {
    if (!is_one_of(kOfItemAlone, name) && !value.is_null() && !head.contains(name))
      return name + " was not logged";
  }
  const auto digest_is = [&](const char* name, const std::optional<std::string>& text) {
    const Json& logged = json::member(head, name);
    return text ? logged == encoding::sha256_hex(*text) : logged.is_null();
  };
  const auto raw = raw_data(line, item);
  if (!raw) return "it has a member twice";
  if (is_erased(item, head)) return std::nullopt;
  const auto data = raw->empty() || *raw == "null" ? std::nullopt : compact(*raw);
  if (!digest_is("event_data_sha256", data)) return "event_data is not as it was logged";
  std::optional<std::string> message;
  if (const Json& shown = json::member(item, "error_message"); shown.is_string())
    message = shown.get<std::string>();
  if (!digest_is("error_message_sha256", message)) return "error_message is not as it was logged";
  return std::nullopt;
}

}  // namespace

tl::expected<RawPage, std::string> read_page(const std::string& body) {
  const auto refuse = [] { return tl::unexpected(std::string("the answer is no page of events")); };
  const simdjson::padded_string padded(body);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  simdjson::ondemand::array data;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS) return refuse();
  RawPage page;
  if (document["data"].get_array().get(data) != simdjson::SUCCESS) return refuse();
  for (auto element : data) {
    std::string_view raw;
    simdjson::ondemand::object object;
    if (element.get_object().get(object) != simdjson::SUCCESS) return refuse();
    if (object.raw_json().get(raw) != simdjson::SUCCESS) return refuse();
    raw = trimmed(raw);
    if (!raw.starts_with('{') || !raw.ends_with('}')) return refuse();
    page.items.emplace_back(raw);
    const Json item = Json::parse(raw, nullptr, false);
    if (item.is_discarded()) return refuse();
    page.event_ids.push_back(json::text_at(item, "/event_id"));
  }
  std::string_view next;
  document.rewind();
  if (document["pagination"]["next"].get_string().get(next) == simdjson::SUCCESS) page.next = next;
  document.rewind();
  if (document["next"].get_string().get(next) == simdjson::SUCCESS) page.next = next;
  return page;
}

std::string proven_line(std::string item, const std::string& proof) {
  item.pop_back();
  return item + (item.size() > 1 ? "," : "") + "\"proof\":" + Json(proof).dump() + "}";
}

std::string last_line(std::int64_t events, std::int64_t proven) {
  return Json{{"export", {{"events", events}, {"proven", proven}}}}.dump();
}

Verifier::Verifier(const tlog::NoteKey& key, std::span<const tlog::NoteKey> witnesses, std::string workspace)
    : key_(key), witnesses_(witnesses), log_(key, std::move(workspace)) {
  for (const tlog::NoteKey& witness : witnesses_)
    verdict_.witnesses.push_back({.witness = witness.name(), .events = 0, .last = {}});
}

void Verifier::expect(std::string_view answer) {
  auto promise = Promise::read(answer, key_, log_.workspace());
  if (!promise) verdict_.wrong_receipt = promise.error();
  if (promise) promise_ = *std::move(promise);
}

void Verifier::count() {
  if (promise_) promise_->has(entry_);
  for (std::size_t i = 0; i < cosigned_.size(); ++i) {
    if (!cosigned_[i]) continue;
    Cosigned& witness = verdict_.witnesses[i];
    ++witness.events;
    witness.last = std::max(witness.last, cosigned_[i]);
  }
}

tl::expected<std::string, std::string> Verifier::proof(std::string_view text) {
  auto found = logged(log_, text);
  if (!found) return tl::unexpected(found.error());
  cosigned_.clear();
  for (const tlog::NoteKey& witness : witnesses_) {
    const auto verified = witness.verify(found->note);
    cosigned_.push_back(verified ? verified->at : std::nullopt);
  }
  if (found->head.empty()) {
    return tl::unexpected(
        std::string("the log has the entry, but what it is of was not shown: the proof was asked for "
                    "without the scope read or, of a sensitive event, sensitive"));
  }
  verdict_.size = std::max(verdict_.size, found->checkpoint.size);
  entry_ = std::move(found->entry);
  index_ = found->index;
  shown_ = {found->checkpoint.size, found->checkpoint.root};
  return std::move(found->head);
}

void Verifier::event(const std::string& line, const Json& item) {
  ++verdict_.events;
  const std::string event_id = json::text_at(item, "/event_id");
  const auto note = [&](std::int64_t& count, std::string why) {
    ++count;
    if (verdict_.findings.size() < kMostFindings)
      verdict_.findings.push_back({lines_, event_id, std::move(why)});
  };
  const Json& text = json::member(item, "proof");
  if (!text.is_string()) return note(verdict_.unproven, "it has no proof");
  const auto head = proof(text.get_ref<const std::string&>());
  if (!head) return note(verdict_.wrong, head.error());
  const Json members = Json::parse(*head, nullptr, false);
  if (!members.is_object()) return note(verdict_.wrong, "what was logged is no item");
  if (auto why = difference(line, item, members)) return note(verdict_.wrong, std::move(*why));
  const auto before = roots_.insert(shown_).first;
  if (before->second != shown_.second)
    return note(verdict_.wrong, "the log's key has signed another log of as many entries");
  ++verdict_.proven;
  indices_.push_back(index_);
  count();
  verdict_.erased += is_erased(item, members) ? 1 : 0;
}

void Verifier::line(std::string_view given) {
  ++lines_;
  const std::string text(trimmed(given));
  if (text.empty()) return;
  Json item = Json::parse(text, nullptr, false);
  if (!item.is_object()) {
    if (verdict_.incomplete.empty())
      verdict_.incomplete = "line " + std::to_string(lines_) + " is no JSON object";
  } else if (item.size() == 1 && item.contains("export")) {
    last_ = std::move(item);
  } else if (item.size() == 1 && item.contains("anchor")) {
    anchor_ = std::move(item["anchor"]);
  } else {
    event(text, item);
  }
}

tl::expected<Anchored, std::string> Verifier::judge_anchor() const {
  const auto refuse = [](const std::string& why) { return tl::unexpected(why); };
  const auto anchor = read_anchor(*anchor_);
  if (!anchor) return refuse(anchor.error());
  Verifier database(key_, witnesses_);
  database.line(anchor->event);
  ProofVerdict found = std::move(database).verdict();
  if (found.proven != 1)
    return refuse("its event is not proven: " +
                  (found.findings.empty() ? "it is none" : found.findings.front().why));
  const Json item = Json::parse(anchor->event, nullptr, false);
  // What somebody has sent has the address that it came from.
  if (json::text_at(item, "/event_type") != kAnchored || !json::member(item, "received_from").is_null())
    return refuse("its event is none by which a pod tells where logs are");
  const auto then = anchored_in(item, log_.key().name());
  if (!then) return refuse("its event has nothing of this log");
  Roots roots = roots_;
  const auto at = roots.insert(*then).first;
  if (at->second != then->second)
    return refuse("it has another log of as many entries as one that proves these events");
  if (!continues(roots, anchor->steps))
    return refuse("it does not show that the log that it has and those that prove these events are one");
  Anchored anchored{.event_id = json::text_at(item, "/event_id"),
                    .at = json::text_at(item, "/received_at"),
                    .size = then->first};
  anchored.events = std::ranges::count_if(indices_, [&](std::uint64_t index) { return index < then->first; });
  anchored.witnesses = std::move(found.witnesses);
  return anchored;
}

ProofVerdict Verifier::verdict() && {
  verdict_.origin = log_.origin();
  if (log_.is_of_workspace()) verdict_.database = key_.name();
  verdict_.has_anchor = anchor_.has_value();
  if (promise_) verdict_.promised = promise_->verdict();
  if (anchor_ && log_.is_of_workspace() && verdict_.proven > 0) {
    auto anchored = judge_anchor();
    if (!anchored) verdict_.wrong_anchor = anchored.error();
    if (anchored) verdict_.anchored = *std::move(anchored);
  }
  if (!verdict_.incomplete.empty()) return std::move(verdict_);
  if (!last_) {
    verdict_.incomplete = "its last line is missing: it was cut off, or made without --proofs";
  } else if (json::integer_at(*last_, "/export/events", -1) != verdict_.events) {
    verdict_.incomplete = "its last line tells of " +
                          std::to_string(json::integer_at(*last_, "/export/events", -1)) +
                          " events: lines were added or taken away";
  }
  return std::move(verdict_);
}

}  // namespace storagepool::cli
