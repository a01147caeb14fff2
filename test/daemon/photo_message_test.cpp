#include "daemon/photo_message.h"

#include "lib/rpc/status.h"
#include "test/catch.h"

namespace proofline::studio {
namespace {

namespace pb = proofline::v1;

absl::Status Apply(record::Photo& photo, const pb::Photo& values,
                   const std::vector<std::string>& paths) {
  google::protobuf::RepeatedPtrField<std::string> mask;
  for (const std::string& path : paths) *mask.Add() = path;
  return ApplyUpdate(values, mask, photo);
}

TEST_CASE("a capture time with an offset is told in UTC together with the offset") {
  imaging::ImageFacts facts;
  facts.capture_time = "2024-05-01T12:34:56.25+02:00";
  const pb::Metadata metadata = MetadataFromFacts(facts);
  CHECK(metadata.capture_time().seconds() == 1714559696);
  CHECK(metadata.capture_time().nanos() == 250'000'000);
  CHECK(metadata.capture_utc_offset_minutes() == 120);
}

TEST_CASE("a capture time without an offset is the camera's clock read as UTC") {
  imaging::ImageFacts facts;
  facts.capture_time = "2024-05-01T12:34:56";
  const pb::Metadata metadata = MetadataFromFacts(facts);
  CHECK(metadata.capture_time().seconds() == 1714566896);
  CHECK_FALSE(metadata.has_capture_utc_offset_minutes());
}

TEST_CASE("where a picture was taken is told in the words of people") {
  imaging::ImageFacts facts;
  facts.location = "Bundesplatz, Bern";
  CHECK(MetadataFromFacts(facts).location() == "Bundesplatz, Bern");
  facts.location = std::string(3'000, 'x');
  CHECK(MetadataFromFacts(facts).location().size() == 1'000);
}

TEST_CASE("a capture time that is none is left out") {
  for (const char* text : {"", "yesterday", "2024-13-45T99:99:99", "2024"}) {
    imaging::ImageFacts facts;
    facts.capture_time = text;
    CHECK_FALSE(MetadataFromFacts(facts).has_capture_time());
  }
}

TEST_CASE("the maker's name stands once in the camera's name") {
  imaging::ImageFacts facts;
  facts.camera_make = "Canon";
  facts.camera_model = "Canon EOS 5D";
  CHECK(MetadataFromFacts(facts).camera() == "Canon EOS 5D");
  facts.camera_model = "EOS 5D";
  CHECK(MetadataFromFacts(facts).camera() == "Canon EOS 5D");
}

TEST_CASE("what people enter wins over the file, also when it is empty") {
  record::Photo photo;
  photo.mutable_from_file()->set_title("from the file");
  photo.mutable_from_file()->set_caption("caption of the file");
  pb::Photo values;
  values.mutable_metadata()->set_caption("ours");
  REQUIRE(Apply(photo, values, {"metadata.title", "metadata.caption"}).ok());
  CHECK(MergedMetadata(photo).title().empty());
  CHECK(MergedMetadata(photo).caption() == "ours");
  CHECK(photo.from_file().title() == "from the file");
}

TEST_CASE("a free field is set and taken away by its own path") {
  record::Photo photo;
  pb::Photo values;
  (*values.mutable_metadata()->mutable_fields())["class"] = "4b";
  (*values.mutable_metadata()->mutable_fields())["other"] = "not in the mask";
  REQUIRE(Apply(photo, values, {"metadata.fields.class"}).ok());
  CHECK(MergedMetadata(photo).fields().size() == 1);
  CHECK(MergedMetadata(photo).fields().at("class") == "4b");
  REQUIRE(Apply(photo, pb::Photo(), {"metadata.fields.class"}).ok());
  CHECK(MergedMetadata(photo).fields().empty());
}

TEST_CASE("what cannot be set is refused by name") {
  pb::Photo values;
  record::Photo photo;
  for (const char* path : {"metadata.camera", "metadata.nothing", "file_name", "name", ""}) {
    const absl::Status status = Apply(photo, values, {path});
    CHECK(absl::IsInvalidArgument(status));
    CHECK(rpc::ReasonOf(status) == "FIELD_INVALID");
  }
  CHECK(absl::IsInvalidArgument(Apply(photo, values, {})));
}

TEST_CASE("values beyond the limits are refused") {
  record::Photo photo;
  pb::Photo values;
  values.mutable_metadata()->set_title(std::string(1001, 'x'));
  CHECK(absl::IsInvalidArgument(Apply(photo, values, {"metadata.title"})));
  values.mutable_metadata()->set_title("fine");
  values.mutable_metadata()->set_rating(6);
  CHECK(absl::IsInvalidArgument(Apply(photo, values, {"metadata.rating"})));
  values.mutable_edit()->set_rotation_degrees(45);
  CHECK(absl::IsInvalidArgument(Apply(photo, values, {"edit"})));
  values.mutable_edit()->set_rotation_degrees(90);
  values.mutable_edit()->mutable_crop()->set_left(0.5);
  values.mutable_edit()->mutable_crop()->set_width(0.6);
  values.mutable_edit()->mutable_crop()->set_height(0.5);
  CHECK(absl::IsInvalidArgument(Apply(photo, values, {"edit"})));
}

}  // namespace
}  // namespace proofline::studio
