// What the catalog has for the host, and what people change.
#include "daemon/catalog.h"
#include "test/daemon/studio_fixture.h"

namespace proofline::studio::test {
namespace {

namespace pb = proofline::v1;

void Rename(Studio& studio, const std::string& id, const std::string& title) {
  REQUIRE(studio.catalog()
              .Update(id, "",
                      [&](record::Photo& photo) {
                        photo.mutable_entered()->set_title(title);
                        photo.clear_entered_fields();
                        photo.add_entered_fields("title");
                        return absl::OkStatus();
                      })
              .ok());
}

TEST_CASE("pending changes come in the order of their sequence, in packs of about the asked size") {
  Studio studio;
  for (const char* name : {"a.jpg", "b.jpg", "c.jpg"}) studio.Add(name, name);
  studio.RenderAll(/*proof_bytes=*/100'000);
  const std::vector<PendingPublish> all = studio.Pending();
  REQUIRE(all.size() == 3);
  CHECK(all[0].sequence < all[1].sequence);
  CHECK(all[1].sequence < all[2].sequence);
  CHECK(all[0].photo.file_name() == "a.jpg");
  CHECK(all[0].contents.size() == 2);
  CHECK(base::Sha256Of(all[0].contents[1].jpeg).bytes() == all[0].photo.renditions(1).digest());

  CHECK(studio.Pending(0, 1000).size() == 1);
  CHECK(studio.Pending(0, 250'000).size() == 2);
  CHECK(studio.Pending(all[0].sequence).size() == 2);
  CHECK(studio.Pending(all[2].sequence).empty());
}

TEST_CASE("acknowledged photos are published, and only their thumbnail is kept") {
  Studio studio;
  for (const char* name : {"a.jpg", "b.jpg"}) studio.Add(name, name);
  studio.RenderAll();
  const std::vector<PendingPublish> pending = studio.Pending();
  REQUIRE(studio.catalog().Acknowledge(pending[0].sequence, {}).ok());
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_PUBLISHED) == 1);
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_RENDERED) == 1);
  CHECK(studio.Pending().size() == 1);
  CHECK(studio.catalog().GetThumbnail(studio.At("a.jpg").id()).ok());

  studio.Open();
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_PUBLISHED) == 1);
  CHECK(studio.Pending().size() == 1);
  REQUIRE(studio.catalog().Acknowledge(pending[0].sequence, {}).ok());
  CHECK(studio.Pending().size() == 1);
}

TEST_CASE("a refused photo says why, and its neighbours are published") {
  Studio studio;
  for (const char* name : {"a.jpg", "b.jpg", "c.jpg"}) studio.Add(name, name);
  studio.RenderAll();
  const std::vector<PendingPublish> pending = studio.Pending();
  REQUIRE(studio.catalog()
              .Acknowledge(pending[2].sequence,
                           {{pending[1].sequence, {"DIGEST_MISMATCH", "the proof is damaged"}}})
              .ok());
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_PUBLISHED) == 2);
  CHECK(studio.At("b.jpg").state() == pb::LOCAL_PHOTO_STATE_REFUSED);
  CHECK(studio.At("b.jpg").state_message() == "the proof is damaged");
  CHECK(studio.Pending().empty());

  CHECK(studio.catalog().Retry({}).value() == 1);
  studio.RenderAll();
  CHECK(studio.Pending().at(0).contents.size() == 2);
}

TEST_CASE("a host that lacks the renditions of a known photo gets them made again") {
  Studio studio;
  studio.Add("a.jpg", "a");
  studio.RenderAll();
  studio.AcknowledgeAll();
  Rename(studio, studio.At("a.jpg").id(), "new");
  const std::int64_t sequence = studio.Pending().at(0).sequence;
  REQUIRE(studio.catalog()
              .Acknowledge(sequence, {{sequence, {"RENDITION_MISSING", "send the renditions"}}})
              .ok());
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_WAITING) == 1);
  studio.RenderAll();
  CHECK(studio.Pending().at(0).contents.size() == 2);
}

TEST_CASE("new metadata is published without renditions, and with them if they were never taken") {
  Studio studio;
  studio.Add("a.jpg", "a");
  studio.RenderAll();
  const std::string id = studio.At("a.jpg").id();
  const std::int64_t first = studio.Pending().at(0).sequence;
  Rename(studio, id, "before the host had it");
  REQUIRE(studio.Pending().size() == 1);
  CHECK(studio.Pending().at(0).contents.size() == 2);
  CHECK(studio.Pending().at(0).sequence > first);
  CHECK(studio.Pending().at(0).photo.metadata().title() == "before the host had it");

  // The acknowledgement of what was sent before the change is not one of the change.
  REQUIRE(studio.catalog().Acknowledge(first, {}).ok());
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_RENDERED) == 1);
  studio.AcknowledgeAll();
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_PUBLISHED) == 1);
  Rename(studio, id, "after");
  REQUIRE(studio.Pending().size() == 1);
  CHECK(studio.Pending().at(0).contents.empty());
}

TEST_CASE("renditions that are on their way are not sent again with new metadata") {
  Studio studio;
  studio.Add("a.jpg", "a");
  studio.RenderAll();
  const std::string id = studio.At("a.jpg").id();
  const std::int64_t first = studio.Pending().at(0).sequence;
  Rename(studio, id, "while it is on its way");
  std::int64_t second = 0;
  SECTION("in the same stream, before the host has acknowledged them") {
    const std::vector<PendingPublish> pending = studio.Pending(first);
    REQUIRE(pending.size() == 1);
    CHECK(pending[0].contents.empty());
    second = pending[0].sequence;
    SECTION("and it takes them") {
      REQUIRE(studio.catalog().Acknowledge(second, {}).ok());
      CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_PUBLISHED) == 1);
    }
    SECTION("and it refuses them") {
      REQUIRE(studio.catalog()
                  .Acknowledge(second, {{first, {"DIGEST_MISMATCH", "damaged on the way"}},
                                        {second, {"RENDITION_MISSING", "send them"}}})
                  .ok());
      studio.RenderAll();
      CHECK(studio.Pending(second).at(0).contents.size() == 2);
    }
    SECTION("and another stream goes on before them") {
      REQUIRE(studio.catalog().HostOpened(first - 1).ok());
      CHECK(studio.Pending(first - 1).at(0).contents.size() == 2);
    }
    SECTION("and another stream goes on between them") {
      REQUIRE(studio.catalog().HostOpened(first).ok());
      REQUIRE(studio.Pending(first).size() == 1);
      CHECK(studio.Pending(first)[0].contents.empty());
    }
  }
  SECTION("when the host has them and not the metadata") {
    REQUIRE(studio.catalog().Acknowledge(first, {}).ok());
    studio.Open();
    REQUIRE(studio.Pending(first).size() == 1);
    CHECK(studio.Pending(first)[0].contents.empty());
    CHECK(studio.Pending(first)[0].photo.metadata().title() == "while it is on its way");
    studio.AcknowledgeAll();
    CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_PUBLISHED) == 1);
  }
  SECTION("when the host has refused them") {
    REQUIRE(studio.catalog().Acknowledge(first, {{first, {"DIGEST_MISMATCH", "damaged"}}}).ok());
    CHECK(studio.Pending(first).at(0).contents.size() == 2);
  }
  SECTION("unless they have become others") {
    REQUIRE(studio.catalog()
                .Update(id, "",
                        [](record::Photo& photo) {
                          photo.mutable_edit()->set_rotation_degrees(90);
                          return absl::OkStatus();
                        })
                .ok());
    REQUIRE(studio.catalog().FinishRendered(*studio.Take(), FakeRenditions("b"), true).ok());
    REQUIRE(studio.catalog().Acknowledge(first, {}).ok());
    CHECK(studio.Pending(first).at(0).contents.size() == 2);
  }
  SECTION("unless they were withdrawn in between") {
    REQUIRE(studio.catalog().SelectPhotos({id}, record::SELECTION_CHOICE_OUT).ok());
    REQUIRE(studio.Pending(first).at(0).withdrawal);
    REQUIRE(studio.catalog().SelectPhotos({id}, record::SELECTION_CHOICE_IN).ok());
    studio.RenderAll();
    CHECK(studio.Pending(first).at(0).contents.size() == 2);
  }
}

TEST_CASE("a new edit has the photo rendered and sent again") {
  Studio studio;
  studio.Add("a.jpg", "a");
  studio.RenderAll();
  studio.AcknowledgeAll();
  const std::string id = studio.At("a.jpg").id();
  REQUIRE(studio.catalog()
              .Update(id, "",
                      [](record::Photo& photo) {
                        photo.mutable_edit()->set_rotation_degrees(90);
                        return absl::OkStatus();
                      })
              .ok());
  const std::optional<RenderTask> task = studio.Take();
  REQUIRE(task.has_value());
  CHECK(task->edit.rotation_degrees == 90);
  CHECK_FALSE(task->maybe_known);
  imaging::Renditions turned = FakeRenditions("a");
  for (imaging::Rendition& one : turned.renditions) one.jpeg = FakeJpeg(one.kind + ", turned");
  REQUIRE(studio.catalog().FinishRendered(*task, turned, true).ok());
  const PendingPublish pending = studio.Pending().at(0);
  CHECK(pending.contents.size() == 2);
  CHECK(pending.photo.edit().rotation_degrees() == 90);
  CHECK(pending.photo.width_px() == 4000);
  CHECK(pending.photo.edited_width_px() == 3000);
}

TEST_CASE("an update with an old etag changes nothing") {
  Studio studio;
  studio.Add("a.jpg", "a");
  const record::Photo photo = studio.At("a.jpg");
  Rename(studio, photo.id(), "first");
  const absl::Status status = studio.catalog()
                                  .Update(photo.id(), std::to_string(photo.revision()),
                                          [](record::Photo& record) {
                                            record.mutable_entered()->set_title("second");
                                            return absl::OkStatus();
                                          })
                                  .status();
  CHECK(absl::IsAborted(status));
  CHECK(studio.At("a.jpg").entered().title() == "first");
  CHECK(absl::IsNotFound(studio.catalog()
                             .Update("nobody", "", [](record::Photo&) { return absl::OkStatus(); })
                             .status()));
}

TEST_CASE("a host that forgot what it had acknowledged gets it again") {
  Studio studio;
  for (const char* name : {"a.jpg", "b.jpg"}) studio.Add(name, name);
  studio.RenderAll();
  const std::int64_t first = studio.Pending().at(0).sequence;
  studio.AcknowledgeAll();
  REQUIRE(studio.catalog().HostOpened(first).ok());
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_PUBLISHED) == 1);
  CHECK(studio.At("b.jpg").state() == pb::LOCAL_PHOTO_STATE_WAITING);
  studio.RenderAll();
  REQUIRE(studio.Pending().size() == 1);
  CHECK(studio.Pending().at(0).contents.size() == 2);
}

TEST_CASE("a catalog older than what the host holds goes on after it") {
  Studio studio;
  studio.Add("a.jpg", "a");
  studio.RenderAll();
  REQUIRE(studio.catalog().HostOpened(1000).ok());
  REQUIRE(studio.Pending().size() == 1);
  CHECK(studio.Pending().at(0).sequence == 1001);
  CHECK(studio.Pending().at(0).contents.size() == 2);
}

TEST_CASE("what the host has when a stream opens counts as acknowledged") {
  Studio studio;
  for (const char* name : {"a.jpg", "b.jpg"}) studio.Add(name, name);
  studio.RenderAll();
  REQUIRE(studio.catalog().HostOpened(studio.Pending().at(0).sequence).ok());
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_PUBLISHED) == 1);
}

TEST_CASE("refusals that come with the opening count, and what is unsure is sent again") {
  Studio studio;
  for (const char* name : {"a.jpg", "b.jpg", "c.jpg", "d.jpg"}) studio.Add(name, name);
  studio.RenderAll();
  const std::vector<PendingPublish> sent = studio.Pending();
  REQUIRE(studio.catalog()
              .HostOpened(sent[3].sequence, {{sent[1].sequence, {"SIZE_INVALID", "no size"}}},
                          sent[2].sequence)
              .ok());
  CHECK(studio.At("b.jpg").state() == pb::LOCAL_PHOTO_STATE_REFUSED);
  CHECK(studio.At("d.jpg").state() == pb::LOCAL_PHOTO_STATE_PUBLISHED);
  const std::vector<PendingPublish> again = studio.Pending();
  REQUIRE(again.size() == 2);
  CHECK(again[0].sequence > sent[3].sequence);
  CHECK(again[0].photo.file_name() == "a.jpg");
  CHECK(again[0].contents.size() == 2);
  CHECK(again[1].photo.file_name() == "c.jpg");
  CHECK(studio.catalog().host_sequence() == sent[3].sequence);
}

TEST_CASE("photos that the selection keeps are not published") {
  Studio studio;
  Preferences preferences;
  preferences.rules.push_back(
      {.renditions = {preferences.thumbnail, preferences.proof}, .sent = false});
  REQUIRE(studio.catalog().UsePreferences(preferences).ok());
  studio.Add("a.jpg", "a");
  REQUIRE(studio.catalog().FinishRendered(*studio.Take(), FakeRenditions("a"), false).ok());
  CHECK(studio.Count(pb::LOCAL_PHOTO_STATE_KEPT) == 1);
  CHECK(studio.Pending().empty());
  Rename(studio, studio.At("a.jpg").id(), "still here");
  CHECK(studio.Pending().empty());
}

TEST_CASE("paused work stays paused over a restart") {
  Studio studio;
  studio.Add("a.jpg", "a");
  REQUIRE(studio.catalog().SetPaused(true).ok());
  studio.Open();
  CHECK(studio.catalog().paused());
  std::stop_source stop;
  std::optional<RenderTask> task;
  {
    const std::jthread renderer([&] { task = studio.catalog().TakeWaiting(stop.get_token()); });
    REQUIRE(studio.catalog().SetPaused(false).ok());
  }
  CHECK(task.has_value());
}

TEST_CASE("whoever waits for work is woken by it and by the end") {
  Studio studio;
  std::stop_source stop;
  bool pending = false;
  {
    const std::jthread publisher(
        [&] { pending = studio.catalog().WaitForPending(0, stop.get_token()); });
    studio.Add("a.jpg", "a");
    studio.RenderAll();
  }
  CHECK(pending);
  std::optional<RenderTask> task;
  {
    const std::jthread renderer([&] { task = studio.catalog().TakeWaiting(stop.get_token()); });
    stop.request_stop();
  }
  CHECK_FALSE(task.has_value());
}

TEST_CASE("sent bytes are counted and kept with the next acknowledgement") {
  Studio studio;
  studio.Add("a.jpg", "a");
  studio.RenderAll();
  studio.catalog().CountSentBytes(500);
  studio.AcknowledgeAll();
  studio.Open();
  CHECK(studio.catalog().counts().sent_bytes == 500);
}

}  // namespace
}  // namespace proofline::studio::test
