#include <algorithm>
#include <map>
#include <sstream>

#include "google/protobuf/util/json_util.h"
#include "lib/rpc/status.h"
#include "proofline/v1/studio_control_service.grpc.pb.h"
#include "test/catch.h"
#include "test/cli/run_cli.h"

namespace proofline::test {
namespace {

// Three photos in two galleries; pages of two.
class FakeStudio : public v1::StudioControlService::Service {
 public:
  FakeStudio() {
    for (const char* name : {"summer-1/photos/p1", "summer-1/photos/p2", "winter-2/photos/p3"}) {
      v1::LocalPhoto photo;
      photo.mutable_photo()->set_name(std::string("studios/demo/galleries/") + name);
      photo.mutable_photo()->set_file_name(std::string("F") + name[16] + ".jpg");
      photo.mutable_photo()->mutable_metadata()->set_title("old");
      (*photo.mutable_photo()->mutable_metadata()->mutable_fields())["class"] = "4a";
      photo.set_state(v1::LOCAL_PHOTO_STATE_PUBLISHED);
      photos_.push_back(photo);
    }
  }

  std::vector<v1::UpdateLocalPhotoRequest> updates;
  std::vector<v1::BatchUpdateLocalPhotosRequest> batches;
  std::vector<v1::GetStudioStatusResponse> statuses;
  // Streams that are watched until the last one is refused; 0: they end well.
  int breaks = 0;

 private:
  using Context = grpc::ServerContext;

  grpc::Status ListLocalGalleries(Context*, const v1::ListLocalGalleriesRequest*,
                                  v1::ListLocalGalleriesResponse* response) override {
    for (const auto& [id, title] :
         std::map<std::string, std::string>{{"summer-1", "Summer"}, {"winter-2", "Winter"}}) {
      v1::Gallery& gallery = *response->add_galleries();
      gallery.set_name("studios/demo/galleries/" + id);
      gallery.set_title(title);
    }
    return grpc::Status::OK;
  }

  grpc::Status ListLocalPhotos(Context*, const v1::ListLocalPhotosRequest* request,
                               v1::ListLocalPhotosResponse* response) override {
    std::vector<v1::LocalPhoto> matching;
    for (const v1::LocalPhoto& photo : photos_) {
      if (photo.photo().name().starts_with(request->gallery())) matching.push_back(photo);
    }
    std::size_t at = request->page_token().empty() ? 0 : std::stoul(request->page_token());
    for (int i = 0; i < 2 && at < matching.size(); ++i) *response->add_photos() = matching[at++];
    if (at < matching.size()) response->set_next_page_token(std::to_string(at));
    return grpc::Status::OK;
  }

  grpc::Status GetLocalPhoto(Context*, const v1::GetLocalPhotoRequest* request,
                             v1::LocalPhoto* response) override {
    for (const v1::LocalPhoto& photo : photos_) {
      if (photo.photo().name() != request->name() && request->name() != "/photos/F1.jpg") continue;
      *response = photo;
      return grpc::Status::OK;
    }
    return rpc::ToGrpc(rpc::Error(absl::StatusCode::kNotFound, "there is no such photo",
                                  "PHOTO_NOT_FOUND", {{"photo", request->name()}}));
  }

  grpc::Status UpdateLocalPhoto(Context*, const v1::UpdateLocalPhotoRequest* request,
                                v1::LocalPhoto* response) override {
    updates.push_back(*request);
    *response->mutable_photo() = request->photo();
    return grpc::Status::OK;
  }

  grpc::Status BatchUpdateLocalPhotos(Context*, const v1::BatchUpdateLocalPhotosRequest* request,
                                      v1::BatchUpdateLocalPhotosResponse* response) override {
    batches.push_back(*request);
    response->set_photos(3);
    response->set_changed(2);
    return grpc::Status::OK;
  }

  grpc::Status WatchStudioStatus(Context*, const v1::WatchStudioStatusRequest*,
                                 grpc::ServerWriter<v1::GetStudioStatusResponse>* writer) override {
    for (const auto& status : statuses) writer->Write(status);
    if (breaks == 0) return grpc::Status::OK;
    return --breaks > 0 ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "going down")
                        : grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "it is enough");
  }

  grpc::Status PauseWork(Context*, const v1::PauseWorkRequest*, v1::PauseWorkResponse*) override {
    return grpc::Status::OK;
  }

  std::vector<v1::LocalPhoto> photos_;
};

struct Line {
  FakeStudio studio;
  FakeDaemon daemon{studio};

  Ran Run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "studio");
    arguments.insert(arguments.end(), {"--state", daemon.state()});
    return RunCli(arguments);
  }
};

std::size_t Lines(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST_CASE("a list goes through all pages, as a table or as lines of JSON") {
  const Line line;
  const Ran table = line.Run({"list"});
  CHECK(table.exit_code == 0);
  CHECK(Lines(table.out) == 4);
  CHECK(table.out.find("winter-2/p3") != std::string::npos);
  const Ran json = line.Run({"list", "--json"});
  CHECK(Lines(json.out) == 3);
  std::istringstream lines(json.out);
  std::string text;
  while (std::getline(lines, text)) {
    v1::LocalPhoto photo;
    CHECK(google::protobuf::util::JsonStringToMessage(text, &photo).ok());
    CHECK(photo.state() == v1::LOCAL_PHOTO_STATE_PUBLISHED);
  }
  CHECK(Lines(line.Run({"list", "--gallery", "Winter"}).out) == 2);
  CHECK(Lines(line.Run({"list", "--gallery", "summer-1"}).out) == 3);
  CHECK(line.Run({"list", "--gallery", "Autumn"}).exit_code == 4);
}

TEST_CASE("a photo is found by name, gallery and identifier, identifier alone, and path") {
  const Line line;
  for (const char* text : {"studios/demo/galleries/summer-1/photos/p1", "summer-1/p1", "Summer/p1",
                           "p1", "/photos/F1.jpg"}) {
    const Ran ran = line.Run({"show", text});
    INFO(text << ": " << ran.err);
    CHECK(ran.exit_code == 0);
    CHECK(ran.out.find("studios/demo/galleries/summer-1/photos/p1") != std::string::npos);
  }
  CHECK(line.Run({"show", "p9"}).exit_code == 4);
  const Ran refused = line.Run({"show", "summer-1/p9", "--json"});
  CHECK(refused.exit_code == 4);
  CHECK(refused.err.find("PHOTO_NOT_FOUND") != std::string::npos);
}

TEST_CASE("set changes exactly what its flags name, in one call for all") {
  Line line;
  const Ran ran = line.Run({"set", "p1", "Winter", "--title", "", "--keyword", "a", "--keyword",
                            "b c", "--field", "class=", "--field", "house=red", "--rating", "-1"});
  INFO(ran.err);
  REQUIRE(ran.exit_code == 0);
  CHECK(ran.out == "changed 2 of 3 photos; the others had the values already\n");
  REQUIRE(line.studio.batches.size() == 1);
  const v1::BatchUpdateLocalPhotosRequest& batch = line.studio.batches[0];
  REQUIRE(batch.names_size() == 2);
  CHECK(batch.names(0) == "studios/demo/galleries/summer-1/photos/p1");
  CHECK(batch.names(1) == "studios/demo/galleries/winter-2");
  const std::vector<std::string> paths(batch.update_mask().paths().begin(),
                                       batch.update_mask().paths().end());
  CHECK(paths == std::vector<std::string>{"metadata.title", "metadata.rating", "metadata.keywords",
                                          "metadata.fields.class", "metadata.fields.house"});
  const v1::Metadata& metadata = batch.values().metadata();
  CHECK(metadata.title().empty());
  CHECK(metadata.rating() == -1);
  CHECK(metadata.keywords_size() == 2);
  CHECK(metadata.fields().size() == 1);
  CHECK(metadata.fields().at("house") == "red");
  CHECK_FALSE(batch.and_later());
}

TEST_CASE("set takes lists of keywords, clears fields, and says what is wrong") {
  Line line;
  REQUIRE(line.Run({"set", "Summer/p2", "--keywords", "one, two", "--clear", "caption", "--clear",
                    "fields.class", "--customer", "K-7", "--copyright", "Ann", "--location", "Rome",
                    "--and-later"})
              .exit_code == 0);
  const v1::BatchUpdateLocalPhotosRequest batch = line.studio.batches.at(0);
  CHECK(batch.values().metadata().keywords_size() == 2);
  CHECK(batch.values().metadata().keywords(1) == "two");
  CHECK(batch.values().metadata().customer_reference() == "K-7");
  CHECK(batch.values().metadata().copyright() == "Ann");
  CHECK(batch.values().metadata().location() == "Rome");
  CHECK(batch.update_mask().paths_size() == 6);
  CHECK(batch.and_later());
  REQUIRE(line.Run({"set", "Summer", "--add-keyword", "x", "--remove-keyword", "y"}).exit_code ==
          0);
  CHECK(line.studio.batches.at(1).add_keywords(0) == "x");
  CHECK(line.studio.batches.at(1).remove_keywords(0) == "y");
  CHECK(line.Run({"set", "p1"}).exit_code == 2);
  CHECK(line.Run({"set", "p1", "--rating", "6"}).exit_code == 2);
  CHECK(line.Run({"set", "p1", "--clear", "iso"}).exit_code == 2);
  CHECK(line.Run({"set", "p1", "--title", "x", "--clear", "title"}).exit_code == 2);
  CHECK(line.Run({"set", "p1", "--field", "class"}).exit_code == 2);
  CHECK(line.Run({"set", "nowhere", "--title", "x"}).exit_code == 4);
  CHECK(line.studio.batches.size() == 2);
}

TEST_CASE("edit keeps what it does not name and applies to a whole gallery") {
  Line line;
  const Ran ran = line.Run({"edit", "studios/demo/galleries/summer-1", "--rotate", "-90",
                            "--straighten", "-1.5", "--crop", "0,0,1,0.5"});
  INFO(ran.err);
  REQUIRE(ran.exit_code == 0);
  REQUIRE(line.studio.updates.size() == 2);
  const v1::Edit& edit = line.studio.updates[1].photo().edit();
  CHECK(edit.rotation_degrees() == 270);
  CHECK(edit.straighten_degrees() == -1.5);
  CHECK(edit.crop().height() == 0.5);
  CHECK(line.studio.updates[1].update_mask().paths(0) == "edit");
}

TEST_CASE("wait ends when enough is published and nothing is under way") {
  Line line;
  v1::GetStudioStatusResponse status;
  status.set_waiting(2);
  status.set_published(1);
  line.studio.statuses.push_back(status);
  status.set_waiting(0);
  status.set_published(3);
  line.studio.statuses.push_back(status);
  CHECK(line.Run({"wait", "--published", "3", "--idle"}).exit_code == 0);
  CHECK(line.Run({"wait"}).exit_code == 0);
  const Ran gave_up = line.Run({"wait", "--published", "4", "--timeout", "2s"});
  CHECK(gave_up.exit_code == 5);
  CHECK(gave_up.err.find("3 published") != std::string::npos);
}

TEST_CASE("a verb without an answer to show says what was done, and nothing with --quiet") {
  const Line line;
  CHECK(line.Run({"pause"}).out.starts_with("paused"));
  CHECK(line.Run({"pause", "--quiet"}).out.empty());
  CHECK(line.Run({"pause", "--json"}).out == "{}\n");
}

TEST_CASE("a call that the daemon does not know yet is exit code 1 and a sentence") {
  const Line line;
  const Ran ran = line.Run({"rescan"});
  CHECK(ran.exit_code == 1);
  CHECK(ran.err.find("older than this program") != std::string::npos);
}

TEST_CASE("who watches is told that the daemon is away, and watches on when it is back") {
  Line line;
  line.studio.statuses.emplace_back().set_published(7);
  line.studio.breaks = 3;
  const Ran ran = line.Run({"watch", "--timeout", "60s"});
  INFO(ran.err);
  CHECK(ran.exit_code != 0);
  CHECK(Lines(ran.out) == 3);
  std::size_t away = 0;
  for (std::size_t at = ran.err.find("is away"); at != std::string::npos;
       at = ran.err.find("is away", at + 1)) {
    ++away;
  }
  CHECK(away == 2);
  CHECK(ran.err.find("waiting for it") != std::string::npos);
}

}  // namespace
}  // namespace proofline::test
