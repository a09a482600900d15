#include "operator/cli/commands/log/proof_verdict.h"

#include "pool/common/runtime/timestamp.h"

namespace storagepool::cli {
namespace {

std::string amount_of(std::int64_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

// `who`: which events, with their verb.
std::string said_by(const Cosigned& witness, const std::string& who) {
  if (witness.events == 0)
    return "Not cosigned by " + witness.witness + ": others may have been shown another log.\n";
  return "Cosigned: " + who + " in a checkpoint that " + witness.witness + " has cosigned (last at " +
         runtime::format_seconds(*witness.last) +
         "), which cosigns no log that does not continue what it has cosigned before.\n";
}

std::string of_anchor(const ProofVerdict& verdict) {
  if (!verdict.wrong_anchor.empty())
    return "WRONG: what the export has of the log " + verdict.database + ": " + verdict.wrong_anchor + ".\n";
  if (!verdict.anchored)
    return "Not anchored: nothing shows that the log " + verdict.database +
           " tells of this one; others may have been shown another.\n";
  const Anchored& anchored = *verdict.anchored;
  std::string text = "Anchored: " + std::to_string(anchored.events) + " of " +
                     std::to_string(verdict.proven) + " are among the first " +
                     amount_of(static_cast<std::int64_t>(anchored.size), "entry", "entries") +
                     ", which the log " + verdict.database + " has in its event " + anchored.event_id + " (" +
                     anchored.at + ").\n";
  for (const Cosigned& witness : anchored.witnesses) text += said_by(witness, "that event is");
  return text;
}

Json to_json(const std::vector<Cosigned>& witnesses) {
  Json all = Json::array();
  for (const Cosigned& witness : witnesses) {
    all.push_back({{"witness", witness.witness}, {"events", witness.events}});
    if (witness.last) all.back()["last"] = runtime::format_seconds(*witness.last);
  }
  return all;
}

Json to_json(const Promised& promised) {
  return {{"place", promised.place},
          {"state", promised.state},
          {"at", promised.at},
          {"events", promised.events},
          {"missing", promised.missing}};
}

Json to_json(const std::optional<Anchored>& anchored) {
  if (!anchored) return nullptr;
  return {{"event_id", anchored->event_id},
          {"at", anchored->at},
          {"size", anchored->size},
          {"events", anchored->events},
          {"witnesses", to_json(anchored->witnesses)}};
}

}  // namespace

std::string report(const std::vector<Cosigned>& witnesses, std::int64_t proven) {
  std::string text;
  for (const Cosigned& witness : witnesses)
    text += said_by(witness, std::to_string(witness.events) + " of " + std::to_string(proven) + " are");
  return text;
}

std::string report_promise(const ProofVerdict& verdict) {
  if (!verdict.wrong_receipt.empty()) return "WRONG: the receipt: " + verdict.wrong_receipt + ".\n";
  if (!verdict.promised) return {};
  const Promised& promised = *verdict.promised;
  const auto missing = static_cast<std::int64_t>(promised.missing.size());
  std::string text = "Promised: " + amount_of(promised.events, "event", "events") + " of the receipt, " +
                     promised.state + " in " + promised.place + " at " + promised.at + "; " +
                     std::to_string(promised.events - missing) +
                     " of them are proven here just as they were promised.\n";
  for (const std::string& event : promised.missing) text += "  not proven: event " + event + "\n";
  return text;
}

std::string report(const ProofVerdict& verdict, const Paint& paint) {
  const bool of_workspace = !verdict.database.empty();
  std::string text =
      paint(verdict.good() ? Color::kGood : Color::kBad,
            amount_of(verdict.events, "event", "events") + ": " + std::to_string(verdict.proven) +
                " proven, " + std::to_string(verdict.unproven) + " without a proof, " +
                std::to_string(verdict.wrong) + " WRONG") +
      "\n";
  for (const Finding& finding : verdict.findings) {
    text += "  line " + std::to_string(finding.line) + ": " +
            (finding.event_id.empty() ? "" : "event " + finding.event_id + ": ") + finding.why + "\n";
  }
  const auto more = verdict.unproven + verdict.wrong - static_cast<std::int64_t>(verdict.findings.size());
  if (more > 0) text += "  and " + std::to_string(more) + " more\n";
  if (!verdict.incomplete.empty()) text += "The export is not whole: " + verdict.incomplete + ".\n";
  if (verdict.proven > 0) {
    text += "Proven: the log " + verdict.origin + " has these events just as they are shown (checkpoint of " +
            amount_of(static_cast<std::int64_t>(verdict.size), "entry", "entries") +
            ", signed by its key).\n";
    text += of_workspace ? of_anchor(verdict) : report(verdict.witnesses, verdict.proven);
  }
  text += report_promise(verdict);
  if (verdict.has_anchor && !of_workspace)
    text += "Not looked at: what the export has of the database's own log, whose key `--workspace` takes.\n";
  if (verdict.erased > 0) {
    text += "Erased: what " + std::to_string(verdict.erased) + " of these events" +
            " held is gone; all else of them is as it was logged.\n";
  }
  text += "Not proven: that these are all events of the log, ";
  if (of_workspace) text += "whether the workspace of this name is still the one with this id, ";
  return text + "and what a client says of itself (actor_id, event_timestamp).\n";
}

Json to_json(const ProofVerdict& verdict) {
  Json findings = Json::array();
  for (const Finding& finding : verdict.findings)
    findings.push_back({{"line", finding.line}, {"event_id", finding.event_id}, {"why", finding.why}});
  Json all{{"origin", verdict.origin},         {"witnesses", to_json(verdict.witnesses)},
           {"events", verdict.events},         {"proven", verdict.proven},
           {"erased", verdict.erased},         {"unproven", verdict.unproven},
           {"wrong", verdict.wrong},           {"findings", std::move(findings)},
           {"incomplete", verdict.incomplete}, {"size", verdict.size}};
  if (verdict.promised) all["receipt"] = to_json(*verdict.promised);
  if (!verdict.wrong_receipt.empty()) all["wrong_receipt"] = verdict.wrong_receipt;
  if (verdict.database.empty()) return all;
  all["database"] = verdict.database;
  all["anchored"] = to_json(verdict.anchored);
  all["wrong_anchor"] = verdict.wrong_anchor;
  return all;
}

}  // namespace storagepool::cli
