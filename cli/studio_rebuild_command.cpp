// proofline studio rebuild: the catalog anew, from the folders and the host.
#include <future>

#include "cli/exit_code.h"
#include "cli/progress.h"
#include "cli/studio_verbs.h"
#include "cli/text.h"
#include "lib/base/text.h"

namespace proofline::cli {
namespace {

using Stub = v1::StudioControlService::Stub;
using Response = v1::RebuildCatalogResponse;
using base::Concat;
using Target = std::shared_ptr<StudioTarget>;

constexpr auto kLookInterval = std::chrono::milliseconds(500);

// Everything is read again, which takes a while: not by mistake.
absl::Status Confirm(Program& program) {
  // A question is no remark: it is asked with --quiet and --json as well.
  program.output.Raw(
      "every original is read again and compared with what the host holds; nothing that people "
      "entered is lost, and a copy of the catalog is kept. Rebuild it? [y/N] ");
  std::string answer;
  std::getline(program.in, answer);
  if (answer == "y" || answer == "Y" || answer == "yes") return absl::OkStatus();
  return UsageError("nothing was changed; say y, or give --yes");
}

std::string Brief(const v1::GetStudioStatusResponse& status) {
  return Concat(status.waiting(), " photos to read, ", status.rendered(), " to compare",
                status.paused() ? ", paused" : "", status.catalog_message().empty() ? "" : ": ",
                status.catalog_message());
}

absl::Status Rebuild(Program& program, const StudioTarget& target, bool yes) {
  const auto client = DialStudio(program, target);
  if (absl::IsUnavailable(client.status())) {
    return absl::UnavailableError(
        Concat(base::ToStd(client.status().message()),
               "; if it cannot start because its catalog is damaged, set that aside first: "
               "proofline-studiod --config FILE --rebuild-catalog"));
  }
  if (!client.ok()) return client.status();
  if (!yes) {
    if (absl::Status status = Confirm(program); !status.ok()) return status;
  }
  Response response;
  // The call lasts as long as the rebuild; meanwhile this thread tells how far it is.
  std::future<grpc::Status> call = std::async(std::launch::async, [&] {
    grpc::ClientContext context;
    if (program.timeout) {
      rpc::WithDeadline(context, std::chrono::ceil<std::chrono::milliseconds>(*program.timeout));
    }
    return client->stub().RebuildCatalog(&context, v1::RebuildCatalogRequest(), &response);
  });
  Progress progress(program.output);
  while (call.wait_for(kLookInterval) != std::future_status::ready) {
    const auto status = client->Call(&Stub::GetStudioStatus, v1::GetStudioStatusRequest());
    if (status.ok()) progress.Show(Brief(*status));
  }
  progress.Clear();
  const grpc::Status status = call.get();
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    return absl::DeadlineExceededError(
        "gave up waiting; the rebuild goes on: see proofline studio status");
  }
  if (!status.ok()) return client->connection().Explain(status);
  std::string done = Concat("the catalog is whole: ", response.photos(), " photos, ",
                            response.known_photos(), " of them known to the host");
  if (response.missing_photos() > 0) {
    done += Concat("; ", response.missing_photos(),
                   " that the host has are missing here: proofline studio list --only missing");
  }
  if (response.taken_over_photos() > 0 || response.taken_over_customers() > 0) {
    done += Concat("; what people had said about ", response.taken_over_photos(), " photos and ",
                   response.taken_over_customers(),
                   " customers was newer at the host and is taken over");
  }
  program.output.Done(response, done);
  return absl::OkStatus();
}

}  // namespace

void AddStudioRebuildVerb(CLI::App& group, Program& program, const Target& target) {
  auto yes = std::make_shared<bool>(false);
  CLI::App* verb = AddVerb(group, program, "rebuild",
                           "Build the catalog anew from the folders and the host, without sending "
                           "again what the host holds",
                           "proofline studio rebuild --yes",
                           [&program, target, yes] { return Rebuild(program, *target, *yes); });
  verb->add_flag("--yes", *yes, "Do not ask");
}

}  // namespace proofline::cli
