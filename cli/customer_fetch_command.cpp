// proofline customer fetch: renditions into a folder.
#include <filesystem>
#include <map>
#include <set>

#include "cli/arguments.h"
#include "cli/customer_verbs.h"
#include "cli/exit_code.h"
#include "cli/names.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "google/protobuf/struct.pb.h"
#include "lib/base/digest.h"
#include "lib/base/file.h"
#include "lib/base/text.h"

namespace proofline::cli {
namespace {

using Stub = v1::StorefrontService::Stub;
using base::Concat;

// Renditions asked for at once: enough that no round trip is felt, few enough that one call ends
// well inside its timeout.
constexpr int kBatch = 100;

struct FetchFlags {
  std::string what;
  std::string kind = "proof";
  std::string into = ".";
};

struct Fetched {
  std::int64_t fetched = 0;
  std::int64_t there = 0;
  std::int64_t bytes = 0;
  std::vector<std::string> missing;
};

class Fetcher {
 public:
  Fetcher(Program& program, const StoreClient& client, v1::RenditionKind kind,
          std::filesystem::path folder)
      : program_(program),
        client_(client),
        kind_(kind),
        folder_(std::move(folder)),
        progress_(program.output) {}

  // Photos whose file is already there and right are skipped.
  absl::StatusOr<Fetched> Run(const std::vector<v1::Photo>& photos) {
    total_ = static_cast<std::int64_t>(photos.size());
    v1::StreamRenditionsRequest request;
    request.set_kind(kind_);
    for (const v1::Photo& photo : photos) {
      if (IsThere(photo)) {
        ++result_.there;
        continue;
      }
      request.add_photos(photo.name());
      if (request.photos_size() < kBatch) continue;
      if (absl::Status status = FetchBatch(request); !status.ok()) return status;
      request.clear_photos();
    }
    if (request.photos_size() > 0) {
      if (absl::Status status = FetchBatch(request); !status.ok()) return status;
    }
    return result_;
  }

 private:
  std::filesystem::path FileOf(const std::string& photo) const {
    return folder_ / Concat(LastId(photo), "-", Word(kind_), ".jpg");
  }

  bool IsThere(const v1::Photo& photo) const {
    for (const v1::Rendition& rendition : photo.renditions()) {
      if (rendition.kind() != kind_) continue;
      const auto digest = base::Sha256OfFile(FileOf(photo.name()));
      return digest.ok() && digest->bytes() == rendition.digest();
    }
    return false;
  }

  absl::Status FetchBatch(const v1::StreamRenditionsRequest& request) {
    const Connection& connection = client_.connection();
    grpc::ClientContext context;
    rpc::WithDeadline(context, std::chrono::ceil<std::chrono::milliseconds>(connection.timeout));
    const auto reader = client_.stub().StreamRenditions(&context, request);
    const std::set<std::string> asked(request.photos().begin(), request.photos().end());
    std::set<std::string> answered;
    absl::Status failed;
    v1::StreamRenditionsResponse response;
    while (failed.ok() && reader->Read(&response)) {
      // Only what was asked for names a file: an answer cannot choose where it is written.
      if (!asked.contains(response.photo()) || !answered.insert(response.photo()).second) {
        failed = absl::DataLossError(
            Concat(connection.peer, " sent a photo that was not asked for: ", response.photo()));
      } else {
        failed = Take(response);
      }
    }
    if (!failed.ok()) context.TryCancel();
    while (reader->Read(&response)) {
    }
    const grpc::Status ended = reader->Finish();
    if (!failed.ok()) return failed;
    if (!ended.ok()) return connection.Explain(ended);
    if (answered.size() != asked.size()) {
      return absl::DataLossError(
          Concat(connection.peer, " left out ", asked.size() - answered.size(), " of the photos"));
    }
    return absl::OkStatus();
  }

  absl::Status Take(const v1::StreamRenditionsResponse& response) {
    if (!response.has_rendition() || response.content().empty()) {
      result_.missing.push_back(response.photo());
      return absl::OkStatus();
    }
    if (base::Sha256Of(response.content()).bytes() != response.rendition().digest()) {
      return absl::DataLossError(Concat("the ", Word(kind_), " of ", response.photo(),
                                        " arrived damaged; fetch it again"));
    }
    const std::filesystem::path file = FileOf(response.photo());
    absl::Status status = base::WriteFileDurably(file, response.content());
    if (!status.ok()) return status;
    ++result_.fetched;
    result_.bytes += static_cast<std::int64_t>(response.content().size());
    if (program_.output.json()) {
      google::protobuf::Struct line;
      auto& fields = *line.mutable_fields();
      fields["photo"].set_string_value(response.photo());
      fields["file"].set_string_value(Printable(file.native()));
      fields["sizeBytes"].set_number_value(static_cast<double>(response.content().size()));
      program_.output.Json(line);
    }
    progress_.Show("fetching", result_.fetched + result_.there, total_);
    return absl::OkStatus();
  }

  Program& program_;
  const StoreClient& client_;
  const v1::RenditionKind kind_;
  const std::filesystem::path folder_;
  Progress progress_;
  std::int64_t total_ = 0;
  Fetched result_;
};

absl::StatusOr<std::vector<v1::Photo>> PhotosToFetch(const StoreClient& client,
                                                     const std::string& studio,
                                                     const std::string& text) {
  // A title, one word or a gallery's name is a gallery, GALLERY/PHOTO or a photo's name a photo.
  StoreNames names(client, studio);
  absl::StatusOr<bool> is_title = false;
  if (!text.starts_with("studios/")) is_title = names.IsTitle(text);
  if (!is_title.ok()) return is_title.status();
  const bool is_photo = ExpandName(kPhotoPattern, text, {studio}).has_value();
  const bool is_gallery =
      text.find('/') == std::string::npos || ExpandName(kGalleryPattern, text).has_value();
  if (*is_title || (!is_photo && is_gallery)) {
    const auto gallery = names.Gallery(text);
    if (!gallery.ok()) return gallery.status();
    return AllPhotos(client, *gallery);
  }
  const auto name = names.Photo(text);
  if (!name.ok()) return name.status();
  v1::GetPhotoRequest request;
  request.set_name(*name);
  auto photo = client.Call(&Stub::GetPhoto, request);
  if (!photo.ok()) return photo.status();
  return std::vector<v1::Photo>{*std::move(photo)};
}

absl::Status Fetch(Program& program, const CustomerTarget& target, const FetchFlags& flags) {
  const auto kind = ParseWord<v1::RenditionKind>(flags.kind);
  if (!kind.ok()) return kind.status();
  const auto signed_in = OpenSession(program, target);
  if (!signed_in.ok()) return signed_in.status();
  const StoreClient client(signed_in->connection);
  const auto photos = PhotosToFetch(client, signed_in->studio, flags.what);
  if (!photos.ok()) return photos.status();
  absl::Status status = base::MakeDirectories(flags.into);
  if (!status.ok()) return status;
  const auto result = Fetcher(program, client, *kind, flags.into).Run(*photos);
  if (!result.ok()) return result.status();
  if (!program.output.json() && !program.output.quiet()) {
    std::string text = Concat("fetched ", result->fetched, " files (", SizeText(result->bytes),
                              ") into ", flags.into);
    if (result->there > 0) text += Concat("; ", result->there, " were there already");
    program.output.Line(Printable(text));
  }
  if (result->missing.empty()) return absl::OkStatus();
  return absl::NotFoundError(Concat(result->missing.size(), " of ", photos->size(),
                                    " photos have no ", flags.kind, ", the first is ",
                                    result->missing.front()));
}

}  // namespace

void AddFetchVerb(CLI::App& group, Program& program,
                  const std::shared_ptr<CustomerTarget>& target) {
  auto flags = std::make_shared<FetchFlags>();
  CLI::App* fetch =
      AddVerb(group, program, "fetch", "Fetch thumbnails or proofs; files that are there stay",
              "proofline customer fetch summer-1f2e3d4c --kind proof --into proofs",
              [&program, target, flags] { return Fetch(program, *target, *flags); });
  fetch->add_option("what", flags->what, "A gallery, or one photo as GALLERY/PHOTO")->required();
  fetch->add_option("--kind", flags->kind, "thumbnail or proof")->capture_default_str();
  fetch->add_option("--into", flags->into, "Folder for the files, made if missing")
      ->capture_default_str();
}

}  // namespace proofline::cli
