// A printer that writes pages into a folder, for labs whose software takes them from there.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "labd/printer.h"

namespace proofline::lab {

// Writes FOLDER/ORDER-LINE-COPY.jpg for each copy and before them FOLDER/ORDER-LINE.json, which
// says what they are. An item whose names are taken by another item's ticket (orders of two studios
// may have one number) gets its id into its names.
//
// Whoever takes files from the folder sees each of them once, whatever a crash interrupts: all are
// written under hidden names (.ITEM-…), that is stored, and only then they are renamed, one after
// the other; a hidden name that is gone has been shown. A mark among them tells the folder from an
// empty one in its place, as when a share is not mounted.
class FilePrinter : public Printer {
 public:
  explicit FilePrinter(std::filesystem::path folder);

  std::string kind() const override { return "file"; }
  std::string address() const override { return folder_; }
  PrinterHealth Probe(const std::stop_token& stop) override;
  absl::StatusOr<int> Prepare(const Product& product, const std::stop_token& stop) override;
  PrintOutcome Print(const PrintTicket& ticket, record::Submission submission, bool resumed,
                     SubmissionLog& log, const std::stop_token& stop) override;

 private:
  // Writes everything under hidden names, and stores that.
  absl::Status Lay(const PrintTicket& ticket, record::Submission& submission, SubmissionLog& log);
  // Renames what has not been renamed yet, and stores that. DataLoss: only a person can know.
  absl::Status HandOver(const PrintTicket& ticket, record::Submission& submission,
                        SubmissionLog& log);
  absl::Status Show(const std::filesystem::path& hidden, const std::string& name) const;
  std::filesystem::path Hidden(const PrintTicket& ticket, std::string_view what) const;
  // ORDER-LINE, or with the item's id where another item has that.
  std::string StemOf(const PrintTicket& ticket) const;

  const std::filesystem::path folder_;
};

}  // namespace proofline::lab
