// Metadata of many photos at once, over the control socket and into the publish queue.
#include "test/daemon/control_fixture.h"

namespace proofline::studio::test {
namespace {

namespace pb = proofline::v1;
using Stub = pb::StudioControlService::Stub;

struct Batch : Control {
  explicit Batch(const std::vector<std::string>& files) {
    for (const std::string& file : files) studio.Add(file, file);
    studio.RenderAll();
    studio.AcknowledgeAll();
  }
  std::string Gallery(const std::string& file) {
    const std::string name = Photo(file).photo().name();
    return name.substr(0, name.find("/photos/"));
  }
  absl::StatusOr<pb::BatchUpdateLocalPhotosResponse> Update(
      const pb::BatchUpdateLocalPhotosRequest& request) {
    pb::BatchUpdateLocalPhotosResponse response;
    const absl::Status status = Call(&Stub::BatchUpdateLocalPhotos, request, response);
    if (!status.ok()) return status;
    return response;
  }
};

pb::BatchUpdateLocalPhotosRequest EventOf(const std::string& name, const std::string& event) {
  pb::BatchUpdateLocalPhotosRequest request;
  request.add_names(name);
  request.mutable_values()->mutable_metadata()->set_event(event);
  request.mutable_update_mask()->add_paths("metadata.event");
  return request;
}

TEST_CASE("a batch changes photos, paths and whole galleries, and no rendition is sent for it") {
  Batch b({"a/1.jpg", "a/2.jpg", "b/3.jpg", "b/4.jpg"});
  pb::BatchUpdateLocalPhotosRequest request = EventOf(b.Gallery("a/1.jpg"), "Fair");
  request.add_names(b.Photo("a/2.jpg").photo().name());  // named twice, changed once
  request.add_names(b.studio.path("b/3.jpg"));
  (*request.mutable_values()->mutable_metadata()->mutable_fields())["class"] = "4b";
  request.mutable_update_mask()->add_paths("metadata.fields.class");
  const auto done = b.Update(request);
  REQUIRE(done.ok());
  CHECK(done->photos() == 3);
  CHECK(done->changed() == 3);
  const std::vector<PendingPublish> pending = b.studio.Pending();
  REQUIRE(pending.size() == 3);
  for (const PendingPublish& one : pending) {
    CHECK(one.contents.empty());
    CHECK(one.photo.metadata().event() == "Fair");
    CHECK(one.photo.metadata().fields().at("class") == "4b");
    CHECK(one.photo.metadata().title() == "from the file");
  }
  CHECK(b.Photo("b/4.jpg").photo().metadata().event().empty());

  // The same again changes nothing and sends nothing.
  b.studio.AcknowledgeAll();
  const auto again = b.Update(request);
  REQUIRE(again.ok());
  CHECK(again->changed() == 0);
  CHECK(b.studio.Pending().empty());
}

TEST_CASE("a batch with one wrong name or value changes nothing") {
  Batch b({"a/1.jpg", "a/2.jpg"});
  pb::BatchUpdateLocalPhotosRequest request = EventOf(b.Gallery("a/1.jpg"), "Fair");
  request.add_names("studios/demo/galleries/a/photos/none");
  CHECK(absl::IsNotFound(b.Update(request).status()));
  request.set_names(1, "studios/demo/galleries/none");
  CHECK(rpc::ReasonOf(b.Update(request).status()) == "GALLERY_NOT_FOUND");
  request = EventOf(b.Gallery("a/1.jpg"), std::string(1'001, 'x'));
  const absl::Status too_long = b.Update(request).status();
  CHECK(absl::IsInvalidArgument(too_long));
  CHECK(rpc::DetailOf(too_long, "photo").has_value());
  CHECK(rpc::DetailOf(too_long, "field") == "metadata.event");
  request = EventOf(b.Gallery("a/1.jpg"), "Fair");
  request.mutable_update_mask()->add_paths("file_name");
  CHECK(absl::IsInvalidArgument(b.Update(request).status()));
  CHECK(absl::IsInvalidArgument(b.Update(pb::BatchUpdateLocalPhotosRequest()).status()));
  CHECK(b.studio.Pending().empty());
}

TEST_CASE("keywords are added and removed beside those of the file") {
  Batch b({"a/1.jpg"});
  pb::BatchUpdateLocalPhotosRequest request;
  request.add_names(b.studio.path("a/1.jpg"));
  for (const char* keyword : {"school", "fair", "fair"}) request.add_add_keywords(keyword);
  REQUIRE(b.Update(request).ok());
  CHECK(b.Photo("a/1.jpg").photo().metadata().keywords_size() == 2);
  request.clear_add_keywords();
  request.add_remove_keywords("school");
  request.add_remove_keywords("never there");
  REQUIRE(b.Update(request).ok());
  const auto left = b.Photo("a/1.jpg").photo().metadata().keywords();
  REQUIRE(left.size() == 1);
  CHECK(left[0] == "fair");
  CHECK(b.Update(request)->changed() == 0);
}

TEST_CASE("photos that come into a gallery later get what was set for them") {
  Batch b({"a/1.jpg", "b/2.jpg"});
  pb::BatchUpdateLocalPhotosRequest request = EventOf(b.Gallery("a/1.jpg"), "Fair");
  request.set_and_later(true);
  REQUIRE(b.Update(request).ok());
  b.studio.Add("a/3.jpg", "three");
  b.studio.Add("b/4.jpg", "four");
  CHECK(b.Photo("a/3.jpg").photo().metadata().event() == "Fair");
  CHECK(b.Photo("b/4.jpg").photo().metadata().event().empty());
}

TEST_CASE("what is set for later survives a restart and is not undone by the file") {
  Studio studio;
  studio.Add("a/1.jpg", "one");
  const std::string gallery = studio.At("a/1.jpg").places(0).gallery();
  REQUIRE(studio.catalog()
              .SetLaterMetadata(gallery,
                                [](record::Photo& photo) {
                                  photo.mutable_entered()->set_title("Fair");
                                  photo.add_entered_fields("title");
                                  return absl::OkStatus();
                                })
              .ok());
  studio.Open();
  studio.Add("a/2.jpg", "two");
  studio.Add("b/3.jpg", "three");
  studio.RenderAll();
  CHECK(MergedMetadata(studio.At("a/1.jpg")).title() == "from the file");
  CHECK(MergedMetadata(studio.At("a/2.jpg")).title() == "Fair");
  CHECK(MergedMetadata(studio.At("b/3.jpg")).title() == "from the file");
}

TEST_CASE("later photos are for galleries, and edits are not for later") {
  Batch b({"a/1.jpg"});
  pb::BatchUpdateLocalPhotosRequest request = EventOf(b.studio.path("a/1.jpg"), "Fair");
  request.set_and_later(true);
  CHECK(absl::IsInvalidArgument(b.Update(request).status()));
  request = EventOf(b.Gallery("a/1.jpg"), "Fair");
  request.set_and_later(true);
  request.mutable_update_mask()->add_paths("edit");
  CHECK(absl::IsInvalidArgument(b.Update(request).status()));
}

}  // namespace
}  // namespace proofline::studio::test
