// proofline studio …: the photographer's verbs.
#include "cli/arguments.h"
#include "cli/list.h"
#include "cli/names.h"
#include "cli/order_view.h"
#include "cli/studio_verbs.h"
#include "cli/text.h"
#include "lib/base/text.h"

namespace proofline::cli {
namespace {

using Stub = v1::StudioControlService::Stub;
using base::Concat;
using Target = std::shared_ptr<StudioTarget>;

constexpr int kPageSize = 1000;

absl::Status ListGalleries(Program& program, const StudioTarget& target) {
  const auto client = DialStudio(program, target);
  if (!client.ok()) return client.status();
  v1::ListLocalGalleriesRequest request;
  request.set_page_size(kPageSize);
  return PrintList(
      program.output, *client, &Stub::ListLocalGalleries, request,
      &v1::ListLocalGalleriesResponse::galleries, Table({"GALLERY", "TITLE", ">PHOTOS", "SINCE"}),
      [](const v1::Gallery& gallery) {
        return std::vector<std::string>{LastId(gallery.name()), gallery.title(),
                                        std::to_string(gallery.photo_count()),
                                        LocalTime(gallery.create_time())};
      },
      "no galleries yet");
}

absl::Status ListPhotos(Program& program, const StudioTarget& target, const std::string& gallery,
                        const std::string& only) {
  const auto state = ParseWord<v1::LocalPhotoState>(only);
  if (!state.ok()) return state.status();
  const auto client = DialStudio(program, target);
  if (!client.ok()) return client.status();
  v1::ListLocalPhotosRequest request;
  request.set_page_size(kPageSize);
  request.set_state(*state);
  if (!gallery.empty()) {
    const auto name = StudioNames(*client).Gallery(gallery);
    if (!name.ok()) return name.status();
    request.set_gallery(*name);
  }
  return PrintList(
      program.output, *client, &Stub::ListLocalPhotos, request,
      &v1::ListLocalPhotosResponse::photos,
      Table({"PHOTO", "FILE", "STATE", ">WIDTH", ">HEIGHT", ">SIZE", "TAKEN", "MESSAGE"}),
      [](const v1::LocalPhoto& local) {
        const v1::Photo& photo = local.photo();
        const auto pixels = [](int side) { return side > 0 ? std::to_string(side) : ""; };
        return std::vector<std::string>{
            ShortName(photo.name(), 1),    photo.file_name(),
            Word(local.state()),           pixels(photo.width_px()),
            pixels(photo.height_px()),     SizeText(photo.original_size_bytes()),
            CaptureTime(photo.metadata()), local.state_message()};
      },
      "no photos");
}

absl::Status Retry(Program& program, const StudioTarget& target,
                   const std::vector<std::string>& texts) {
  const auto client = DialStudio(program, target);
  if (!client.ok()) return client.status();
  const auto photos = StudioNames(*client).Photos(texts);
  if (!photos.ok()) return photos.status();
  v1::RetryPhotosRequest request;
  for (const v1::LocalPhoto& photo : *photos) request.add_names(photo.photo().name());
  if (!texts.empty() && photos->empty()) {
    return absl::NotFoundError("the named galleries hold no photos");
  }
  const auto response = client->Call(&Stub::RetryPhotos, request);
  if (!response.ok()) return response.status();
  program.output.Done(*response, Concat(CountText(response->photos(), "photo waits", "photos wait"),
                                        " to be rendered again"));
  return absl::OkStatus();
}

absl::Status ListOrders(Program& program, const StudioTarget& target) {
  const auto client = DialStudio(program, target);
  if (!client.ok()) return client.status();
  v1::ListLocalOrdersRequest request;
  request.set_page_size(kPageSize);
  return PrintList(
      program.output, *client, &Stub::ListLocalOrders, request,
      &v1::ListLocalOrdersResponse::orders, OrderTable(),
      [](const v1::Order& order) { return OrderRow(order, 1); }, "no orders yet");
}

// A verb that sends an empty request and is done.
template <typename Request, typename Response>
std::function<absl::Status()> SimpleVerb(Program& program, const Target& target,
                                         StudioClient::Method<Request, Response> method,
                                         std::string done) {
  return [&program, target, method, done = std::move(done)]() -> absl::Status {
    const auto client = DialStudio(program, *target);
    if (!client.ok()) return client.status();
    const absl::StatusOr<Response> response = client->Call(method, Request());
    if (!response.ok()) return response.status();
    program.output.Done(*response, done);
    return absl::OkStatus();
  };
}

void AddListVerbs(CLI::App& group, Program& program, const Target& target) {
  AddVerb(group, program, "galleries", "List the galleries of this device",
          "proofline studio galleries",
          [&program, target] { return ListGalleries(program, *target); });
  struct Filter {
    std::string gallery;
    std::string only;
  };
  auto filter = std::make_shared<Filter>();
  CLI::App* list =
      AddVerb(group, program, "list", "List photos",
              "proofline studio list --gallery summer --only failed", [&program, target, filter] {
                return ListPhotos(program, *target, filter->gallery, filter->only);
              });
  list->add_option("--gallery", filter->gallery, "Only this gallery: identifier, name or title");
  list->add_option("--only", filter->only,
                   "Only photos in this state: " + EnumWords(v1::LocalPhotoState_descriptor()));
  auto photo = std::make_shared<std::string>();
  CLI::App* show = AddVerb(group, program, "show", "Show one photo",
                           "proofline studio show /photos/summer/DSC_0001.jpg",
                           [&program, target, photo]() -> absl::Status {
                             const auto client = DialStudio(program, *target);
                             if (!client.ok()) return client.status();
                             const auto found = StudioNames(*client).Photo(*photo);
                             if (!found.ok()) return found.status();
                             PrintLocalPhoto(program.output, *found);
                             return absl::OkStatus();
                           });
  show->add_option("photo", *photo, "GALLERY/PHOTO, identifier, name, or the original's path")
      ->required();
  AddVerb(group, program, "orders", "List the orders that this device has part in",
          "proofline studio orders", [&program, target] { return ListOrders(program, *target); });
}

void AddWorkVerbs(CLI::App& group, Program& program, const Target& target) {
  auto texts = std::make_shared<std::vector<std::string>>();
  CLI::App* retry =
      AddVerb(group, program, "retry", "Try failed photos again", "proofline studio retry",
              [&program, target, texts] { return Retry(program, *target, *texts); });
  retry->add_option("photos", *texts, std::string(kPhotosHelp) + "; none: all that failed");
  AddVerb(group, program, "pause", "Stop making and sending; what is under way is finished",
          "proofline studio pause",
          SimpleVerb<v1::PauseWorkRequest, v1::PauseWorkResponse>(
              program, target, &Stub::PauseWork, "paused; go on with: proofline studio resume"));
  AddVerb(group, program, "resume", "Go on after pause", "proofline studio resume",
          SimpleVerb<v1::ResumeWorkRequest, v1::ResumeWorkResponse>(program, target,
                                                                    &Stub::ResumeWork, "resumed"));
  AddVerb(group, program, "rescan", "Look through the watched folders again",
          "proofline studio rescan",
          SimpleVerb<v1::RescanRequest, v1::RescanResponse>(program, target, &Stub::Rescan,
                                                            "looking through the watched folders"));
}

}  // namespace

absl::StatusOr<StudioClient> DialStudio(const Program& program, const StudioTarget& target) {
  absl::StatusOr<Connection> connection =
      DialControl(kStudioDaemon, target.state, program.call_timeout());
  if (!connection.ok()) return connection.status();
  return StudioClient(*std::move(connection));
}

void PrintLocalPhoto(Output& output, const v1::LocalPhoto& local) {
  if (output.json()) {
    output.Json(local);
    return;
  }
  const v1::Photo& photo = local.photo();
  const v1::Metadata& metadata = photo.metadata();
  const auto size = [](int width, int height) {
    return width > 0 ? Concat(width, " x ", height) : std::string();
  };
  const auto number = [](double value, std::string_view before, std::string_view after) {
    return value > 0 ? Concat(before, NumberText(value), after) : std::string();
  };
  std::string keywords;
  for (const std::string& keyword : metadata.keywords()) {
    keywords += (keywords.empty() ? "" : ", ") + keyword;
  }
  Facts facts = {{"photo", photo.name()},
                 {"state", Word(local.state())},
                 {"message", local.state_message()},
                 {"device", photo.device()}};
  for (const std::string& path : local.paths()) facts.emplace_back("path", path);
  const Facts more = {
      {"size", SizeText(photo.original_size_bytes())},
      {"digest", HexText(photo.original_digest())},
      {"pixels", size(photo.width_px(), photo.height_px())},
      {"edit", EditText(photo.edit())},
      {"edited pixels",
       photo.has_edit() ? size(photo.edited_width_px(), photo.edited_height_px()) : ""},
      {"title", metadata.title()},
      {"caption", metadata.caption()},
      {"subject", metadata.subject()},
      {"event", metadata.event()},
      {"keywords", keywords},
      {"customer reference", metadata.customer_reference()},
      {"rating", metadata.rating() != 0 ? std::to_string(metadata.rating()) : ""},
      {"label", metadata.label()},
      {"creator", metadata.creator()},
      {"copyright", metadata.copyright()},
      {"location", metadata.location()},
      {"taken", CaptureTime(metadata)},
      {"camera", metadata.camera()},
      {"lens", metadata.lens()},
      {"exposure", ExposureText(metadata.exposure_seconds())},
      {"aperture", number(metadata.f_number(), "f/", "")},
      {"sensitivity", number(metadata.iso(), "ISO ", "")},
      {"focal length", number(metadata.focal_length_mm(), "", " mm")}};
  facts.insert(facts.end(), more.begin(), more.end());
  for (const auto& [key, value] : metadata.fields()) {
    facts.emplace_back(Concat("field ", key), value);
  }
  for (const v1::Rendition& rendition : photo.renditions()) {
    facts.emplace_back(Word(rendition.kind()),
                       Concat(size(rendition.width_px(), rendition.height_px()), ", ",
                              SizeText(rendition.size_bytes())));
  }
  output.Print(facts);
}

void AddStudioCommands(CLI::App& root, Program& program) {
  CLI::App* group = AddGroup(root, "studio", "Look after the studio daemon on this machine");
  auto target = std::make_shared<StudioTarget>();
  AddStateOption(*group, kStudioDaemon, target->state);
  // The group's option outlives this call with the verbs below, which hold the target.
  AddStudioStatusVerbs(*group, program, target);
  AddListVerbs(*group, program, target);
  AddStudioMetadataVerbs(*group, program, target);
  AddStudioEditVerbs(*group, program, target);
  AddStudioPictureVerbs(*group, program, target);
  AddStudioSelectVerbs(*group, program, target);
  AddStudioCustomerVerbs(*group, program, target);
  AddWorkVerbs(*group, program, target);
  AddStudioRebuildVerb(*group, program, target);
}

}  // namespace proofline::cli
