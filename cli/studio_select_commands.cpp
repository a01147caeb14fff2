// proofline studio process, select and contact-sheet.
#include <algorithm>
#include <filesystem>

#include "cli/exit_code.h"
#include "cli/list.h"
#include "cli/names.h"
#include "cli/progress.h"
#include "cli/studio_verbs.h"
#include "cli/text.h"
#include "google/protobuf/struct.pb.h"
#include "lib/base/file.h"
#include "lib/base/text.h"

namespace proofline::cli {
namespace {

using Stub = v1::StudioControlService::Stub;
using base::Concat;
using Target = std::shared_ptr<StudioTarget>;

absl::Status Process(Program& program, const StudioTarget& target, const std::string& gallery) {
  const auto client = DialStudio(program, target);
  if (!client.ok()) return client.status();
  const auto name = StudioNames(*client).Gallery(gallery);
  if (!name.ok()) return name.status();
  v1::ProcessGalleryRequest request;
  request.set_name(*name);
  const auto response = client->Call(&Stub::ProcessGallery, request);
  if (!response.ok()) return response.status();
  program.output.Done(*response,
                      response->photos() == 0
                          ? std::string("nothing in the gallery was waiting")
                          : CountText(response->photos(), "photo goes on", "photos go on"));
  return absl::OkStatus();
}

struct SelectFlags {
  std::vector<std::string> photos;
  std::string gallery;
  bool in = false;
  bool out = false;
  bool rules = false;
  bool dry_run = false;
};

absl::Status Explain(Program& program, const StudioTarget& target, const std::string& gallery) {
  const auto client = DialStudio(program, target);
  if (!client.ok()) return client.status();
  v1::ExplainSelectionRequest request;
  request.set_page_size(1000);
  if (!gallery.empty()) {
    const auto name = StudioNames(*client).Gallery(gallery);
    if (!name.ok()) return name.status();
    request.set_gallery(*name);
  }
  return PrintList(
      program.output, *client, &Stub::ExplainSelection, request,
      &v1::ExplainSelectionResponse::decisions,
      Table({"PHOTO", "FILE", "HOST", "RENDITIONS", "WHY"}),
      [](const v1::SelectionDecision& decision) {
        std::string renditions;
        for (const int kind : decision.renditions()) {
          renditions +=
              Concat(renditions.empty() ? "" : ", ", Word(static_cast<v1::RenditionKind>(kind)));
        }
        return std::vector<std::string>{
            ShortName(decision.photo(), 1), decision.file_name(), decision.sent() ? "sent" : "kept",
            renditions.empty() ? "none" : renditions, decision.message()};
      },
      "no photos yet");
}

absl::Status Select(Program& program, const StudioTarget& target, const SelectFlags& flags) {
  if (flags.dry_run) {
    if (flags.in || flags.out || flags.rules || !flags.photos.empty()) {
      return UsageError("--dry-run explains the rules; give it alone or with --gallery");
    }
    return Explain(program, target, flags.gallery);
  }
  if (int{flags.in} + int{flags.out} + int{flags.rules} != 1) {
    return UsageError("give one of --in, --out and --by-rules, or --dry-run");
  }
  if (!flags.gallery.empty()) {
    return UsageError("--gallery goes with --dry-run; name the gallery as the photos are named");
  }
  if (flags.photos.empty()) return UsageError("name the photos or galleries to select");
  const auto client = DialStudio(program, target);
  if (!client.ok()) return client.status();
  const auto photos = StudioNames(*client).Photos(flags.photos);
  if (!photos.ok()) return photos.status();
  if (photos->empty()) return absl::NotFoundError("the named galleries hold no photos");
  v1::SelectPhotosRequest request;
  request.set_choice(flags.in    ? v1::SelectPhotosRequest::CHOICE_IN
                     : flags.out ? v1::SelectPhotosRequest::CHOICE_OUT
                                 : v1::SelectPhotosRequest::CHOICE_UNSPECIFIED);
  v1::SelectPhotosResponse all;
  // As many names as a message holds with ease.
  constexpr std::size_t kNamesPerCall = 1000;
  for (std::size_t at = 0; at < photos->size();) {
    request.clear_names();
    for (; at < photos->size() && request.names_size() < static_cast<int>(kNamesPerCall); ++at) {
      request.add_names(photos->at(at).photo().name());
    }
    const auto response = client->Call(&Stub::SelectPhotos, request);
    if (!response.ok()) return response.status();
    all.set_changed(all.changed() + response->changed());
  }
  program.output.Done(all, Concat("changed ", CountText(all.changed(), "photo", "photos")));
  return absl::OkStatus();
}

struct SheetFlags {
  std::string gallery;
  std::string file;
};

// "sheet.jpg", "sheet-2.jpg", …
std::filesystem::path PageFile(const std::filesystem::path& first, int page) {
  if (page == 1) return first;
  std::filesystem::path file = first;
  return file.replace_filename(
      Concat(first.stem().native(), "-", page, first.extension().native()));
}

absl::Status WriteSheets(Program& program, const StudioTarget& target, const SheetFlags& flags) {
  const auto client = DialStudio(program, target);
  if (!client.ok()) return client.status();
  const auto name = StudioNames(*client).Gallery(flags.gallery);
  if (!name.ok()) return name.status();
  v1::GetGalleryContactSheetRequest request;
  request.set_name(*name);
  google::protobuf::Struct answer;
  auto& files = *(*answer.mutable_fields())["files"].mutable_list_value();
  Progress progress(program.output);
  int pages = 1;
  for (int page = 1; page <= pages; ++page) {
    progress.Show("page", page, pages);
    request.set_page(page);
    const auto sheet = client->Call(&Stub::GetGalleryContactSheet, request);
    if (!sheet.ok()) return sheet.status();
    pages = std::max(1, sheet->pages());
    const std::filesystem::path file = PageFile(flags.file, page);
    if (absl::Status status = base::WriteFileDurably(file, sheet->content()); !status.ok()) {
      return status;
    }
    files.add_values()->set_string_value(Printable(file.native()));
  }
  progress.Clear();
  program.output.Done(answer, pages == 1 ? Concat("wrote ", flags.file)
                                         : Concat("wrote ", pages, " pages, from ", flags.file,
                                                  " to ", PageFile(flags.file, pages).native()));
  return absl::OkStatus();
}

}  // namespace

void AddStudioSelectVerbs(CLI::App& group, Program& program, const Target& target) {
  auto gallery = std::make_shared<std::string>();
  CLI::App* process =
      AddVerb(group, program, "process", "Let the photos go on that wait in a gallery",
              "proofline studio process \"Smith wedding\"",
              [&program, target, gallery] { return Process(program, *target, *gallery); });
  process->add_option("gallery", *gallery, "Identifier, name or title")->required();

  auto flags = std::make_shared<SelectFlags>();
  CLI::App* select =
      AddVerb(group, program, "select",
              "Send or keep photos whatever the rules say, or explain what the rules decide",
              "proofline studio select --dry-run --gallery summer\n  proofline studio select --out "
              "summer/01hx5z",
              [&program, target, flags] { return Select(program, *target, *flags); });
  select->add_option("photos", flags->photos, kPhotosHelp);
  select->add_flag("--in", flags->in, "Send them");
  select->add_flag("--out", flags->out, "Keep them here");
  select->add_flag("--by-rules", flags->rules, "Let the rules decide again");
  select->add_flag("--dry-run", flags->dry_run,
                   "Say for each photo which rule decides, and change nothing");
  select->add_option("--gallery", flags->gallery, "With --dry-run: only this gallery");

  auto sheet_flags = std::make_shared<SheetFlags>();
  CLI::App* sheet = AddVerb(
      group, program, "contact-sheet", "Write a contact sheet of a gallery as JPEG",
      "proofline studio contact-sheet summer -o sheet.jpg",
      [&program, target, sheet_flags] { return WriteSheets(program, *target, *sheet_flags); });
  sheet->add_option("gallery", sheet_flags->gallery, "Identifier, name or title")->required();
  sheet
      ->add_option("-o,--output", sheet_flags->file,
                   "The file; further pages are numbered: sheet-2.jpg")
      ->required();
}

}  // namespace proofline::cli
