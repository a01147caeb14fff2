#include "labd/ipp_printer.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <utility>
#include <vector>

#include "lib/base/backoff.h"
#include "lib/base/kill_point.h"
#include "lib/base/text.h"

namespace proofline::lab {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPoll{100};
constexpr milliseconds kLastPoll{1'000};
// Half a millimetre, in 1/100 mm: as far as a sheet may be from the product's paper.
constexpr int kPaperTolerance = 50;
// Polls after which a document that is still coming in is given up.
constexpr int kIncomingPolls = 40;
constexpr std::string_view kJpeg = "image/jpeg";

constexpr std::string_view kCannotKnow =
    "the lab cannot know whether this page was printed; look at the printer's output, then confirm "
    "it as printed or release it";

bool Has(const std::vector<std::string>& list, std::string_view value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

std::string Choose(const std::vector<std::string>& supported, std::string_view wanted) {
  return Has(supported, wanted) ? std::string(wanted) : std::string();
}

// "glossy" is what IPP calls "photographic-glossy", if the printer has that.
std::string MediaType(const std::vector<std::string>& supported, const std::string& surface) {
  if (surface.empty()) return "";
  if (Has(supported, surface)) return surface;
  return Choose(supported, "photographic-" + surface);
}

std::string Paper(int width, int height) {
  return DescribePaper({std::int64_t{width} * 10, std::int64_t{height} * 10});
}

std::string PapersOf(const IppFacts& facts) {
  std::vector<std::string> names;
  for (const IppMedia& media : facts.media) {
    std::string name = Paper(media.max_width, media.max_height);
    if (media.min_width != media.max_width) name = "up to " + name;
    if (!Has(names, name)) names.push_back(std::move(name));
  }
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "no paper that it tells of" : text;
}

int Distance(int value, int low, int high) { return std::max({low - value, value - high, 0}); }

// The smallest margin that a side can have, which must lie within the product's border.
std::optional<int> Margin(const std::vector<int>& supported, int border) {
  if (supported.empty()) return 0;
  const int smallest = *std::min_element(supported.begin(), supported.end());
  if (smallest > border) return std::nullopt;
  return smallest;
}

absl::Status ChooseMargins(const Product& product, const IppFacts& facts, IppJobRequest& request) {
  const int border = static_cast<int>(product.border_um / 10);
  const auto left = Margin(facts.margins_left, border);
  const auto right = Margin(facts.margins_right, border);
  const auto top = Margin(facts.margins_top, border);
  const auto bottom = Margin(facts.margins_bottom, border);
  if (!left || !right || !top || !bottom) {
    return absl::FailedPreconditionError(base::Concat(
        "product \"", product.id, "\" needs ",
        border == 0 ? "printing to the edge of the sheet" : "smaller margins",
        ", which the printer cannot do; give the product a wider border or another printer"));
  }
  request.margin_left = *left;
  request.margin_right = *right;
  request.margin_top = *top;
  request.margin_bottom = *bottom;
  return absl::OkStatus();
}

absl::Status ChooseMedia(const Product& product, const IppFacts& facts, IppJobRequest& request) {
  const int width = static_cast<int>((product.paper.width_um + 5) / 10);
  const int height = static_cast<int>((product.paper.height_um + 5) / 10);
  int best = kPaperTolerance + 1;
  for (const IppMedia& media : facts.media) {
    const int distance = std::max(Distance(width, media.min_width, media.max_width),
                                  Distance(height, media.min_height, media.max_height));
    if (distance >= best) continue;
    best = distance;
    request.media_width = std::clamp(width, media.min_width, media.max_width);
    request.media_height = std::clamp(height, media.min_height, media.max_height);
  }
  if (best <= kPaperTolerance) return absl::OkStatus();
  return absl::FailedPreconditionError(
      base::Concat("the printer has no ", DescribePaper(product.paper), " paper, which product \"",
                   product.id, "\" is printed on; it has ", PapersOf(facts),
                   ". Correct the product or give it another printer"));
}

struct Reason {
  std::string_view keyword;
  std::string_view words;
};

// Of printer-state-reasons: what stops pages.
constexpr Reason kHindrances[] = {
    {"media-empty", "out of paper"},
    {"media-needed", "the right paper is not loaded"},
    {"media-jam", "paper jam"},
    {"input-tray-missing", "the paper tray is missing"},
    {"cover-open", "its cover is open"},
    {"door-open", "its door is open"},
    {"interlock-open", "it is open"},
    {"marker-supply-empty", "out of ink"},
    {"toner-empty", "out of toner"},
    {"marker-waste-full", "its waste container is full"},
    {"output-area-full", "its output tray is full"},
    {"spool-area-full", "its memory is full"},
    {"offline", "it is offline"},
    {"paused", "it is paused"},
    {"shutdown", "it is shutting down"},
};

std::string Join(const std::vector<std::string>& list) {
  std::string text;
  for (const std::string& part : list) text += (text.empty() ? "" : ", ") + part;
  return text;
}

// What the printer says of a job that ended badly.
std::string Words(const IppJob& job) {
  std::string words = job.message;
  const std::string reasons = Join(job.reasons);
  if (!reasons.empty()) words += (words.empty() ? "" : " (") + reasons + (words.empty() ? "" : ")");
  return words.empty() ? "nothing" : words;
}

bool EndedBadly(const IppJob& job) { return Has(job.reasons, "job-completed-with-errors"); }

PrinterHealth HealthOf(const absl::Status& status) {
  return {!absl::IsUnavailable(status), false, std::string(base::ToStd(status.message()))};
}

}  // namespace

std::string Hindrance(const IppFacts& facts) {
  for (const std::string& reason : facts.reasons) {
    std::string_view keyword = reason;
    if (keyword.ends_with("-warning") || keyword.ends_with("-report")) continue;
    if (keyword.ends_with("-error")) keyword.remove_suffix(6);
    for (const Reason& known : kHindrances) {
      if (known.keyword == keyword) return std::string(known.words);
    }
  }
  if (facts.state == IppFacts::State::kStopped) {
    const std::string says = facts.message.empty() ? Join(facts.reasons) : facts.message;
    return says.empty() ? "it is stopped" : "it is stopped: " + says;
  }
  if (!facts.accepting) return "it takes no jobs now";
  return "";
}

absl::StatusOr<IppJobRequest> RequestFor(const Product& product, const IppFacts& facts) {
  IppJobRequest request;
  if (!facts.formats.empty() && !Has(facts.formats, kJpeg)) {
    return absl::FailedPreconditionError(
        base::Concat("the printer does not print JPEG, only ", Join(facts.formats),
                     "; use it through a CUPS queue, which converts"));
  }
  request.format = kJpeg;
  if (absl::Status media = ChooseMedia(product, facts, request); !media.ok()) return media;
  if (absl::Status margins = ChooseMargins(product, facts, request); !margins.ok()) return margins;
  request.media_type = MediaType(facts.media_types, product.surface);
  request.print_scaling = Choose(facts.print_scalings, "none");
  request.content_optimize = Choose(facts.content_optimizes, "photo");
  const auto offers = [](const std::vector<int>& list, int value) {
    return std::find(list.begin(), list.end(), value) != list.end() ? value : 0;
  };
  request.quality = offers(facts.qualities, 5);         // high
  request.orientation = offers(facts.orientations, 3);  // portrait, as the sheet is fed
  request.with_copies = facts.max_copies > 1;
  return request;
}

// One submission on its way.
struct IppPrinter::Run {
  const PrintTicket& ticket;
  record::Submission submission;
  // A request of the present step may have been made before: ask before doing.
  bool unsure;
  SubmissionLog& log;
  const std::stop_token& stop;
  bool cancelled = false;     // by this run, because nothing was to be printed
  bool sent_nothing = false;  // a try to send failed before the first byte
  int polls = 0;
  milliseconds poll = kFirstPoll;
  std::string words;  // of the last refusal

  void Wait() {
    ++polls;
    base::WaitFor(stop, poll);
    poll = std::min(kLastPoll, poll * 3 / 2);
  }
  void ResetWait() {
    poll = kFirstPoll;
    polls = 0;
  }
  Step WaitFor(const absl::Status& status) {
    if (!absl::IsCancelled(status)) log.Report(HealthOf(status));
    Wait();
    return std::nullopt;
  }
};

IppPrinter::IppPrinter(std::string uri, std::unique_ptr<IppClient> client)
    : uri_(std::move(uri)), client_(std::move(client)) {}

PrinterHealth IppPrinter::Probe(const std::stop_token& stop) {
  const absl::StatusOr<IppFacts> facts = client_->GetPrinter(stop);
  if (!facts.ok()) return HealthOf(facts.status());
  const std::string hindrance = Hindrance(*facts);
  if (!hindrance.empty()) return {true, false, hindrance};
  return {true, true, facts->message};
}

absl::StatusOr<int> IppPrinter::Prepare(const Product& product, const std::stop_token& stop) {
  const absl::StatusOr<IppFacts> facts = client_->GetPrinter(stop);
  if (!facts.ok()) {
    return absl::UnavailableError(facts.status().message());
  }
  if (const absl::Status fits = RequestFor(product, *facts).status(); !fits.ok()) return fits;
  const std::string hindrance = Hindrance(*facts);
  if (!hindrance.empty()) return absl::UnavailableError(hindrance);
  return facts->max_copies;
}

PrintOutcome IppPrinter::Print(const PrintTicket& ticket, record::Submission submission,
                               bool resumed, SubmissionLog& log, const std::stop_token& stop) {
  Run run{ticket, std::move(submission), resumed, log, stop};
  while (!stop.stop_requested()) {
    Step outcome;
    switch (run.submission.step()) {
      case record::Submission::STEP_CREATED:
        outcome = run.unsure ? Resolve(run) : Send(run);
        break;
      case record::Submission::STEP_WRITTEN:
        outcome = Resolve(run);
        break;
      case record::Submission::STEP_SENT:
        outcome = Follow(run);
        break;
      default:
        outcome = Create(run);
        break;
    }
    if (outcome.has_value()) return *std::move(outcome);
  }
  return {PrintResult::kInterrupted, ""};
}

std::optional<bool> IppPrinter::CancelLeftovers(Run& run) {
  const auto left = client_->FindJobs(run.submission.job_name(), run.stop);
  if (!left.ok()) {
    run.WaitFor(left.status());
    return std::nullopt;
  }
  for (const IppJob& job : *left) {
    const absl::Status cancelled = client_->CancelJob(job.id, run.stop);
    if (absl::IsUnavailable(cancelled) || absl::IsCancelled(cancelled)) {
      run.WaitFor(cancelled);
      return std::nullopt;
    }
  }
  return left->empty();
}

IppPrinter::Step IppPrinter::Create(Run& run) {
  if (run.unsure) {
    // Whatever is there of this name has no document: nothing was sent before the number was
    // stored.
    const std::optional<bool> clear = CancelLeftovers(run);
    if (!clear.has_value()) return std::nullopt;
    if (!*clear) {
      return PrintOutcome{PrintResult::kNothingPrinted, "the printer's answer was lost"};
    }
    run.unsure = false;
  }
  const absl::StatusOr<IppFacts> facts = client_->GetPrinter(run.stop);
  if (!facts.ok()) return run.WaitFor(facts.status());
  absl::StatusOr<IppJobRequest> request = RequestFor(*run.ticket.product, *facts);
  if (!request.ok()) {
    return PrintOutcome{PrintResult::kRefused,
                        std::string(base::ToStd(request.status().message()))};
  }
  if (const std::string hindrance = Hindrance(*facts); !hindrance.empty()) {
    return run.WaitFor(absl::ResourceExhaustedError(hindrance));
  }
  request->name = run.submission.job_name();
  request->copies = run.submission.copies();
  base::KillPoint("lab.print.creating");
  const absl::StatusOr<int> job = client_->CreateJob(*request, run.stop);
  if (absl::IsInvalidArgument(job.status()) || absl::IsFailedPrecondition(job.status())) {
    return PrintOutcome{PrintResult::kRefused, std::string(base::ToStd(job.status().message()))};
  }
  if (!job.ok()) {
    run.unsure = true;
    return run.WaitFor(job.status());
  }
  record::Submission created = run.submission;
  created.set_step(record::Submission::STEP_CREATED);
  created.set_printer_job(*job);
  if (const absl::Status stored = run.log.Record(created); !stored.ok()) {
    run.unsure = true;
    return run.WaitFor(absl::ResourceExhaustedError(stored.message()));
  }
  run.submission = std::move(created);
  run.ResetWait();
  base::KillPoint("lab.print.created");
  return std::nullopt;
}

IppPrinter::Step IppPrinter::CheckStillEmpty(Run& run) {
  const auto asked = AskForJob(run);
  if (!asked.has_value()) return std::nullopt;
  const bool gone =
      absl::IsNotFound(asked->status()) || (*asked)->state >= IppJob::State::kCanceled;
  if (gone) {
    return PrintOutcome{PrintResult::kNothingPrinted, "the printer gave the job up before it came"};
  }
  run.sent_nothing = false;
  return std::nullopt;
}

IppPrinter::Step IppPrinter::Send(Run& run) {
  if (run.sent_nothing) return CheckStillEmpty(run);
  base::KillPoint("lab.print.sending");
  const IppSendResult sent = client_->SendDocument(
      run.submission.printer_job(), run.ticket.page, std::string(kJpeg),
      [&] {
        record::Submission written = run.submission;
        written.set_step(record::Submission::STEP_WRITTEN);
        const absl::Status stored = run.log.Record(written);
        if (stored.ok()) run.submission = std::move(written);
        base::KillPoint("lab.print.written");
        return stored;
      },
      run.stop);
  if (sent.status.ok()) {
    run.submission.set_step(record::Submission::STEP_SENT);
    // Should this fail, the stored step is the one before, from which the printer is asked.
    run.log.Record(run.submission).IgnoreError();
    run.ResetWait();
    base::KillPoint("lab.print.sent");
    return std::nullopt;
  }
  run.words = base::ToStd(sent.status.message());
  if (sent.began) {
    run.unsure = true;
  } else {
    run.sent_nothing = true;
    if (absl::IsNotFound(sent.status)) {
      client_->CancelJob(run.submission.printer_job(), run.stop).IgnoreError();
      return PrintOutcome{PrintResult::kNothingPrinted, run.words};
    }
  }
  return run.WaitFor(sent.status);
}

std::optional<absl::StatusOr<IppJob>> IppPrinter::AskForJob(Run& run) {
  absl::StatusOr<IppJob> job = client_->GetJob(run.submission.printer_job(), run.stop);
  if (job.ok() && job->name != run.submission.job_name()) {
    // The printer was restarted and counts its jobs from the beginning again.
    return absl::NotFoundError("the printer has another job by that number");
  }
  if (job.ok() || absl::IsNotFound(job.status())) return job;
  run.WaitFor(job.status());
  return std::nullopt;
}

IppPrinter::Step IppPrinter::Resolve(Run& run) {
  const auto asked = AskForJob(run);
  if (!asked.has_value()) return std::nullopt;
  if (!asked->ok()) {
    return PrintOutcome{PrintResult::kUnknown, std::string(kCannotKnow)};
  }
  const IppJob& job = **asked;
  return job.state >= IppJob::State::kCanceled ? ResolveEnded(run, job) : ResolveUnended(run, job);
}

// Whether the printer has the whole document, as far as anybody can tell.
static bool IsWhole(const record::Submission& submission, const IppJob& job) {
  return submission.step() >= record::Submission::STEP_WRITTEN ||
         (job.k_octets > 0 && job.k_octets * 1024 >= submission.document_bytes());
}

IppPrinter::Step IppPrinter::ResolveEnded(Run& run, const IppJob& job) {
  if (job.state == IppJob::State::kCompleted) {
    if (EndedBadly(job)) return PrintOutcome{PrintResult::kStopped, Words(job)};
    if (IsWhole(run.submission, job)) return PrintOutcome{PrintResult::kPrinted, ""};
    return PrintOutcome{
        PrintResult::kUnknown,
        base::Concat("the connection broke while the page was sent, and the printer "
                     "printed what it had; ",
                     kCannotKnow)};
  }
  const bool ours = run.cancelled || job.state == IppJob::State::kAborted;
  if (!job.began && ours) {
    return PrintOutcome{PrintResult::kNothingPrinted,
                        run.words.empty() ? "the page did not reach the printer" : run.words};
  }
  return PrintOutcome{PrintResult::kStopped, Words(job)};
}

IppPrinter::Step IppPrinter::ResolveUnended(Run& run, const IppJob& job) {
  if (Has(job.reasons, "job-incoming") && run.polls < kIncomingPolls) {
    run.log.Report({true, true, "the printer still receives a page"});
    run.Wait();
    return std::nullopt;
  }
  const bool tells = job.k_octets >= 0 || job.documents >= 0;
  const bool holds_nothing = job.state == IppJob::State::kHeld && !tells;
  const bool empty = !job.began && (holds_nothing || job.k_octets == 0 || job.documents == 0 ||
                                    Has(job.reasons, "job-data-insufficient"));
  if (!empty && IsWhole(run.submission, job)) {
    run.submission.set_step(record::Submission::STEP_SENT);
    run.log.Record(run.submission).IgnoreError();
    run.ResetWait();
    return std::nullopt;
  }
  if (job.began) {
    return PrintOutcome{
        PrintResult::kUnknown,
        base::Concat("the connection broke while the page was sent, and the printer "
                     "prints what it has; ",
                     kCannotKnow)};
  }
  // Nothing is on paper yet: take it back, and look how that ended.
  run.cancelled = true;
  const absl::Status cancelled = client_->CancelJob(job.id, run.stop);
  if (absl::IsUnavailable(cancelled)) return run.WaitFor(cancelled);
  run.Wait();
  return std::nullopt;
}

void IppPrinter::ReportPrinter(Run& run) {
  const absl::StatusOr<IppFacts> facts = client_->GetPrinter(run.stop);
  if (absl::IsCancelled(facts.status())) return;
  if (!facts.ok()) {
    run.log.Report(HealthOf(facts.status()));
    return;
  }
  const std::string hindrance = Hindrance(*facts);
  if (!hindrance.empty()) {
    run.log.Report({true, false, hindrance});
  } else {
    run.log.Report({true, true, facts->message});
  }
}

IppPrinter::Step IppPrinter::Follow(Run& run) {
  const auto asked = AskForJob(run);
  if (!asked.has_value()) return std::nullopt;
  if (!asked->ok()) return PrintOutcome{PrintResult::kUnknown, std::string(kCannotKnow)};
  const IppJob& job = **asked;
  switch (job.state) {
    case IppJob::State::kCompleted:
      if (EndedBadly(job)) return PrintOutcome{PrintResult::kStopped, Words(job)};
      base::KillPoint("lab.print.completed");
      return PrintOutcome{PrintResult::kPrinted, ""};
    case IppJob::State::kCanceled:
    case IppJob::State::kAborted:
      return PrintOutcome{PrintResult::kStopped, Words(job)};
    case IppJob::State::kHeld:
      run.log.Report({true, false, "the page is held at the printer; release it there"});
      break;
    default:
      // Most pages end within the first polls; only then is the printer itself asked as well.
      if (run.polls % 4 == 3) ReportPrinter(run);
      break;
  }
  run.Wait();
  return std::nullopt;
}

}  // namespace proofline::lab
