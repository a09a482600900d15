#include "pool/evidence/auditing/progress.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include <openssl/crypto.h>

#include "pool/common/encoding/encoding.h"
#include "pool/common/runtime/check.h"

namespace storagepool::evidence {
namespace {

// Its first byte is that of a negative number, which is no batch's id; the rest differs from audit_log's.
constexpr std::string_view kOfProgress = "\xFFstoragepool audit_progress 1\n";
constexpr std::string_view kForm = "1";

struct Writer {
  std::string text{kForm};
  void take(std::int64_t value) { text.append(" ").append(std::to_string(value)); }
  void take(bool value) { take(std::int64_t{value}); }
  void take(runtime::Timestamp value) { take(std::int64_t{value.time_since_epoch().count()}); }
  void take(AuditProgress::Phase value) { take(static_cast<std::int64_t>(value)); }
};

struct Reader {
  std::string_view text;
  bool good = true;

  std::string_view next() {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return word;
  }
  void take(std::int64_t& value) {
    const std::string_view word = next();
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    good = good && error == std::errc{} && end == word.data() + word.size();
  }
  void take(bool& value) {
    std::int64_t number = 0;
    take(number);
    value = number == 1;
  }
  void take(runtime::Timestamp& value) {
    std::int64_t number = 0;
    take(number);
    value = runtime::Timestamp(std::chrono::microseconds(number));
  }
  void take(AuditProgress::Phase& value) {
    std::int64_t number = 0;
    take(number);
    good = good && number >= 0 && number <= static_cast<std::int64_t>(AuditProgress::Phase::kEnded);
    value = static_cast<AuditProgress::Phase>(number);
  }
};

template <typename Progress, typename Taker>
void take_numbers(Progress& of, Taker& taker) {
  const auto all = [&](auto&... members) { (taker.take(members), ...); };
  all(of.phase, of.began, of.stepped, of.pod, of.log_began, of.size, of.at, of.log_is_altered, of.blocks,
      of.blocks_read, of.heap.partition, of.heap.block, of.heap.offset, of.missing, of.altered_by_key,
      of.altered_in_heap, of.unlogged, of.without_batch, of.late);
}

template <typename Audit, typename Taker>
void take_last(Audit& of, Taker& taker) {
  const auto all = [&](auto&... members) { (taker.take(members), ...); };
  all(of.began, of.ended, of.entries, of.missing, of.altered, of.unlogged, of.without_batch, of.late);
}

}  // namespace

std::string AuditProgress::write() const {
  Writer writer;
  take_numbers(*this, writer);
  writer.take(last.has_value());
  if (last) take_last(*last, writer);
  writer.take(static_cast<std::int64_t>(frontier.size()));
  return writer.text + " " + encoding::encode_hex(frontier.bytes());
}

std::optional<AuditProgress> AuditProgress::read(std::string_view text) {
  Reader reader{text};
  if (reader.next() != kForm) return std::nullopt;
  AuditProgress progress;
  take_numbers(progress, reader);
  bool has_last = false;
  reader.take(has_last);
  if (has_last) take_last(progress.last.emplace(), reader);
  std::int64_t size = -1;
  reader.take(size);
  const auto bytes = encoding::decode_hex(reader.next());
  if (!reader.good || size < 0 || !bytes || !reader.text.empty()) return std::nullopt;
  auto frontier = tlog::Frontier::read(static_cast<std::uint64_t>(size), *bytes);
  if (!frontier) return std::nullopt;
  progress.frontier = *std::move(frontier);
  return progress;
}

void AuditProgress::count(Finding finding) {
  switch (finding) {
    case Finding::kFine:
      return;
    case Finding::kMissing:
      ++missing;
      return;
    case Finding::kAltered:
      ++(phase == Phase::kEntries ? altered_by_key : altered_in_heap);
      return;
    case Finding::kUnlogged:
      ++unlogged;
      return;
    case Finding::kLate:
      ++late;
      [[fallthrough]];
    case Finding::kWithoutBatch:
      ++without_batch;
      return;
  }
}

AuditProgress begin_pass(const std::optional<AuditProgress>& before, runtime::Timestamp now,
                         std::int64_t size, runtime::Timestamp log_began, std::int64_t blocks) {
  return {.began = now,
          .log_began = log_began,
          .size = size,
          .blocks = blocks,
          .last = before ? before->last : std::nullopt};
}

std::int64_t end_pass(AuditProgress& progress, runtime::Timestamp now) {
  STORAGEPOOL_INVARIANT(progress.phase == AuditProgress::Phase::kRows, "an audit that ends too early");
  const std::int64_t known = progress.last ? progress.last->late : 0;
  const std::int64_t more = std::max<std::int64_t>(0, progress.late - known);
  progress.phase = AuditProgress::Phase::kEnded;
  progress.last = FullAudit{.began = progress.began,
                            .ended = now,
                            .entries = progress.size,
                            .missing = progress.missing,
                            .altered = progress.altered(),
                            .unlogged = progress.unlogged + more,
                            .without_batch = progress.without_batch,
                            .late = progress.late};
  return more;
}

ProgressMac::ProgressMac(const Keys& keys, std::string_view name)
    : before_(std::string(kOfProgress).append(name).append("\n")) {
  keys_.emplace_back(keys.mac);
  for (const Keys& earlier : keys.earlier) keys_.emplace_back(earlier.mac);
}

std::string ProgressMac::of(std::string_view text) {
  const Sha256 mac = keys_.front().mac(before_, text);
  return {mac.begin(), mac.begin() + kMacBytes};
}

bool ProgressMac::is_of(std::string_view text, std::string_view mac) {
  return mac.size() == kMacBytes && std::ranges::any_of(keys_, [&](Authenticator& key) {
           return CRYPTO_memcmp(key.mac(before_, text).data(), mac.data(), kMacBytes) == 0;
         });
}

}  // namespace storagepool::evidence
