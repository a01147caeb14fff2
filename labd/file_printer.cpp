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
  // Writing is idempotent by name, so there is only one step, whatever a crash left.
  while (!stop.stop_requested()) {
    const absl::Status written = Write(ticket, submission.copies());
    if (written.ok()) return {PrintResult::kPrinted, ""};
    if (absl::IsNotFound(written) && !std::filesystem::exists(ticket.page)) {
      return {PrintResult::kNothingPrinted, std::string(base::ToStd(written.message()))};
    }
    log.Report({false, false, std::string(base::ToStd(written.message()))});
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

absl::Status FilePrinter::Write(const PrintTicket& ticket, int copies) {
  const absl::StatusOr<std::string> page = base::ReadFile(ticket.page, kMaxPage);
  if (!page.ok()) return page.status();
  if (absl::Status made = base::MakeDirectories(folder_); !made.ok()) return made;
  const std::string stem = StemOf(ticket);
  absl::Status written = base::WriteFileDurably(folder_ / (stem + ".json"), TicketText(ticket));
  for (int i = 0; i < copies && written.ok(); ++i) {
    base::KillPoint("lab.print.file");
    written = base::WriteFileDurably(
        folder_ / base::Concat(stem, "-", ticket.first_copy + i, ".jpg"), *page);
  }
  return written;
}

}  // namespace proofline::lab
