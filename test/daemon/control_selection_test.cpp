// The control service's calls about the selection, edits and contact sheets.
#include <limits>
#include <set>

#include "test/daemon/control_fixture.h"

namespace proofline::studio::test {
namespace {

namespace pb = proofline::v1;

using Stub = pb::StudioControlService::Stub;

constexpr char kNoGallery[] = "studios/demo/galleries/none";
constexpr char kNoPhoto[] = "studios/demo/galleries/g/photos/none";

// Photos of "ask" wait for the user; PNGs are kept.
Preferences Wishes() {
  Preferences preferences;
  SelectionRule rule;
  rule.name = "graphics stay";
  rule.paths = {"*.png"};
  rule.sent = false;
  rule.renditions = {preferences.thumbnail};
  preferences.rules = {rule};
  preferences.galleries = {{"ask", false}};
  return preferences;
}

// Does what the renderer does about photos of a gallery that waits, and renders the others.
void Work(Studio& studio) {
  while (std::optional<RenderTask> task = studio.Take()) {
    const Selection selection = Select(task->facts, *studio.catalog().preferences());
    if (selection.renditions.empty() || selection.waits) {
      REQUIRE(studio.catalog().FinishKept(*task, nullptr, selection.reason).ok());
      continue;
    }
    std::ifstream file(task->path, std::ios::binary);
    const std::string content((std::istreambuf_iterator<char>(file)), {});
    REQUIRE(studio.catalog().FinishRendered(*task, FakeRenditions(content), selection.sent).ok());
  }
}

std::string GalleryOf(const pb::LocalPhoto& photo) {
  const std::string& name = photo.photo().name();
  return name.substr(0, name.find("/photos/"));
}

void CheckNotFound(const absl::Status& status, std::string_view reason) {
  CHECK(absl::IsNotFound(status));
  CHECK(rpc::ReasonOf(status) == reason);
}

TEST_CASE("a gallery that waits goes on when it is asked to, once, and an unknown one is told") {
  Control c;
  REQUIRE(c.studio.catalog().UsePreferences(Wishes()).ok());
  c.studio.Add("ask/1.jpg", "1");
  c.studio.Add("ask/2.jpg", "2");
  c.studio.Add("other/3.jpg", "3");
  Work(c.studio);
  CHECK(c.Photo("ask/1.jpg").state() == pb::LOCAL_PHOTO_STATE_KEPT);
  CHECK(c.Photo("ask/1.jpg").state_message().find("proofline studio process") != std::string::npos);
  pb::ProcessGalleryRequest request;
  request.set_name(GalleryOf(c.Photo("ask/1.jpg")));
  pb::ProcessGalleryResponse response;
  REQUIRE(c.Call(&Stub::ProcessGallery, request, response).ok());
  CHECK(response.photos() == 2);
  CHECK(c.Status().waiting() == 2);
  Work(c.studio);
  CHECK(c.Photo("ask/2.jpg").state() == pb::LOCAL_PHOTO_STATE_RENDERED);
  REQUIRE(c.Call(&Stub::ProcessGallery, request, response).ok());
  CHECK(response.photos() == 0);
  // What comes later waits again.
  c.studio.Add("ask/4.jpg", "4");
  Work(c.studio);
  CHECK(c.Photo("ask/4.jpg").state() == pb::LOCAL_PHOTO_STATE_KEPT);
  for (const char* name : {kNoGallery, "", "studios/other/galleries/ask", "nonsense"}) {
    INFO(name);
    request.set_name(name);
    CheckNotFound(c.Call(&Stub::ProcessGallery, request, response), "GALLERY_NOT_FOUND");
  }
}

TEST_CASE("photos are forced in and out and given back, all of them or none") {
  Control c;
  REQUIRE(c.studio.catalog().UsePreferences(Wishes()).ok());
  c.studio.Add("g/1.jpg", "1");
  c.studio.Add("g/2.png", "2");
  Work(c.studio);
  CHECK(c.Photo("g/2.png").state() == pb::LOCAL_PHOTO_STATE_KEPT);
  pb::SelectPhotosRequest request;
  request.add_names(c.Photo("g/1.jpg").photo().name());
  request.add_names(c.studio.path("g/2.png"));
  pb::SelectPhotosResponse response;
  request.set_choice(pb::SelectPhotosRequest::CHOICE_OUT);
  REQUIRE(c.Call(&Stub::SelectPhotos, request, response).ok());
  CHECK(response.changed() == 2);
  CHECK(c.Photo("g/1.jpg").state() == pb::LOCAL_PHOTO_STATE_KEPT);
  REQUIRE(c.Call(&Stub::SelectPhotos, request, response).ok());
  CHECK(response.changed() == 0);
  request.set_choice(pb::SelectPhotosRequest::CHOICE_IN);
  REQUIRE(c.Call(&Stub::SelectPhotos, request, response).ok());
  CHECK(response.changed() == 2);
  CHECK(c.Photo("g/1.jpg").state() == pb::LOCAL_PHOTO_STATE_RENDERED);
  CHECK(c.Photo("g/2.png").state() != pb::LOCAL_PHOTO_STATE_KEPT);
  Work(c.studio);
  request.set_choice(pb::SelectPhotosRequest::CHOICE_UNSPECIFIED);
  REQUIRE(c.Call(&Stub::SelectPhotos, request, response).ok());
  CHECK(response.changed() == 2);
  CHECK(c.Photo("g/2.png").state() == pb::LOCAL_PHOTO_STATE_KEPT);

  request.set_choice(pb::SelectPhotosRequest::CHOICE_OUT);
  request.add_names(kNoPhoto);
  CheckNotFound(c.Call(&Stub::SelectPhotos, request, response), "PHOTO_NOT_FOUND");
  CHECK(c.Photo("g/1.jpg").state() == pb::LOCAL_PHOTO_STATE_RENDERED);
  request.clear_names();
  CHECK(absl::IsInvalidArgument(c.Call(&Stub::SelectPhotos, request, response)));
  request.add_names(c.studio.path("g/1.jpg"));
  request.set_choice(static_cast<pb::SelectPhotosRequest::Choice>(7));
  CHECK(absl::IsInvalidArgument(c.Call(&Stub::SelectPhotos, request, response)));
}

TEST_CASE("the selection is explained photo by photo, page by page, and nothing is changed") {
  Control c;
  REQUIRE(c.studio.catalog().UsePreferences(Wishes()).ok());
  for (const char* name : {"g/1.jpg", "g/2.png", "ask/3.jpg"}) c.studio.Add(name, name);
  Work(c.studio);
  pb::SelectPhotosRequest out;
  out.add_names(c.studio.path("g/1.jpg"));
  out.set_choice(pb::SelectPhotosRequest::CHOICE_OUT);
  pb::SelectPhotosResponse selected;
  REQUIRE(c.Call(&Stub::SelectPhotos, out, selected).ok());
  const std::int64_t before = c.studio.At("g/1.jpg").revision();
  pb::ExplainSelectionRequest request;
  request.set_page_size(1);
  std::map<std::string, pb::SelectionDecision> decisions;
  pb::ExplainSelectionResponse page;
  do {
    REQUIRE(c.Call(&Stub::ExplainSelection, request, page).ok());
    CHECK(page.decisions_size() <= 1);
    for (const pb::SelectionDecision& one : page.decisions()) decisions[one.photo()] = one;
    request.set_page_token(page.next_page_token());
  } while (!page.next_page_token().empty());
  REQUIRE(decisions.size() == 3);
  const auto at = [&](const char* name) { return decisions.at(c.Photo(name).photo().name()); };
  CHECK(at("g/1.jpg").rule() == -1);
  CHECK_FALSE(at("g/1.jpg").sent());
  CHECK(at("g/2.png").rule() == 1);
  CHECK(at("g/2.png").message().find("graphics stay") != std::string::npos);
  REQUIRE(at("g/2.png").renditions_size() == 1);
  CHECK(at("g/2.png").renditions(0) == pb::RENDITION_KIND_THUMBNAIL);
  CHECK(at("ask/3.jpg").message().find("process") != std::string::npos);
  CHECK(c.studio.At("g/1.jpg").revision() == before);

  request = {};
  request.set_gallery(GalleryOf(c.Photo("ask/3.jpg")));
  REQUIRE(c.Call(&Stub::ExplainSelection, request, page).ok());
  CHECK(page.decisions_size() == 1);
  request.set_gallery(kNoGallery);
  CheckNotFound(c.Call(&Stub::ExplainSelection, request, page), "GALLERY_NOT_FOUND");
  request = {};
  request.set_page_size(1001);
  CHECK(absl::IsInvalidArgument(c.Call(&Stub::ExplainSelection, request, page)));
}

TEST_CASE("photos of a gallery that never was are not simply none") {
  Control c;
  c.studio.Add("g/1.jpg", "1");
  pb::ListLocalPhotosRequest request;
  request.set_gallery(kNoGallery);
  pb::ListLocalPhotosResponse list;
  CheckNotFound(c.Call(&Stub::ListLocalPhotos, request, list), "GALLERY_NOT_FOUND");
}

TEST_CASE("a contact sheet that cannot be made says why") {
  absl::StatusOr<std::unique_ptr<imaging::WorkerPool>> pool =
      imaging::WorkerPool::Create({.worker_path = PROOFLINE_WORKER, .workers = 1});
  REQUIRE(pool.ok());
  Control c(pool->get());
  c.studio.Add("g/1.jpg", "1");
  pb::GetGalleryContactSheetRequest request;
  pb::GetGalleryContactSheetResponse sheet;
  request.set_name(kNoGallery);
  CheckNotFound(c.Call(&Stub::GetGalleryContactSheet, request, sheet), "GALLERY_NOT_FOUND");
  request.set_name(GalleryOf(c.Photo("g/1.jpg")));
  const auto says = [&](std::string_view what) {
    const absl::Status status = c.Call(&Stub::GetGalleryContactSheet, request, sheet);
    INFO(status);
    CHECK(rpc::ReasonOf(status) == "NOTHING_TO_SHOW");
    CHECK(std::string(status.message()).find(what) != std::string::npos);
  };
  says("no photo of the gallery has a thumbnail yet");
  c.studio.RenderAll();
  request.set_page(2);
  says("only 1 page");
  request.set_page(-1);
  CHECK(absl::IsInvalidArgument(c.Call(&Stub::GetGalleryContactSheet, request, sheet)));
  // The thumbnail of this fixture is no picture.
  request.set_page(0);
  const absl::Status broken = c.Call(&Stub::GetGalleryContactSheet, request, sheet);
  CHECK_FALSE(broken.ok());
  CHECK(std::string(broken.message()).find("picture 1") != std::string::npos);

  Control without;
  without.studio.Add("g/1.jpg", "1");
  CHECK(absl::IsFailedPrecondition(without.Call(&Stub::GetGalleryContactSheet, request, sheet)));
}

TEST_CASE("an edit that cannot be made leaves the photo as it is and says what is wrong with it") {
  Control c;
  c.studio.Add("g/1.jpg", "1");
  c.studio.RenderAll();
  c.studio.AcknowledgeAll();
  const std::int64_t before = c.studio.At("g/1.jpg").revision();
  pb::UpdateLocalPhotoRequest request;
  request.mutable_photo()->set_name(c.studio.path("g/1.jpg"));
  request.mutable_update_mask()->add_paths("edit");
  pb::Edit& edit = *request.mutable_photo()->mutable_edit();
  const auto refused = [&](std::string_view what) {
    pb::LocalPhoto answer;
    const absl::Status status = c.Call(&Stub::UpdateLocalPhoto, request, answer);
    INFO(status);
    CHECK(absl::IsInvalidArgument(status));
    CHECK(rpc::ReasonOf(status) == "FIELD_INVALID");
    CHECK(std::string(status.message()).find(what) != std::string::npos);
    CHECK(c.studio.At("g/1.jpg").revision() == before);
  };
  edit.set_rotation_degrees(45);
  refused("not 45");
  edit.set_rotation_degrees(-90);
  refused("not -90");
  edit.set_rotation_degrees(90);
  for (const double degrees : {45.01, -46.0, std::numeric_limits<double>::quiet_NaN()}) {
    edit.set_straighten_degrees(degrees);
    refused("from -45 to 45");
  }
  edit.set_straighten_degrees(0);
  const auto crop = [&](double left, double top, double width, double height) {
    edit.mutable_crop()->set_left(left);
    edit.mutable_crop()->set_top(top);
    edit.mutable_crop()->set_width(width);
    edit.mutable_crop()->set_height(height);
  };
  crop(0.5, 0, 0.6, 1);
  refused("inside the picture");
  crop(-0.1, 0, 0.5, 0.5);
  refused("inside the picture");
  crop(0, 0, 0, 1);
  refused("above 0");
  crop(0, 0, std::numeric_limits<double>::infinity(), 1);
  refused("must be numbers");
  request.mutable_photo()->set_name(kNoPhoto);
  crop(0, 0, 1, 0.5);
  pb::LocalPhoto answer;
  CheckNotFound(c.Call(&Stub::UpdateLocalPhoto, request, answer), "PHOTO_NOT_FOUND");
}

}  // namespace
}  // namespace proofline::studio::test
