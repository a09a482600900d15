#include "pool/evidence/sealing/state.h"

#include <algorithm>

#include <openssl/crypto.h>

#include "pool/common/runtime/check.h"

namespace storagepool::evidence {
namespace {

// Its first byte is that of a negative number, which is no batch's id.
constexpr std::string_view kOfState = "\xFFstoragepool audit_log 1\n";

// Members that are no numbers have no line's end, but the last, which is told its size.
std::string text_of(const LogState& state) {
  std::string text(kOfState);
  const auto line = [&](const std::string& value) { text.append(value).append("\n"); };
  line(state.origin);
  line(std::to_string(state.epoch));
  line(std::to_string(state.incarnation));
  line(std::to_string(state.last.tx));
  line(std::to_string(state.last.batch));
  line(std::to_string(state.size()));
  line(std::to_string(state.min_index));
  line(std::to_string(state.written_by));
  text += state.frontier.bytes();  // as many as the size says
  if (state.published) line(std::to_string(state.published->size()) + "\n" + *state.published);
  return text;
}

template <std::size_t size>
bool same(const std::array<std::uint8_t, size>& mac, std::string_view other) {
  return other.size() == size && CRYPTO_memcmp(mac.data(), other.data(), size) == 0;
}

Mac mac_of(Authenticator& key, const LogState& state) {
  Mac mac{};
  std::copy_n(key.mac(text_of(state)).begin(), mac.size(), mac.begin());
  return mac;
}

}  // namespace

LogMacs::LogMacs(std::span<const Keys> keys) {
  STORAGEPOOL_INVARIANT(!keys.empty(), "a log without a key");
  for (const Keys& one : keys) {
    keys_.emplace_back(one);
    for (const Keys& earlier : one.earlier) keys_.emplace_back(earlier);
  }
}

Mac LogMacs::of_state(const LogState& state) {
  return mac_of(keys_.front().states, state);
}

bool LogMacs::is_of_state(const LogState& state, std::string_view mac) {
  return std::ranges::any_of(keys_, [&](Key& key) { return same(mac_of(key.states, state), mac); });
}

bool LogMacs::is_of_batch(std::int64_t batch, std::string_view entries, std::string_view mac) {
  return batch >= 0 &&
         std::ranges::any_of(keys_, [&](Key& key) { return same(key.batches.mac(batch, entries), mac); });
}

void LogMacs::add_tags(std::string_view correlation_id, std::set<std::array<std::uint8_t, kTagBytes>>& tags) {
  for (Key& key : keys_) tags.insert(key.batches.tag(correlation_id));
}

tlog::Checkpoint checkpoint_of(const LogState& state, tlog::Hasher& hasher) {
  return {.origin = state.origin, .size = state.size(), .root = state.frontier.root(hasher)};
}

tlog::Note sign(const tlog::Checkpoint& checkpoint, const tlog::NoteKey& key) {
  tlog::Note note{.text = checkpoint.write()};
  note.signatures.push_back(key.sign(note.text, {}));
  return note;
}

}  // namespace storagepool::evidence
