#include "pool/service/routes/receipts.h"

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>

#include "pool/common/encoding/encoding.h"
#include "pool/common/http/message/fields.h"
#include "pool/common/runtime/clock.h"
#include "pool/common/settings/comma_list.h"
#include "pool/evidence/entry.h"
#include "pool/ingest/queue.h"
#include "pool/service/routes/answers.h"

namespace storagepool::service {
namespace {

using boost::asio::awaitable;
using nlohmann::ordered_json;

constexpr std::string_view kReceipt = "receipt";

// The name of a preference, without value and parameters.
std::string_view name_of(std::string_view preference) {
  preference = preference.substr(0, preference.find_first_of(";="));
  constexpr std::string_view kBlanks = " \t";
  const std::size_t begin = std::min(preference.find_first_not_of(kBlanks), preference.size());
  preference.remove_prefix(begin);
  return preference.substr(0, preference.find_last_not_of(kBlanks) + 1);
}

std::string base64_of(const tlog::Hash& hash) {
  return encoding::encode_base64({reinterpret_cast<const char*>(hash.data()), hash.size()});
}

// Of the events that are new in the log by this call, in its order; none: it cannot be said yet.
std::vector<std::string> entries_of(const evidence::LogKey& key, std::vector<event::Event>& events,
                                    const recording::Recorded& recorded) {
  std::vector<std::string> entries;
  const auto waits = [](const event::Event& event) { return event.parent_event_id.has_value(); };
  if (recorded.journalled && std::ranges::any_of(events, waits)) return entries;
  evidence::EntryWriter writer(key.keys);
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (!recorded.journalled) {
      const ingest::Stored& stored = recorded.stored.at(i);
      if (!stored.created) continue;
      events[i].parent_event_date = stored.parent_event_date;
    }
    writer.append(entries.emplace_back(), events[i]);
  }
  return entries;
}

}  // namespace

bool prefers_receipt(const http::Request& request) {
  return std::ranges::any_of(request.headers, [](const auto& field) {
    if (!http::equals_ignoring_case(field.first, "Prefer")) return false;
    const auto preferences = settings::split_at_commas(field.second);
    return std::ranges::any_of(
        preferences, [](std::string_view one) { return http::equals_ignoring_case(name_of(one), kReceipt); });
  });
}

std::optional<Receipts::Asked> Receipts::asked(const http::Request& request,
                                               const std::vector<event::Event>& unit) const {
  if (!prefers_receipt(request)) return std::nullopt;
  Key key = key_();
  if (!key || !request.reserve(ingest::load_of(unit).bytes)) return std::nullopt;
  return Asked{std::move(key), unit};
}

awaitable<http::Response> Receipts::add(Asked asked, recording::Recorded recorded, std::string place,
                                        http::Response response) {
  const std::vector<std::string> entries = entries_of(*asked.key, asked.events, recorded);
  if (entries.empty()) co_return response;
  const evidence::Promise promise{std::move(place), recorded.journalled};
  std::string all;
  ordered_json list = ordered_json::array();
  for (const std::string& entry : entries) {
    all += entry;
    list.push_back(encoding::encode_base64(entry));
  }
  std::shared_ptr<Group>& open = open_[promise];
  if (!open) open = std::make_shared<Group>();
  const std::shared_ptr<Group> group = open;
  const std::uint64_t index = group->leaves.size();
  group->leaves.push_back(hasher_.leaf(all));
  // Behind all that are answered now; the first who comes back signs for them.
  co_await boost::asio::post(boost::asio::use_awaitable);
  if (group->note.empty()) close(*group, promise, asked.key);
  ordered_json path = ordered_json::array();
  for (const tlog::Hash& hash : group->tree->path(index)) path.push_back(base64_of(hash));
  const ordered_json receipt = {
      {"note", group->note}, {"index", index}, {"path", std::move(path)}, {"entries", std::move(list)}};
  response.body.pop_back();
  response.body += ",\"receipt\":" + dump(receipt) + "}";
  response.headers.emplace_back("Preference-Applied", kReceipt);
  co_return response;
}

void Receipts::close(Group& group, const evidence::Promise& promise, const Key& key) {
  open_.erase(promise);
  if (!group.tree) group.tree.emplace(hasher_, std::move(group.leaves));
  tlog::Note note{
      .text = evidence::receipt_text(key->signer.name(), promise, runtime::wall_now(), *group.tree),
      .signatures = {}};
  key->sign(note);
  group.note = note.write();
}

}  // namespace storagepool::service
