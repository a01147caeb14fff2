#include "labd/file_printer.h"

#include <utility>

#include "lib/base/backoff.h"
#include "lib/base/file.h"
#include "lib/base/kill_point.h"
#include "lib/base/text.h"

namespace proofline::lab {
namespace {

constexpr std::uint64_t kMaxPage = std::uint64_t{1} << 30;
constexpr std::uint64_t kMaxTicket = 64 << 10;
// Copies that one submission may stand for: a folder takes any number.
constexpr int kMaxCopies = 10'000;
// Hidden files beside those of the copies.
constexpr std::string_view kTicket = "ticket";
constexpr std::string_view kMark = "mark";

// Everything in a ticket is an id, a number, or text of the lab's own configuration.
std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) out += c;
  }
  return out + '"';
}

std::string ItemMark(std::string_view item) { return base::Concat("\"item\": ", Quoted(item)); }

std::string TicketText(const PrintTicket& ticket) {
  const Product& product = *ticket.product;
  return base::Concat(
      "{\n  ", ItemMark(ticket.item), ",\n  \"studio\": ", Quoted(ticket.studio),
      ",\n  \"order\": ", Quoted(ticket.order), ",\n  \"line\": ", ticket.line,
      ",\n  \"copies\": ", ticket.quantity, ",\n  \"product\": ", Quoted(product.id),
      ",\n  \"paper\": ", Quoted(DescribePaper(product.paper)),
      ",\n  \"surface\": ", Quoted(product.surface), ",\n  \"width_px\": ", product.width_px(),
      ",\n  \"height_px\": ", product.height_px(),
      ",\n  \"pixels_per_inch\": ", product.pixels_per_inch, "\n}\n");
}

}  // namespace

FilePrinter::FilePrinter(std::filesystem::path folder) : folder_(std::move(folder)) {}

PrinterHealth FilePrinter::Probe(const std::stop_token& /*stop*/) {
  const absl::Status made = base::MakeDirectories(folder_);
  if (made.ok()) return {};
  return {false, false, std::string(base::ToStd(made.message()))};
}

absl::StatusOr<int> FilePrinter::Prepare(const Product& /*product*/, const std::stop_token& stop) {
  const PrinterHealth health = Probe(stop);
  if (!health.ready) return absl::UnavailableError(health.message);
  return kMaxCopies;
}

PrintOutcome FilePrinter::Print(const PrintTicket& ticket, record::Submission submission,
                                bool /*resumed*/, SubmissionLog& log, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    absl::Status status;
    if (submission.step() < record::Submission::STEP_CREATED) {
      status = Lay(ticket, submission, log);
      if (absl::IsNotFound(status) && !std::filesystem::exists(ticket.page)) {
        return {PrintResult::kNothingPrinted, std::string(base::ToStd(status.message()))};
      }
    }
    if (status.ok()) status = HandOver(ticket, submission, log);
    if (status.ok()) return {PrintResult::kPrinted, ""};
    if (absl::IsDataLoss(status)) {
      return {PrintResult::kUnknown, std::string(base::ToStd(status.message()))};
    }
    log.Report({false, false, std::string(base::ToStd(status.message()))});
    if (!base::WaitFor(stop, std::chrono::seconds(1))) break;
  }
  return {PrintResult::kInterrupted, ""};
}

std::string FilePrinter::StemOf(const PrintTicket& ticket) const {
  const std::string stem = base::Concat(ticket.order, "-", ticket.line);
  const absl::StatusOr<std::string> taken = base::ReadFile(folder_ / (stem + ".json"), kMaxTicket);
  if (!taken.ok() || taken->find(ItemMark(ticket.item)) != std::string::npos) return stem;
  return base::Concat(stem, "-", ticket.item);
}

std::filesystem::path FilePrinter::Hidden(const PrintTicket& ticket, std::string_view what) const {
  return folder_ / base::Concat(".", ticket.item, "-", what, ".part");
}

absl::Status FilePrinter::Lay(const PrintTicket& ticket, record::Submission& submission,
                              SubmissionLog& log) {
  const absl::StatusOr<std::string> page = base::ReadFile(ticket.page, kMaxPage);
  if (!page.ok()) return page.status();
  if (absl::Status made = base::MakeDirectories(folder_); !made.ok()) return made;
  absl::Status status = base::WriteFileDurably(Hidden(ticket, kMark), "");
  if (status.ok()) status = base::WriteFileDurably(Hidden(ticket, kTicket), TicketText(ticket));
  for (int i = 0; i < submission.copies() && status.ok(); ++i) {
    status = base::WriteFileDurably(Hidden(ticket, std::to_string(ticket.first_copy + i)), *page);
  }
  if (!status.ok()) return status;
  record::Submission laid = submission;
  laid.set_step(record::Submission::STEP_CREATED);
  laid.set_file_stem(StemOf(ticket));
  if (absl::Status stored = log.Record(laid); !stored.ok()) return stored;
  submission = std::move(laid);
  return absl::OkStatus();
}

absl::Status FilePrinter::HandOver(const PrintTicket& ticket, record::Submission& submission,
                                   SubmissionLog& log) {
  std::error_code error;
  const std::filesystem::path mark = Hidden(ticket, kMark);
  if (submission.step() < record::Submission::STEP_SENT) {
    if (!std::filesystem::exists(mark, error)) {
      return absl::DataLossError(base::Concat(
          "the folder ", folder_, " is not the one that the page was written to; look ",
          "there whether it was taken, then confirm it as printed or release it"));
    }
    const std::string& stem = submission.file_stem();
    absl::Status shown = Show(Hidden(ticket, kTicket), base::Concat(stem, ".json"));
    for (int i = 0; i < submission.copies() && shown.ok(); ++i) {
      base::KillPoint("lab.print.file");
      const std::string copy = std::to_string(ticket.first_copy + i);
      shown = Show(Hidden(ticket, copy), base::Concat(stem, "-", copy, ".jpg"));
    }
    if (!shown.ok()) return shown;
    record::Submission sent = submission;
    sent.set_step(record::Submission::STEP_SENT);
    if (absl::Status stored = log.Record(sent); !stored.ok()) return stored;
    submission = std::move(sent);
  }
  std::filesystem::remove(mark, error);  // what stays of it harms nobody
  return absl::OkStatus();
}

absl::Status FilePrinter::Show(const std::filesystem::path& hidden, const std::string& name) const {
  absl::Status shown = base::RenameDurably(hidden, folder_ / name);
  // Shown before, and perhaps taken from the folder since.
  return absl::IsNotFound(shown) ? absl::OkStatus() : shown;
}

}  // namespace proofline::lab
