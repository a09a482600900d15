// `events verify`: what an export with proofs shows, offline.
#include <fstream>
#include <iostream>
#include <memory>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "operator/cli/commands/command.h"
#include "operator/cli/commands/log/proofs.h"
#include "operator/cli/commands/log/signed_export.h"
#include "operator/cli/output/progress.h"

namespace storagepool::cli {
namespace {

constexpr std::size_t kMostLineBytes = std::size_t{40} << 20;  // the longest export of the API, with its ends

struct Trust {
  std::string file;
  std::string key;
  std::string workspace;
  std::vector<std::string> witnesses;
  std::string receipt;  // file
};

std::string read_all(std::istream& in) {
  std::string text(kMostLineBytes, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

int verify_proof(Context& context, Verifier& verifier, std::istream& in) {
  const auto item = verifier.proof(read_all(in));
  if (!item) {
    context.err() << "not proven: " << item.error() << "\n";
    return kBad;
  }
  verifier.count();
  context.out() << *item << "\n";
  const ProofVerdict verdict = std::move(verifier).verdict();
  context.err() << report(verdict.witnesses, 1) << report_promise(verdict);
  return verdict.kept_promise() ? kGood : kBad;
}

int verify_export(Context& context, TrustedLog log, const std::string& text) {
  const auto exported = verify_signed_export(log, text);
  if (!exported) {
    context.err() << "not proven: " << exported.error() << "\n";
    return kBad;
  }
  context.out() << formatted(context.options.format, to_json(*exported, log.origin()),
                             report(*exported, log.origin()));
  return kGood;
}

// Offline: neither the cluster nor the StoragePool is asked.
int verify(Context& context, const Trust& trust) {
  const auto key = tlog::NoteKey::read(trust.key);
  if (!key) return context.fail({FailureKind::kUnreadable, "--key: " + key.error()});
  std::vector<tlog::NoteKey> witnesses;
  for (const std::string& vkey : trust.witnesses) {
    auto witness = tlog::NoteKey::read(vkey);
    if (witness && witness->kind() != tlog::KeyKind::kWitness)
      witness = tl::unexpected(std::string("this is the key of a log, not of a witness"));
    if (!witness) return context.fail({FailureKind::kUnreadable, "--witness: " + witness.error()});
    witnesses.push_back(*std::move(witness));
  }
  std::ifstream file;
  if (trust.file != "-") file.open(trust.file, std::ios::binary);
  std::istream& in = trust.file == "-" ? std::cin : file;
  if (!in) return context.fail({FailureKind::kUnreadable, trust.file + ": cannot be read"});
  Verifier verifier(*key, witnesses, trust.workspace);
  if (!trust.receipt.empty()) {
    std::ifstream answer(trust.receipt, std::ios::binary);
    if (!answer) return context.fail({FailureKind::kUnreadable, trust.receipt + ": cannot be read"});
    verifier.expect(read_all(answer));
  }
  if (in.peek() != '{') return verify_proof(context, verifier, in);
  const Progress progress(context.err(), context.around.err_is_terminal, "verifying");
  std::vector<char> line(kMostLineBytes);
  for (bool first = true; in.getline(line.data(), static_cast<std::streamsize>(line.size())); first = false) {
    const auto read = static_cast<std::size_t>(in.gcount());  // with the line's end, if it has one
    const std::string_view text(line.data(), in.eof() ? read : read - 1);
    if (first && is_signed_export(text) && !trust.receipt.empty())
      return context.fail(
          {FailureKind::kUnreadable, "--receipt is for an export with --proofs, or one proof"});
    if (first && is_signed_export(text))
      return verify_export(context, TrustedLog(*key, trust.workspace), std::string(text));
    verifier.line(text);
  }
  if (!in.eof()) {
    return context.fail({FailureKind::kUnreadable, trust.file +
                                                       ": cannot be read, or has a line of more than " +
                                                       std::to_string(kMostLineBytes) + " bytes"});
  }
  const ProofVerdict verdict = std::move(verifier).verdict();
  context.out() << formatted(context.options.format, to_json(verdict), report(verdict, context.paint()));
  return verdict.good() ? kGood : kBad;
}

}  // namespace

void add_events_verify(CLI::App& events, Actions& actions) {
  auto trust = std::make_shared<Trust>();
  CLI::App& verifying = *events.add_subcommand("verify",
                                               "What an export with --proofs, a signed one of the API, or "
                                               "one proof shows; asks nobody (exit status 0 all "
                                               "is proven, 1 not)");
  verifying.add_option("FILE", trust->file, "The export, or the proof; -: standard input")->required();
  verifying.add_option("--key", trust->key, "The log's key, got by a way that you trust (`events key`)")
      ->required();
  verifying.add_option("--workspace", trust->workspace,
                       "The file is of this workspace, and the key that of the database's own log");
  verifying
      .add_option("--witness", trust->witnesses,
                  "The key of a witness, got by a way that you trust: says whether it has cosigned the "
                  "log; may be given several times")
      ->type_name("VKEY");
  verifying.add_option(
      "--receipt", trust->receipt,
      "Answer of the API with a receipt: says whether the events are there that it promises");
  actions[&verifying] = [trust](Context& context) { return verify(context, *trust); };
}

}  // namespace storagepool::cli
