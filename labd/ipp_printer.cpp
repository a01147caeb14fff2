#include "labd/ipp_printer.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "labd/ipp_printer_request.h"
#include "lib/base/backoff.h"
#include "lib/base/kill_point.h"
#include "lib/base/text.h"

namespace proofline::lab {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPoll{100};
constexpr milliseconds kLastPoll{1'000};
// Polls after which a document that is still coming in is given up.
constexpr int kIncomingPolls = 40;

constexpr std::string_view kCannotKnow =
    "the lab cannot know whether this page was printed; look at the printer's output, then confirm "
    "it as printed or release it";

bool Has(const std::vector<std::string>& list, std::string_view value) {
  return std::find(list.begin(), list.end(), value) != list.end();
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
  return HealthOf(*facts);
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
      run.submission.printer_job(), run.ticket.page, std::string(kIppPageFormat),
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
  // Only what has been written whole can still be on its way in.
  const bool incoming =
      run.submission.step() >= record::Submission::STEP_WRITTEN && Has(job.reasons, "job-incoming");
  if (incoming && run.polls < kIncomingPolls) {
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
  run.log.Report(facts.ok() ? HealthOf(*facts) : HealthOf(facts.status()));
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
