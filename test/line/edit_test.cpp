// What the studio does to a picture: edits reach the customer and the paper, watermarks the
// customer alone.
#include <fstream>

#include "lib/base/digest.h"
#include "lib/rpc/channel.h"
#include "test/catch.h"
#include "test/line/shoot.h"

namespace proofline::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

constexpr Size k4x6{1200, 1800};
constexpr Size k8x10{2400, 3000};

// The command line at the studio's machine; what it prints.
std::string Studio(const Line& line, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {fs::path(PROOFLINE_PROGRAMS) / "proofline", "studio"});
  arguments.insert(arguments.end(), {"--state", line.state(Part::kStudio)});
  const RunResult result = Run(arguments, line.folder());
  INFO(result.output);
  REQUIRE(result.exit_code == 0);
  return result.output;
}

// The largest of the photographs: a page of it is sharper than one of its proof could be.
fs::path Largest(const Line& line) {
  fs::path largest;
  for (const fs::path& file : Photographs({"camera"}, line.folder() / "own")) {
    if (!UprightSize(file).has_value()) continue;
    if (largest.empty() || fs::file_size(file) > fs::file_size(largest)) largest = file;
  }
  return largest;
}

// The customer's view of the one photo, once `ready` is true of it.
v1::Photo AwaitPhoto(const Line& line, const std::string& session,
                     const std::function<bool(const v1::Photo&)>& ready) {
  v1::Photo photo;
  REQUIRE(WaitUntil(
      [&] {
        const auto photos = VisiblePhotos(line, session);
        if (photos.size() != 1) return false;
        photo = photos.begin()->second;
        return ready(photo);
      },
      seconds(120)));
  return photo;
}

std::string ProofDigest(const v1::Photo& photo) {
  for (const v1::Rendition& rendition : photo.renditions()) {
    if (rendition.kind() == v1::RENDITION_KIND_PROOF) return rendition.digest();
  }
  return {};
}

v1::Edit EditAtLab(const Line& line) {
  grpc::ClientContext context;
  rpc::WithDeadline(context, seconds(30));
  v1::ListJobsResponse jobs;
  REQUIRE(line.Lab()->ListJobs(&context, {}, &jobs).ok());
  REQUIRE(jobs.jobs_size() == 1);
  REQUIRE(jobs.jobs(0).items_size() == 1);
  return jobs.jobs(0).items(0).edit();
}

void CheckEdit(const v1::Edit& edit) {
  CHECK(edit.rotation_degrees() == 90);
  CHECK(edit.crop().left() == 0.1);
  CHECK(edit.crop().top() == 0.25);
  CHECK(edit.crop().width() == 0.6);
  CHECK(edit.crop().height() == 0.5);
}

}  // namespace

TEST_CASE("an edit at the command line is what the customer sees, orders, and gets on paper") {
  StartVips("test_line");
  Line line;
  line.StartAll();
  const fs::path original = Largest(line);
  const std::string before = ReadText(original);
  Bring(line, "day", {original});
  line.WaitForPhotos(1);
  const std::string session = line.SignInWithGalleries(LocalGalleries(line));
  const v1::Photo unedited = AwaitPhoto(line, session, [](const v1::Photo&) { return true; });
  const std::string first = Fetch(line, session, unedited, v1::RENDITION_KIND_PROOF);

  const std::string path = line.watched() / "day" / original.filename();
  Studio(line, {"rotate", path, "--by", "right"});
  Studio(line, {"crop", path, "--box", "0.1,0.25,0.6,0.5"});
  const v1::Photo photo = AwaitPhoto(line, session, [&](const v1::Photo& now) {
    return now.edit().rotation_degrees() == 90 && now.edit().has_crop();
  });
  CheckEdit(photo.edit());

  // The proof follows.
  const fs::path edited = line.folder() / "edited.png";
  WriteEdited(original, 90, {0.1, 0.25, 0.6, 0.5}, edited);
  const std::string proof = Fetch(line, session, photo, v1::RENDITION_KIND_PROOF);
  const std::string reference = RenditionReference(edited, 1600);
  CHECK(std::abs(SizeOf(proof).width - SizeOf(reference).width) <= 1);
  CHECK(std::abs(SizeOf(proof).height - SizeOf(reference).height) <= 1);
  if (SizeOf(proof).width == SizeOf(reference).width &&
      SizeOf(proof).height == SizeOf(reference).height) {
    CHECK(Similarity(proof, reference, 4) > 0.95);
  }
  CHECK(proof != first);

  // The order carries the edit, to the lab as well.
  Wish wish;
  wish.photo = photo;
  wish.original = edited;
  wish.product = "8x10";
  wish.page = k8x10;
  const v1::Order order = PlaceOrder(line, session, "edited", {wish});
  CheckEdit(order.lines(0).edit());
  // What the studio thinks of afterwards does not reach an order that was made.
  Studio(line, {"reset", path});
  line.WaitForOrder(session, order.name(), v1::ORDER_STATE_COMPLETED);
  CheckEdit(EditAtLab(line));

  // The page is the part of the original: its very bytes are all that the lab has of the photo.
  CHECK(JudgePages(line.Pages(), {wish}) == "");
  std::vector<std::string> spooled;
  for (const auto& entry :
       fs::directory_iterator(line.state(Part::kLab) / "spool/originals/demo")) {
    spooled.push_back(entry.path().filename());
  }
  CHECK(spooled == std::vector<std::string>{base::Sha256Of(before).hex()});
  CHECK(ReadText(path) == before);

  // The customer sees the reset, and gets the first proof again.
  const v1::Photo again =
      AwaitPhoto(line, session, [](const v1::Photo& now) { return !now.edit().has_crop(); });
  CHECK(Fetch(line, session, again, v1::RENDITION_KIND_PROOF) == first);
}

TEST_CASE("a watermark is on the proof that the customer sees, and not on the page") {
  StartVips("test_line");
  Line line;
  std::ofstream(line.config(Part::kStudio), std::ios::app)
      << "[watermark]\ntext = \"© Smith Photography\"\nsize = 90\nopacity = 60\n";
  line.StartAll();
  const fs::path original = Largest(line);
  Bring(line, "day", {original});
  line.WaitForPhotos(1);
  const std::string session = line.SignInWithGalleries(LocalGalleries(line));
  const v1::Photo photo = AwaitPhoto(line, session, [](const v1::Photo&) { return true; });
  const std::string clean = RenditionReference(original, 1600);
  const std::string marked = Fetch(line, session, photo, v1::RENDITION_KIND_PROOF);
  REQUIRE(SizeOf(marked).width == SizeOf(clean).width);
  // Letters over nine tenths of the short side; an unmarked proof differs so much nowhere.
  CHECK(ShareOfOthers(marked, clean, 40) > 0.005);
  // Thumbnails have none unless they are told to.
  const std::string thumbnail = Fetch(line, session, photo, v1::RENDITION_KIND_THUMBNAIL);
  CHECK(Similarity(thumbnail, RenditionReference(original, 320)) > 0.9);

  Wish wish;
  wish.photo = photo;
  wish.original = original;
  wish.product = "4x6";
  wish.page = k4x6;
  const v1::Order order = PlaceOrder(line, session, "clean", {wish});
  line.WaitForOrder(session, order.name(), v1::ORDER_STATE_COMPLETED);
  CHECK(JudgePages(line.Pages(), {wish}) == "");
  REQUIRE(line.Pages().size() == 1);
  const std::string page = ReadText(line.Pages().front());
  CHECK(ShareOfOthers(page, PageReference(original, {}, k4x6), 40) < 0.002);

  // Without it in the configuration, read again, the proof is made anew and clean.
  std::string config = ReadText(line.config(Part::kStudio));
  config.resize(config.find("[watermark]"));
  std::ofstream(line.config(Part::kStudio), std::ios::trunc) << config;
  ::kill(line.pid(Part::kStudio), SIGHUP);
  const v1::Photo remade = AwaitPhoto(
      line, session, [&](const v1::Photo& now) { return ProofDigest(now) != ProofDigest(photo); });
  const std::string proof = Fetch(line, session, remade, v1::RENDITION_KIND_PROOF);
  CHECK(ShareOfOthers(proof, clean, 40) < 0.002);
}

}  // namespace proofline::test
