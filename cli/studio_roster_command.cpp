// proofline studio roster: metadata from a table.
#include <algorithm>
#include <iterator>
#include <map>

#include "cli/arguments.h"
#include "cli/encoding.h"
#include "cli/exit_code.h"
#include "cli/studio_verbs.h"
#include "cli/text.h"
#include "lib/base/file.h"
#include "lib/base/text.h"

namespace proofline::cli {
namespace {

using Stub = v1::StudioControlService::Stub;
using base::Concat;
using Target = std::shared_ptr<StudioTarget>;

// Unmatched rows and photos that are shown without --all.
constexpr int kShown = 20;

struct RosterFlags {
  std::string file;
  std::string encoding;
  std::vector<std::string> map;
  std::string match_column;
  std::string match_by = "file-name";
  std::vector<std::string> galleries;
  bool clear_empty = false;
  bool dry_run = false;
  bool all = false;
};

std::string FileName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string PhotosText(const v1::RosterRow& row) {
  std::string text;
  for (const v1::RosterPhoto& photo : row.photos()) {
    if (text.size() > 60) break;
    text += Concat(text.empty() ? "" : ", ", FileName(photo.path()));
  }
  if (row.photo_count() > row.photos_size() || text.size() > 60) text += ", …";
  return text;
}

// A table of rows, cut to what is shown; `more` counts all of them.
void PrintRows(Output& output, const google::protobuf::RepeatedPtrField<v1::RosterRow>& rows,
               bool all, std::int64_t more, bool with_photos) {
  Table table(with_photos ? std::vector<std::string>{">LINE", "KEY", ">PHOTOS", "FILES", "REMARK"}
                          : std::vector<std::string>{">LINE", "KEY", "WHY"});
  int shown = 0;
  for (const v1::RosterRow& row : rows) {
    if (!all && shown == kShown) break;
    ++shown;
    if (with_photos) {
      table.Add({std::to_string(row.line()), row.key(), std::to_string(row.photo_count()),
                 PhotosText(row), row.message()});
    } else {
      table.Add({std::to_string(row.line()), row.key(), row.message()});
    }
  }
  if (!table.empty()) output.Print(table);
  if (more > shown) output.Line(Concat("… and ", more - shown, " more", all ? "" : "; see --all"));
}

void PrintReport(Output& output, const v1::ImportRosterResponse& report, const RosterFlags& flags) {
  std::string used;
  const std::map<std::string, std::string> columns(report.columns().begin(),
                                                   report.columns().end());
  for (const auto& [column, fields] : columns) {
    used += Concat(used.empty() ? "" : ", ", column, " sets ", fields);
  }
  output.Note(Concat("photos are found by the column ", report.match_column(), "; ", used));
  const std::int64_t unmatched_rows = report.unmatched_rows_size();
  output.Line(Concat(report.matched_rows(), " of ", CountText(report.rows(), "row", "rows"),
                     " match ", CountText(report.matched_photos(), "photo", "photos"), "; ",
                     flags.dry_run ? "would change " : "changed ",
                     CountText(report.changed_photos(), "photo", "photos")));
  if (report.problems_size() > 0) {
    output.Line(
        Concat("\nrows that keep the roster from being imported: ", report.problems_size()));
    PrintRows(output, report.problems(), flags.all, report.problems_size(), false);
  }
  if (flags.dry_run && report.matched_rows() > 0) {
    output.Line("\nrows that match:");
    PrintRows(output, report.matches(), flags.all, report.matched_rows(), true);
  }
  if (unmatched_rows > 0) {
    output.Line(Concat("\nrows that match nothing: ", unmatched_rows));
    PrintRows(output, report.unmatched(), flags.all, unmatched_rows, false);
  }
  if (report.unmatched_photo_count() == 0) return;
  output.Line(Concat("\nphotos that no row matches: ", report.unmatched_photo_count()));
  const int most =
      flags.all ? report.unmatched_paths_size() : std::min(kShown, report.unmatched_paths_size());
  for (int i = 0; i < most; ++i) output.Line(Concat("  ", Printable(report.unmatched_paths(i))));
  if (report.unmatched_photo_count() > most) {
    output.Line(Concat("… and ", report.unmatched_photo_count() - most, " more",
                       flags.all ? "" : "; see --all"));
  }
}

absl::Status ReadMap(const RosterFlags& flags, v1::ImportRosterRequest& request) {
  for (const std::string& text : flags.map) {
    const auto pair = ParseKeyValue(text);
    if (!pair.ok() || pair->second.empty()) {
      return UsageError(Concat("\"", text,
                               "\" maps no column; write COLUMN=FIELD, e.g. --map Name=title "
                               "--map Class=fields.class"));
    }
    std::string& fields = (*request.mutable_columns())[pair->first];
    fields += Concat(fields.empty() ? "" : ",", pair->second);
  }
  return absl::OkStatus();
}

absl::Status Import(Program& program, const StudioTarget& target, const RosterFlags& flags) {
  v1::ImportRosterRequest request;
  if (absl::Status status = ReadMap(flags, request); !status.ok()) return status;
  absl::StatusOr<std::string> csv = ReadRoster(program, flags.file, flags.encoding);
  if (!csv.ok()) return csv.status();
  request.set_csv(*std::move(csv));
  std::string by = flags.match_by;
  if (by == "file-name" || by == "file") by = "file_name";
  request.set_match_by(by == "customer" ? "customer_reference" : by);
  request.set_match_column(flags.match_column);
  request.set_clear_empty(flags.clear_empty);
  request.set_validate_only(flags.dry_run);
  const auto client = DialStudio(program, target);
  if (!client.ok()) return client.status();
  StudioNames names(*client);
  for (const std::string& text : flags.galleries) {
    const auto name = names.Gallery(text);
    if (!name.ok()) return name.status();
    request.add_galleries(*name);
  }
  const auto report = client->Call(&Stub::ImportRoster, request);
  if (!report.ok()) return report.status();
  if (program.output.json()) {
    program.output.Json(*report);
  } else if (flags.dry_run || !program.output.quiet()) {
    PrintReport(program.output, *report, flags);
  }
  if (report->problems_size() > 0) {
    return absl::FailedPreconditionError(Concat("the roster cannot be imported as it is: line ",
                                                report->problems(0).line(), ": ",
                                                report->problems(0).message()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadRoster(Program& program, const std::string& file,
                                       const std::string& encoding) {
  constexpr std::size_t kMost = std::size_t{16} << 20;
  if (file == "-") {
    std::string text(std::istreambuf_iterator<char>(program.in), {});
    if (text.size() <= kMost) return ToUtf8(std::move(text), encoding, "the roster");
    return UsageError("the roster has more than 16 MiB; split it");
  }
  absl::StatusOr<std::string> text = base::ReadFile(file, kMost);
  if (absl::IsResourceExhausted(text.status())) {
    return UsageError(Concat(file, " has more than 16 MiB; split it"));
  }
  if (!text.ok()) return text;
  return ToUtf8(*std::move(text), encoding, file);
}

void AddStudioRosterVerb(CLI::App& group, Program& program, const Target& target) {
  auto flags = std::make_shared<RosterFlags>();
  CLI::App* roster = AddVerb(
      group, program, "roster",
      "Set metadata from a table (CSV with a header): all of it, or nothing",
      "proofline studio roster 3b.csv --gallery \"School / 3b\" --match-by file-name "
      "--match-column Photo --map ID=subject --map Name=title --map Class=fields.class --dry-run",
      [&program, target, flags] { return Import(program, *target, *flags); });
  roster->add_option("file", flags->file, "The table; - reads standard input")->required();
  roster->add_option("--encoding", flags->encoding, kEncodingHelp);
  roster
      ->add_option("--map", flags->map,
                   "COLUMN=FIELD, once for each: title, caption, subject, event, keywords, "
                   "add_keywords, customer, rating, label, creator, copyright, fields.KEY. Without "
                   "any, columns that are called like a field set it")
      ->allow_extra_args(false);
  roster->add_option("--match-column", flags->match_column,
                     "The column that finds the photos; without it the one with a fitting name");
  roster
      ->add_option("--match-by", flags->match_by,
                   "How it finds them: file-name, folder, subject, customer or fields.KEY")
      ->capture_default_str();
  roster
      ->add_option("--gallery", flags->galleries,
                   "Only photos of this gallery: identifier, name or title; once for each")
      ->allow_extra_args(false);
  roster->add_flag("--clear-empty", flags->clear_empty,
                   "Empty values clear what the photo has; without it they leave it");
  roster->add_flag("--dry-run", flags->dry_run, "Show what matches and what does not");
  roster->add_flag("--all", flags->all, "Show every row and photo, not only the first ones");
}

}  // namespace proofline::cli
