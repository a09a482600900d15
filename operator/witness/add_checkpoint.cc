#include "operator/witness/add_checkpoint.h"

#include <charconv>
#include <string_view>
#include <utility>

namespace storagepool::witness {
namespace {

constexpr std::string_view kSizeType = "text/x.tlog.size";

Heard heard(Worth worth, std::string why) {
  return {.worth = worth, .why = std::move(why)};
}

std::string in_entries(std::uint64_t size) {
  return std::to_string(size) + (size == 1 ? " entry" : " entries");
}

// Decimal, without zeros in front, and a line's end.
std::optional<std::uint64_t> read_size(const WitnessAnswer& answer) {
  if (!answer.content_type.starts_with(kSizeType)) return std::nullopt;
  std::string_view text = answer.body;
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.size() > 1 && text.starts_with('0')) return std::nullopt;
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return size;
}

Heard read_cosignature(const WitnessAnswer& answer, const Submission& asked, const tlog::NoteKey& witness,
                       runtime::Timestamp now) {
  const auto lines = tlog::Note::read(asked.note.text + "\n" + answer.body);
  if (!lines) return heard(Worth::kUnusable, "it answers with no cosignatures");
  std::string why = "none of the cosignatures in its answer is of its key, and good";
  for (const tlog::NoteSignature& one : lines->signatures) {
    const auto good = witness.verify({.text = asked.note.text, .signatures = {one}});
    if (!good || !good->at) continue;
    // Far from any time that can be told as a time of ours.
    const auto seconds = good->at->time_since_epoch();
    const auto earliest = std::chrono::floor<std::chrono::seconds>(asked.since - kClockTolerance);
    const auto latest = std::chrono::floor<std::chrono::seconds>(now + kClockTolerance);
    if (seconds < earliest.time_since_epoch() || seconds > latest.time_since_epoch()) {
      why = "its clock is wrong by more than an hour: it says that it has cosigned at " +
            std::to_string(seconds.count()) + " seconds of Unix time";
      continue;
    }
    return {.worth = Worth::kCosigned, .why = {}, .cosignature = one, .at = runtime::Timestamp(*good->at)};
  }
  return heard(Worth::kUnusable, std::move(why));
}

Heard read_conflict(const WitnessAnswer& answer, const Submission& asked) {
  const auto size = read_size(answer);
  if (size && *size != asked.old_size)
    return {.worth = Worth::kElsewhere,
            .why = "it has cosigned the log with " + in_entries(*size) + " last",
            .cosignature = {},
            .at = {},
            .size = *size};
  if (asked.old_size == asked.size)
    return heard(Worth::kInconsistent,
                 "it has cosigned another root hash at the log's size of " + std::to_string(asked.size));
  return heard(Worth::kUnusable, "it says that it has cosigned another size, and not which");
}

}  // namespace

const char* name_of(Worth worth) {
  switch (worth) {
    case Worth::kCosigned:
      return "cosigned";
    case Worth::kElsewhere:
      return "elsewhere";
    case Worth::kInconsistent:
      return "inconsistent";
    case Worth::kRefused:
      return "refused";
    case Worth::kUnusable:
      return "unusable";
    case Worth::kFailed:
      break;
  }
  return "failed";
}

// With the log's own signature alone: a witness looks for no other.
Submission submission_of(const Floor& floor, runtime::Timestamp since) {
  Submission submission{.old_size = 0,
                        .proof = {},
                        .note = {.text = floor.note.text, .signatures = {}},
                        .size = floor.checkpoint.size,
                        .epoch = floor.epoch,
                        .since = since};
  for (const tlog::NoteSignature& one : floor.note.signatures)
    if (one.name == floor.checkpoint.origin) submission.note.signatures.push_back(one);
  return submission;
}

std::string write_body(const Submission& submission) {
  std::string body = "old " + std::to_string(submission.old_size) + "\n";
  for (const std::string& hash : submission.proof) body += hash + "\n";
  return body + "\n" + submission.note.write();
}

Heard read_answer(const WitnessAnswer& answer, const Submission& asked, const tlog::NoteKey& witness,
                  runtime::Timestamp now) {
  switch (answer.status) {
    case 200:
      return read_cosignature(answer, asked, witness, now);
    case 403:
      return heard(Worth::kRefused, "it knows another key of the log (403)");
    case 404:
      return heard(Worth::kRefused, "it does not know a log " +
                                        asked.note.text.substr(0, asked.note.text.find('\n')) + " (404)");
    case 409:
      return read_conflict(answer, asked);
    case 422:
      if (asked.old_size == 0) break;
      return heard(Worth::kInconsistent, "it does not find that the log's " + in_entries(asked.size) +
                                             " continue the " + std::to_string(asked.old_size) +
                                             " that it has cosigned");
    default:
      break;
  }
  const std::string status = "it answers " + std::to_string(answer.status);
  const bool passes = answer.status >= 500 || answer.status == 408 || answer.status == 429;
  return heard(passes ? Worth::kFailed : Worth::kRefused, status);
}

}  // namespace storagepool::witness
