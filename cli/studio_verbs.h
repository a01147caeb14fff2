// Between the files of the studio group.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/program.h"
#include "cli/studio_names.h"

namespace proofline::cli {

// The group's own flag; shared by its verbs.
struct StudioTarget {
  std::string state;
};

absl::StatusOr<StudioClient> DialStudio(const Program& program, const StudioTarget& target);

// What the photo arguments of verbs mean, for their help.
inline constexpr char kPhotosHelp[] =
    "Photos (GALLERY/PHOTO, identifier, name or path of the original), or galleries (identifier, "
    "name or title) for all of their photos";

// Puts what the flags say into a request that has the photo's name and its current metadata and
// edit; false leaves this photo as it is. Asked again when the photo has changed meanwhile.
using PhotoChange = std::function<bool(const v1::Photo& now, v1::UpdateLocalPhotoRequest&)>;
// Changes the photos that the texts name, one after the other; each is durable by itself, an error
// ends it.
absl::Status ChangePhotos(Program& program, const StudioTarget& target,
                          const std::vector<std::string>& texts, const PhotoChange& change);

// The part of the picture that a crop keeps, after a clockwise `turn` of 0, 90, 180 or 270.
v1::Crop TurnedCrop(v1::Crop crop, int turn);
// Rotates to `degrees` (0, 90, 180 or 270) with what is kept turning along.
void TurnTo(int degrees, v1::Edit& edit);

// `rotate`, `straighten`, `crop` and `reset`.
void AddStudioPictureVerbs(CLI::App& group, Program& program,
                           const std::shared_ptr<StudioTarget>& target);
// `process`, `select` and `contact-sheet`.
void AddStudioSelectVerbs(CLI::App& group, Program& program,
                          const std::shared_ptr<StudioTarget>& target);
// `edit`.
void AddStudioEditVerbs(CLI::App& group, Program& program,
                        const std::shared_ptr<StudioTarget>& target);
// `roster`.
void AddStudioRosterVerb(CLI::App& group, Program& program,
                         const std::shared_ptr<StudioTarget>& target);
// `set` and `roster`.
void AddStudioMetadataVerbs(CLI::App& group, Program& program,
                            const std::shared_ptr<StudioTarget>& target);
// `share`, `customers`, `revoke` and `expire`.
void AddStudioCustomerVerbs(CLI::App& group, Program& program,
                            const std::shared_ptr<StudioTarget>& target);
// `status` and `wait`.
void AddStudioStatusVerbs(CLI::App& group, Program& program,
                          const std::shared_ptr<StudioTarget>& target);

// `rebuild`.
void AddStudioRebuildVerb(CLI::App& group, Program& program,
                          const std::shared_ptr<StudioTarget>& target);

// A table from a file, or from standard input for "-"; at most 16 MiB.
absl::StatusOr<std::string> ReadRoster(Program& program, const std::string& file,
                                       const std::string& encoding);
inline constexpr char kEncodingHelp[] =
    "How the table is written, e.g. windows-1252; without it UTF-8, or UTF-16 with its mark";

// One photo with everything known about it; the message itself with --json.
void PrintLocalPhoto(Output& output, const v1::LocalPhoto& photo);

}  // namespace proofline::cli
