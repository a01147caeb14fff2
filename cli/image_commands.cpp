// proofline image …: the line's image work on files at hand, in its worker processes.
#include <filesystem>

#include "cli/arguments.h"
#include "cli/exit_code.h"
#include "cli/program.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "google/protobuf/struct.pb.h"
#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/imaging/edit_message.h"
#include "lib/imaging/worker_pool.h"

namespace proofline::cli {
namespace {

using base::Concat;
using Pool = std::unique_ptr<imaging::WorkerPool>;

// Pictures that are compared are held in memory.
constexpr std::uint64_t kMaxPictureBytes = std::uint64_t{512} << 20;
constexpr int kCellQuality = 90;

struct ImageTarget {
  std::string worker;
};
using Target = std::shared_ptr<ImageTarget>;

struct ContactSheetFlags {
  std::string out;
  std::vector<std::string> files;
  int columns = 4;
  int cell = 320;
  bool names = false;
};

struct CompareFlags {
  std::string a;
  std::string b;
  std::optional<double> min_ssim;
  std::optional<double> max_delta_e;
};

struct RenderFlags {
  std::string source;
  std::string out;
  int width = 0;
  int height = 0;
  std::string rotate = "0";
  std::string straighten = "0";
  std::string edit_crop;
  std::string crop;
  std::string fit = "fill";
  int border = 0;
  int ppi = 300;
  int quality = 95;
};

absl::StatusOr<Pool> StartPool(const Program& program, const ImageTarget& target) {
  imaging::WorkerPool::Options options;
  options.worker_path = target.worker;
  options.workers = 1;
  if (program.timeout) {
    options.time_limit = std::chrono::ceil<std::chrono::milliseconds>(*program.timeout);
  }
  return imaging::WorkerPool::Create(options);
}

// An image's error, with the file's name in front of it where it does not say so.
absl::Status About(const std::string& file, const absl::Status& status) {
  if (status.ok() || base::ToStd(status.message()).find(file) != std::string_view::npos)
    return status;
  return absl::Status(status.code(), Concat(file, ": ", base::ToStd(status.message())));
}

absl::Status MakeContactSheet(Program& program, const ImageTarget& target,
                              const ContactSheetFlags& flags) {
  if (flags.files.size() > 1000) {
    return UsageError("a contact sheet holds 1000 pictures at most");
  }
  const absl::StatusOr<Pool> pool = StartPool(program, target);
  if (!pool.ok()) return pool.status();
  Progress progress(program.output);
  // Made small one by one first, so that memory holds cells and not originals.
  std::vector<std::string> cells;
  std::vector<std::string> names;
  for (const std::string& file : flags.files) {
    progress.Show("reading", static_cast<std::int64_t>(cells.size()) + 1,
                  static_cast<std::int64_t>(flags.files.size()));
    const auto fd = base::OpenForReading(file);
    if (!fd.ok()) return fd.status();
    imaging::RenditionRequest request;
    request.specs = {{"cell", flags.cell, kCellQuality}};
    auto made = (*pool)->MakeRenditions(fd->get(), request);
    if (!made.ok()) return About(file, made.status());
    cells.push_back(std::move(made->renditions.front().jpeg));
    if (flags.names) names.push_back(Printable(std::filesystem::path(file).filename().native()));
  }
  const auto sheet = (*pool)->ContactSheet(cells, flags.columns, flags.cell, names);
  if (!sheet.ok()) return sheet.status();
  absl::Status status = base::WriteFileDurably(flags.out, *sheet);
  if (!status.ok()) return status;
  progress.Clear();
  google::protobuf::Struct answer;
  (*answer.mutable_fields())["file"].set_string_value(Printable(flags.out));
  (*answer.mutable_fields())["pictures"].set_number_value(static_cast<double>(cells.size()));
  program.output.Done(answer, Concat(cells.size(), " pictures on ", flags.out));
  return absl::OkStatus();
}

absl::Status Compare(Program& program, const ImageTarget& target, const CompareFlags& flags) {
  const auto a = base::ReadFile(flags.a, kMaxPictureBytes);
  if (!a.ok()) return a.status();
  const auto b = base::ReadFile(flags.b, kMaxPictureBytes);
  if (!b.ok()) return b.status();
  const absl::StatusOr<Pool> pool = StartPool(program, target);
  if (!pool.ok()) return pool.status();
  const auto likeness = (*pool)->Compare(*a, *b);
  if (!likeness.ok()) return likeness.status();
  if (program.output.json()) {
    google::protobuf::Struct answer;
    (*answer.mutable_fields())["ssim"].set_number_value(likeness->ssim);
    (*answer.mutable_fields())["meanDeltaE"].set_number_value(likeness->mean_delta_e);
    program.output.Json(answer);
  } else {
    program.output.Print(Facts{{"ssim", NumberText(likeness->ssim)},
                               {"delta E", NumberText(likeness->mean_delta_e)}});
  }
  if (flags.min_ssim && likeness->ssim < *flags.min_ssim) {
    return absl::FailedPreconditionError(
        Concat("the pictures differ: ssim is below ", NumberText(*flags.min_ssim)));
  }
  if (flags.max_delta_e && likeness->mean_delta_e > *flags.max_delta_e) {
    return absl::FailedPreconditionError(
        Concat("the pictures differ: delta E is above ", NumberText(*flags.max_delta_e)));
  }
  return absl::OkStatus();
}

absl::StatusOr<imaging::PrintRequest> ReadRender(const RenderFlags& flags) {
  imaging::PrintRequest request;
  const auto rotation = ParseRotation(flags.rotate);
  if (!rotation.ok()) return rotation.status();
  request.edit.rotation_degrees = *rotation;
  const auto straighten = ParseNumber(flags.straighten, -45, 45, "degrees to straighten by");
  if (!straighten.ok()) return straighten.status();
  request.edit.straighten_degrees = *straighten;
  if (!flags.edit_crop.empty()) {
    const auto crop = ParseCrop(flags.edit_crop);
    if (!crop.ok()) return crop.status();
    request.edit.crop = imaging::CropFromMessage(*crop);
  }
  if (!flags.crop.empty()) {
    const auto crop = ParseCrop(flags.crop);
    if (!crop.ok()) return crop.status();
    request.spec.crop = imaging::CropFromMessage(*crop);
  }
  if (flags.fit != "fill" && flags.fit != "fit") {
    return UsageError(Concat("--fit is fill or fit, not \"", flags.fit, "\""));
  }
  request.spec.fit = flags.fit == "fit" ? imaging::Fit::kFit : imaging::Fit::kFill;
  request.spec.width_px = flags.width;
  request.spec.height_px = flags.height;
  request.spec.border_px = flags.border;
  request.spec.pixels_per_inch = flags.ppi;
  request.spec.quality = flags.quality;
  if (absl::Status status = imaging::Validate(request.spec); !status.ok()) {
    return UsageError(std::string(base::ToStd(status.message())));
  }
  return request;
}

absl::Status RenderPrint(Program& program, const ImageTarget& target, const RenderFlags& flags) {
  const auto request = ReadRender(flags);
  if (!request.ok()) return request.status();
  const auto fd = base::OpenForReading(flags.source);
  if (!fd.ok()) return fd.status();
  const absl::StatusOr<Pool> pool = StartPool(program, target);
  if (!pool.ok()) return pool.status();
  const auto page = (*pool)->RenderPrint(fd->get(), *request);
  if (!page.ok()) return About(flags.source, page.status());
  absl::Status status = base::WriteFileDurably(flags.out, page->jpeg);
  if (!status.ok()) return status;
  google::protobuf::Struct answer;
  auto& fields = *answer.mutable_fields();
  fields["file"].set_string_value(Printable(flags.out));
  fields["turned"].set_bool_value(page->turned);
  fields["sourcePixelsPerPixel"].set_number_value(page->source_pixels_per_pixel);
  program.output.Done(answer, Concat("rendered ", flags.out, ": ", flags.width, " x ", flags.height,
                                     " pixels from ", NumberText(page->source_pixels_per_pixel),
                                     " of the original for each"));
  return absl::OkStatus();
}

google::protobuf::Struct FactsJson(const imaging::ImageFacts& facts) {
  google::protobuf::Struct json;
  auto& fields = *json.mutable_fields();
  const auto text = [&](const char* name, const std::string& value) {
    fields[name].set_string_value(value);
  };
  const auto number = [&](const char* name, double value) { fields[name].set_number_value(value); };
  text("format", facts.format);
  number("widthPx", facts.width);
  number("heightPx", facts.height);
  number("orientation", facts.orientation);
  number("sizeBytes", static_cast<double>(facts.size_bytes));
  text("digest", facts.digest.hex());
  text("captureTime", facts.capture_time);
  text("cameraMake", facts.camera_make);
  text("cameraModel", facts.camera_model);
  text("lens", facts.lens);
  if (facts.exposure_time) number("exposureSeconds", *facts.exposure_time);
  if (facts.f_number) number("fNumber", *facts.f_number);
  if (facts.iso) number("iso", *facts.iso);
  if (facts.focal_length_mm) number("focalLengthMm", *facts.focal_length_mm);
  text("title", facts.title);
  text("caption", facts.caption);
  text("creator", facts.creator);
  text("copyright", facts.copyright);
  auto& keywords = *fields["keywords"].mutable_list_value();
  for (const std::string& keyword : facts.keywords) {
    keywords.add_values()->set_string_value(keyword);
  }
  if (facts.rating) number("rating", *facts.rating);
  text("label", facts.label);
  text("location", facts.location);
  return json;
}

absl::Status ShowFacts(Program& program, const ImageTarget& target, const std::string& file) {
  const auto fd = base::OpenForReading(file);
  if (!fd.ok()) return fd.status();
  const absl::StatusOr<Pool> pool = StartPool(program, target);
  if (!pool.ok()) return pool.status();
  const auto facts = (*pool)->Inspect(fd->get());
  if (!facts.ok()) return About(file, facts.status());
  if (program.output.json()) {
    program.output.Json(FactsJson(*facts));
    return absl::OkStatus();
  }
  const auto number = [](const auto& value, std::string_view after) {
    return value ? Concat(NumberText(*value), after) : std::string();
  };
  std::string keywords;
  for (const std::string& keyword : facts->keywords) {
    keywords += (keywords.empty() ? "" : ", ") + keyword;
  }
  program.output.Print(Facts{{"format", facts->format},
                             {"pixels", Concat(facts->width, " x ", facts->height)},
                             {"orientation", std::to_string(facts->orientation)},
                             {"size", SizeText(static_cast<std::int64_t>(facts->size_bytes))},
                             {"digest", facts->digest.hex()},
                             {"taken", facts->capture_time},
                             {"camera maker", facts->camera_make},
                             {"camera", facts->camera_model},
                             {"lens", facts->lens},
                             {"exposure", ExposureText(facts->exposure_time.value_or(0))},
                             {"aperture", number(facts->f_number, "")},
                             {"sensitivity", number(facts->iso, " ISO")},
                             {"focal length", number(facts->focal_length_mm, " mm")},
                             {"title", facts->title},
                             {"caption", facts->caption},
                             {"creator", facts->creator},
                             {"copyright", facts->copyright},
                             {"keywords", keywords},
                             {"rating", number(facts->rating, "")},
                             {"label", facts->label},
                             {"location", facts->location}});
  return absl::OkStatus();
}

void AddSheetVerbs(CLI::App& group, Program& program, const Target& target) {
  auto sheet = std::make_shared<ContactSheetFlags>();
  CLI::App* verb =
      AddVerb(group, program, "contact-sheet", "Put pictures in rows on one JPEG",
              "proofline image contact-sheet sheet.jpg *.jpg --columns 6 --cell 240",
              [&program, target, sheet] { return MakeContactSheet(program, *target, *sheet); });
  verb->add_option("out", sheet->out, "The JPEG to write")->required();
  verb->add_option("files", sheet->files, "Pictures, 1 to 1000")->required();
  verb->add_option("--columns", sheet->columns, "Pictures in a row")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  verb->add_option("--cell", sheet->cell, "Pixels of the square that a picture is fitted into")
      ->check(CLI::Range(16, 2000))
      ->capture_default_str();

  verb->add_flag("--names", sheet->names, "Write each file's name below its picture");

  auto compare = std::make_shared<CompareFlags>();
  verb = AddVerb(group, program, "compare",
                 "Say how alike two pictures look; the second is scaled to the first",
                 "proofline image compare a.jpg b.jpg --min-ssim 0.95",
                 [&program, target, compare] { return Compare(program, *target, *compare); });
  verb->add_option("a", compare->a, "The first picture")->required();
  verb->add_option("b", compare->b, "The second picture")->required();
  verb->add_option("--min-ssim", compare->min_ssim, "Fail (exit code 1) below this similarity");
  verb->add_option("--max-delta-e", compare->max_delta_e,
                   "Fail (exit code 1) above this mean colour difference");
}

void AddRenderVerb(CLI::App& group, Program& program, const Target& target) {
  auto flags = std::make_shared<RenderFlags>();
  CLI::App* verb = AddVerb(
      group, program, "render-print", "Render a page as the lab does",
      "proofline image render-print photo.jpg page.jpg --width 1800 --height 1200 --fit fill",
      [&program, target, flags] { return RenderPrint(program, *target, *flags); });
  verb->add_option("source", flags->source, "The original")->required();
  verb->add_option("out", flags->out, "The JPEG to write")->required();
  verb->add_option("--width", flags->width, "Pixels of the page")->required();
  verb->add_option("--height", flags->height, "Pixels of the page")->required();
  verb->add_option("--rotate", flags->rotate, "Edit: 0, 90, 180 or 270 clockwise")
      ->capture_default_str();
  verb->add_option("--straighten", flags->straighten, "Edit: degrees clockwise, -45 to 45")
      ->capture_default_str();
  verb->add_option("--edit-crop", flags->edit_crop, "Edit: left,top,width,height as fractions");
  verb->add_option("--crop", flags->crop,
                   "Print crop in the edited picture: left,top,width,height as fractions");
  verb->add_option("--fit", flags->fit, "fill cuts what is too much, fit leaves white")
      ->capture_default_str();
  verb->add_option("--border", flags->border, "White border in pixels")->capture_default_str();
  verb->add_option("--ppi", flags->ppi, "Density recorded in the JPEG")->capture_default_str();
  verb->add_option("--quality", flags->quality, "JPEG quality")->capture_default_str();
}

}  // namespace

void AddImageCommands(CLI::App& root, Program& program) {
  CLI::App* group = AddGroup(root, "image", "Look at, compare and render image files");
  auto target = std::make_shared<ImageTarget>();
  group
      ->add_option("--worker", target->worker,
                   "The worker program; without it proofline-imaging-worker beside this one")
      ->type_name("FILE");
  AddSheetVerbs(*group, program, target);
  AddRenderVerb(*group, program, target);
  auto file = std::make_shared<std::string>();
  AddVerb(*group, program, "facts", "Say what an image file says about itself",
          "proofline image facts DSC_0001.jpg",
          [&program, target, file] { return ShowFacts(program, *target, *file); })
      ->add_option("file", *file, "The image")
      ->required();
}

}  // namespace proofline::cli
