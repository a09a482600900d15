// The table of remedies is the one of the documents, and knows what the operator says.
#include "operator/cli/output/remedies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace storagepool::cli {
namespace {

using ::testing::HasSubstr;

constexpr const char* kHead = "| condition | reason | what to do |\n|---|---|---|\n";

std::string text_of(const std::filesystem::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// The document that has the table: README.md, or one of docs/.
std::string document() {
  const std::filesystem::path root = STORAGEPOOL_SOURCE_DIR;
  std::string text = text_of(root / "README.md");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root / "docs")) {
    if (text.find(kHead) != std::string::npos) break;
    if (entry.path().extension() == ".md") text = text_of(entry.path());
  }
  return text;
}

TEST(Remedies, AreThoseOfTheTroubleshootingTable) {
  std::string expected = kHead;
  for (const Remedy& row : remedies()) {
    expected += "| ";
    if (!row.condition.empty()) expected += std::string(row.condition) + " ";
    expected += "| " + std::string(row.reasons) + " | " + std::string(row.what_to_do) + " |\n";
  }
  EXPECT_NE(document().find(expected + "\n"), std::string::npos) << "the table should read:\n\n" << expected;
}

TEST(Remedies, AreFoundInPlainWords) {
  EXPECT_EQ(remedy_for("PostgresReachable", "False", "TLSFailed"),
            "check sslMode, the CA Secret's ca.crt, the host's name in the certificate");
  EXPECT_THAT(remedy_for("Ready", "False", "Paused"), HasSubstr("nothing is changed"));
  EXPECT_THAT(remedy_for("PodsFailing", "True", "SomethingNew"), HasSubstr("scheduler's"));
}

TEST(Remedies, AreForConditionsAsTheyAre) {
  EXPECT_EQ(remedy_for("Ready", "True", "Ready"), "");
  EXPECT_EQ(remedy_for("BudgetExceeded", "False", "WithinBudget"), "");
  EXPECT_EQ(remedy_for("PodsFailing", "False", "NotFailing"), "");
  EXPECT_EQ(remedy_for("Reconciling", "True", "Progressing"), "");
}

TEST(Remedies, OfWhatReadyTakesOverAreThoseOfItsOrigin) {
  EXPECT_EQ(remedy_for("Ready", "False", "ReadOnly"), remedy_for("PostgresReachable", "False", "ReadOnly"));
  EXPECT_EQ(remedy_for("Stalled", "True", "QuotaExceeded"),
            remedy_for("PodsFailing", "True", "QuotaExceeded"));
  EXPECT_EQ(remedy_for("Ready", "False", "NotKnownToTheTable"), "");
}

}  // namespace
}  // namespace storagepool::cli
