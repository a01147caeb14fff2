// proofline lab …: the verbs of a lab's operator.
#include "cli/arguments.h"
#include "cli/exit_code.h"
#include "cli/list.h"
#include "cli/names.h"
#include "cli/program.h"
#include "cli/text.h"
#include "lib/base/text.h"
#include "proofline/v1/lab_control_service.grpc.pb.h"

namespace proofline::cli {
namespace {

using Service = v1::LabControlService;
using Stub = Service::Stub;
using LabClient = Client<Service>;
using base::Concat;

constexpr int kPageSize = 1000;

struct LabTarget {
  std::string state;
};
using Target = std::shared_ptr<LabTarget>;

absl::StatusOr<Connection> Dial(const Program& program, const LabTarget& target) {
  return DialControl(kLabDaemon, target.state, program.call_timeout());
}

absl::StatusOr<LabClient> DialLab(const Program& program, const LabTarget& target) {
  absl::StatusOr<Connection> connection = Dial(program, target);
  if (!connection.ok()) return connection.status();
  return LabClient(*std::move(connection));
}

// A job, or one item of it: "JOB", "JOB/ITEM" or a full name.
absl::StatusOr<std::string> JobOrItem(const std::string& text) {
  if (auto item = ExpandName(kItemPattern, text)) return *item;
  return RequireName(kJobPattern, text, "a job (or JOB/ITEM)");
}

Table PrinterTable() {
  return Table({"PRINTER", "KIND", "ADDRESS", "STATE", ">WAITING", "MESSAGE"});
}

std::vector<std::string> PrinterRow(const v1::Printer& printer) {
  return {LastId(printer.name()),
          printer.kind(),
          printer.address(),
          printer.paused()      ? "paused"
          : printer.reachable() ? "ready"
                                : "not reachable",
          std::to_string(printer.waiting_items()),
          printer.state_message()};
}

Table ProductTable() {
  return Table({"PRODUCT", "NAME", ">WIDTH", ">HEIGHT", ">PPI", "SURFACE", "PRICE"});
}

std::vector<std::string> ProductRow(const v1::Product& product) {
  return {LastId(product.name()),
          product.display_name(),
          std::to_string(product.width_px()),
          std::to_string(product.height_px()),
          std::to_string(product.pixels_per_inch()),
          product.surface(),
          product.price_text()};
}

void PrintJob(Output& output, const v1::Job& job) {
  if (output.json()) {
    output.Json(job);
    return;
  }
  output.Print(
      Facts{{"job", job.name()},
            {"state", Word(job.state())},
            {"message", job.state_message()},
            {"order", job.order()},
            {"device", job.device()},
            {"missing originals",
             job.missing_originals_size() > 0 ? std::to_string(job.missing_originals_size()) : ""},
            {"opened", LocalTime(job.create_time())},
            {"updated", LocalTime(job.update_time())}});
  Table items(
      {"ITEM", ">LINE", "PRODUCT", ">QUANTITY", "CROP", "EDIT", "PRINTER", "STATE", "MESSAGE"});
  for (const v1::Item& item : job.items()) {
    items.Add({ShortName(item.name(), 0), std::to_string(item.line_number()),
               LastId(item.product()), std::to_string(item.quantity()),
               item.has_print_crop() ? CropText(item.print_crop()) : "", EditText(item.edit()),
               LastId(item.printer()), Word(item.state()), item.state_message()});
  }
  output.Line("");
  output.Print(items);
}

absl::Status ShowStatus(Program& program, const LabTarget& target) {
  const auto client = DialLab(program, target);
  if (!client.ok()) return client.status();
  const auto status = client->Call(&Stub::GetLabStatus, v1::GetLabStatusRequest());
  if (!status.ok()) return status.status();
  Output& output = program.output;
  if (output.json()) {
    output.Json(*status);
    return absl::OkStatus();
  }
  output.Print(Facts{{"lab", status->lab().name()},
                     {"name", status->lab().display_name()},
                     {"version", status->version()},
                     {"running since", LocalTime(status->start_time())},
                     {"open jobs", std::to_string(status->open_jobs())},
                     {"held items", std::to_string(status->held_items())},
                     {"failed items", std::to_string(status->failed_items())},
                     {"spool", SizeText(status->spool_bytes())}});
  Table printers = PrinterTable();
  for (const v1::Printer& printer : status->printers()) printers.Add(PrinterRow(printer));
  Table products = ProductTable();
  for (const v1::Product& product : status->lab().products()) products.Add(ProductRow(product));
  for (const Table* table : {&printers, &products}) {
    if (table->empty()) continue;
    output.Line("");
    output.Print(*table);
  }
  return absl::OkStatus();
}

absl::Status ListJobs(Program& program, const LabTarget& target, const std::string& only) {
  const auto state = ParseWord<v1::JobState>(only);
  if (!state.ok()) return state.status();
  const auto client = DialLab(program, target);
  if (!client.ok()) return client.status();
  v1::ListJobsRequest request;
  request.set_page_size(kPageSize);
  request.set_state(*state);
  return PrintList(
      program.output, *client, &Stub::ListJobs, request, &v1::ListJobsResponse::jobs,
      Table({"JOB", "STATE", ">ITEMS", "ORDER", "DEVICE", "UPDATED", "MESSAGE"}),
      [](const v1::Job& job) {
        return std::vector<std::string>{
            LastId(job.name()),        Word(job.state()),    std::to_string(job.items_size()),
            ShortName(job.order(), 0), LastId(job.device()), LocalTime(job.update_time()),
            job.state_message()};
      },
      "no jobs");
}

absl::Status ListPrinters(Program& program, const LabTarget& target) {
  const auto client = DialLab(program, target);
  if (!client.ok()) return client.status();
  v1::ListPrintersRequest request;
  request.set_page_size(kPageSize);
  return PrintList(program.output, *client, &Stub::ListPrinters, request,
                   &v1::ListPrintersResponse::printers, PrinterTable(), PrinterRow, "no printers");
}

absl::Status ShowJob(Program& program, const LabTarget& target, const std::string& text) {
  const auto name = RequireName(kJobPattern, text, "a job");
  if (!name.ok()) return name.status();
  const auto client = DialLab(program, target);
  if (!client.ok()) return client.status();
  v1::GetLabJobRequest request;
  request.set_name(*name);
  const auto job = client->Call(&Stub::GetLabJob, request);
  if (!job.ok()) return job.status();
  PrintJob(program.output, *job);
  return absl::OkStatus();
}

absl::Status Watch(Program& program, const LabTarget& target) {
  std::int64_t revision = 0;
  const absl::Status status = Follow<Service, v1::WatchJobsResponse>(
      [&] { return Dial(program, target); },
      [&](Stub& stub, grpc::ClientContext* context) {
        v1::WatchJobsRequest request;
        request.set_after_revision(revision);
        return stub.WatchJobs(context, request);
      },
      program.wait_limit(),
      [&](const v1::WatchJobsResponse& entry) -> absl::StatusOr<bool> {
        revision = std::max(revision, entry.revision());
        if (!entry.has_job()) return false;
        const v1::Job& job = entry.job();
        if (program.output.json()) {
          program.output.Json(job);
          return false;
        }
        program.output.Line(Printable(
            Concat(LocalTime(job.update_time()), "  ", LastId(job.name()), "  ", Word(job.state()),
                   job.state_message().empty() ? "" : "  ", job.state_message())));
        return false;
      });
  // Watching for a while is what was asked for: its end is no failure.
  if (absl::IsDeadlineExceeded(status)) return absl::OkStatus();
  return status;
}

// A verb that moves a job or an item of it.
template <typename Request>
void AddJobVerb(CLI::App& group, Program& program, const Target& target, const std::string& verb,
                const std::string& about, LabClient::Method<Request, v1::Job> method) {
  auto text = std::make_shared<std::string>();
  const auto action = [&program, target, text, method]() -> absl::Status {
    const auto name = JobOrItem(*text);
    if (!name.ok()) return name.status();
    const auto client = DialLab(program, *target);
    if (!client.ok()) return client.status();
    Request request;
    request.set_name(*name);
    const absl::StatusOr<v1::Job> job = client->Call(method, request);
    if (!job.ok()) return job.status();
    program.output.Done(*job, Concat(job->name(), " is ", Word(job->state())));
    return absl::OkStatus();
  };
  AddVerb(group, program, verb, about, "proofline lab " + verb + " 01hx5z", action)
      ->add_option("name", *text, "JOB, JOB/ITEM or a full name")
      ->required();
}

// A verb that stops a printer's queue or lets it go on.
template <typename Request>
void AddPrinterVerb(CLI::App& group, Program& program, const Target& target,
                    const std::string& verb, const std::string& about,
                    LabClient::Method<Request, v1::Printer> method) {
  auto text = std::make_shared<std::string>();
  const auto action = [&program, target, text, method]() -> absl::Status {
    const auto name = RequireName(kPrinterPattern, *text, "a printer");
    if (!name.ok()) return name.status();
    const auto client = DialLab(program, *target);
    if (!client.ok()) return client.status();
    Request request;
    request.set_name(*name);
    const absl::StatusOr<v1::Printer> printer = client->Call(method, request);
    if (!printer.ok()) return printer.status();
    program.output.Done(*printer,
                        Concat(printer->name(), printer->paused() ? " is paused" : " goes on"));
    return absl::OkStatus();
  };
  AddVerb(group, program, verb, about, "proofline lab " + verb + " canon-1", action)
      ->add_option("printer", *text, "The printer's identifier")
      ->required();
}

void AddLookVerbs(CLI::App& group, Program& program, const Target& target) {
  AddVerb(group, program, "status", "Say how the lab is, with its printers and products",
          "proofline lab status", [&program, target] { return ShowStatus(program, *target); });
  auto only = std::make_shared<std::string>();
  AddVerb(group, program, "jobs", "List jobs, newest first", "proofline lab jobs --only held",
          [&program, target, only] { return ListJobs(program, *target, *only); })
      ->add_option("--only", *only,
                   "Only jobs in this state: " + EnumWords(v1::JobState_descriptor()));
  auto job = std::make_shared<std::string>();
  AddVerb(group, program, "job", "Show one job with its items", "proofline lab job 01hx5z",
          [&program, target, job] { return ShowJob(program, *target, *job); })
      ->add_option("job", *job, "The job's identifier")
      ->required();
  AddVerb(group, program, "printers", "List the printers", "proofline lab printers",
          [&program, target] { return ListPrinters(program, *target); });
  AddVerb(group, program, "watch",
          "Print every change of every job, those of the past first; without --timeout for ever",
          "proofline lab watch", [&program, target] { return Watch(program, *target); });
}

}  // namespace

void AddLabCommands(CLI::App& root, Program& program) {
  CLI::App* group = AddGroup(root, "lab", "Look after the lab on this machine");
  auto target = std::make_shared<LabTarget>();
  AddStateOption(*group, kLabDaemon, target->state);
  AddLookVerbs(*group, program, target);
  AddJobVerb<v1::HoldJobRequest>(*group, program, target, "hold",
                                 "Hold items that are not in a printer yet", &Stub::HoldJob);
  AddJobVerb<v1::ReleaseJobRequest>(
      *group, program, target, "release",
      "Let held items go on; one that may have been printed is printed again", &Stub::ReleaseJob);
  AddJobVerb<v1::ConfirmPrintedRequest>(*group, program, target, "confirm",
                                        "Say that held items were printed after all",
                                        &Stub::ConfirmPrinted);
  AddJobVerb<v1::CancelLabJobRequest>(*group, program, target, "cancel",
                                      "Cancel items that are not in a printer yet",
                                      &Stub::CancelLabJob);
  AddJobVerb<v1::ReprintRequest>(*group, program, target, "reprint",
                                 "Print an item or a whole job again", &Stub::Reprint);
  AddPrinterVerb<v1::PausePrinterRequest>(*group, program, target, "pause",
                                          "Stop a printer's queue after the page in it",
                                          &Stub::PausePrinter);
  AddPrinterVerb<v1::ResumePrinterRequest>(*group, program, target, "resume",
                                           "Let a printer's queue go on", &Stub::ResumePrinter);
}

}  // namespace proofline::cli
