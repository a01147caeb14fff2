// proofline studio set: metadata of photos and galleries.
#include <algorithm>
#include <array>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "cli/arguments.h"
#include "cli/exit_code.h"
#include "cli/studio_verbs.h"
#include "cli/text.h"
#include "lib/base/text.h"

namespace proofline::cli {
namespace {

using Stub = v1::StudioControlService::Stub;
using base::Concat;
using Target = std::shared_ptr<StudioTarget>;

constexpr std::array kTextFields = {
    "title",   "caption",   "subject",  "event",    "label",  "customer_reference",
    "creator", "copyright", "location", "keywords", "rating", "fields"};

struct SetFlags {
  std::vector<std::string> what;
  // A flag that was given with empty text clears its value.
  std::optional<std::string> title, caption, subject, event, customer_reference, rating, label,
      creator, copyright, location, keyword_list;
  std::vector<std::string> keywords, add_keywords, remove_keywords;
  bool no_keywords = false;
  std::vector<std::string> fields;
  std::vector<std::string> clear;
  bool and_later = false;
};

// Keywords with commas between them.
std::vector<std::string> Listed(const std::string& text) {
  std::vector<std::string> keywords;
  for (const absl::string_view part : absl::StrSplit(text, ',', absl::SkipWhitespace())) {
    keywords.emplace_back(absl::StripAsciiWhitespace(part));
  }
  return keywords;
}

class BatchBuilder {
 public:
  explicit BatchBuilder(v1::BatchUpdateLocalPhotosRequest& request) : request_(request) {}

  void Text(const std::optional<std::string>& value, const char* field,
            std::string* (v1::Metadata::*mutable_text)()) {
    if (!value) return;
    *(metadata().*mutable_text)() = *value;
    Path(field);
  }

  absl::Status Rating(const std::optional<std::string>& text) {
    if (!text) return absl::OkStatus();
    if (!text->empty()) {
      const auto rating = ParseNumber(*text, -1, 5, "a rating");
      if (!rating.ok()) return rating.status();
      metadata().set_rating(static_cast<int>(*rating));
      if (metadata().rating() != *rating) {
        return UsageError("a rating is a whole number from -1 to 5");
      }
    }
    Path("rating");
    return absl::OkStatus();
  }

  absl::Status Field(const std::string& text) {
    const auto pair = ParseKeyValue(text);
    if (!pair.ok()) return pair.status();
    if (!pair->second.empty()) (*metadata().mutable_fields())[pair->first] = pair->second;
    Path(Concat("fields.", pair->first));
    return absl::OkStatus();
  }

  absl::Status Clear(const std::string& text) {
    std::string field = absl::AsciiStrToLower(text);
    std::replace(field.begin(), field.end(), '-', '_');
    if (field == "customer") field = "customer_reference";
    if (field.starts_with("fields.") && field.size() > 7) {
      Path(text);
      return absl::OkStatus();
    }
    if (std::find(kTextFields.begin(), kTextFields.end(), field) == kTextFields.end()) {
      return UsageError(Concat("\"", text,
                               "\" is no field that can be cleared; those are title, caption, "
                               "keywords, event, subject, customer, rating, label, creator, "
                               "copyright, location, fields and fields.KEY"));
    }
    const auto& paths = request_.update_mask().paths();
    if (std::find(paths.begin(), paths.end(), Concat("metadata.", field)) != paths.end()) {
      return UsageError(Concat("--clear ", text, " and a value for it do not go together"));
    }
    Path(field);
    return absl::OkStatus();
  }

  void Path(const std::string& field) {
    request_.mutable_update_mask()->add_paths(Concat("metadata.", field));
  }
  v1::Metadata& metadata() { return *request_.mutable_values()->mutable_metadata(); }

 private:
  v1::BatchUpdateLocalPhotosRequest& request_;
};

absl::Status ReadFlags(const SetFlags& flags, v1::BatchUpdateLocalPhotosRequest& request) {
  BatchBuilder batch(request);
  batch.Text(flags.title, "title", &v1::Metadata::mutable_title);
  batch.Text(flags.caption, "caption", &v1::Metadata::mutable_caption);
  batch.Text(flags.subject, "subject", &v1::Metadata::mutable_subject);
  batch.Text(flags.event, "event", &v1::Metadata::mutable_event);
  batch.Text(flags.customer_reference, "customer_reference",
             &v1::Metadata::mutable_customer_reference);
  batch.Text(flags.label, "label", &v1::Metadata::mutable_label);
  batch.Text(flags.creator, "creator", &v1::Metadata::mutable_creator);
  batch.Text(flags.copyright, "copyright", &v1::Metadata::mutable_copyright);
  batch.Text(flags.location, "location", &v1::Metadata::mutable_location);
  if (absl::Status status = batch.Rating(flags.rating); !status.ok()) return status;
  std::vector<std::string> keywords = flags.keywords;
  if (flags.keyword_list) {
    for (std::string& keyword : Listed(*flags.keyword_list)) keywords.push_back(std::move(keyword));
  }
  if (!keywords.empty() || flags.no_keywords || flags.keyword_list) {
    batch.metadata().mutable_keywords()->Assign(keywords.begin(), keywords.end());
    batch.Path("keywords");
  }
  for (const std::string& field : flags.fields) {
    if (absl::Status status = batch.Field(field); !status.ok()) return status;
  }
  for (const std::string& field : flags.clear) {
    if (absl::Status status = batch.Clear(field); !status.ok()) return status;
  }
  request.mutable_add_keywords()->Assign(flags.add_keywords.begin(), flags.add_keywords.end());
  request.mutable_remove_keywords()->Assign(flags.remove_keywords.begin(),
                                            flags.remove_keywords.end());
  request.set_and_later(flags.and_later);
  if (request.update_mask().paths().empty() && flags.add_keywords.empty() &&
      flags.remove_keywords.empty()) {
    return UsageError("nothing to set; give --title, --event or another flag of set --help");
  }
  return absl::OkStatus();
}

absl::Status Set(Program& program, const StudioTarget& target, const SetFlags& flags) {
  v1::BatchUpdateLocalPhotosRequest request;
  if (absl::Status status = ReadFlags(flags, request); !status.ok()) return status;
  const auto client = DialStudio(program, target);
  if (!client.ok()) return client.status();
  const auto names = StudioNames(*client).Names(flags.what);
  if (!names.ok()) return names.status();
  request.mutable_names()->Assign(names->begin(), names->end());
  const auto response = client->Call(&Stub::BatchUpdateLocalPhotos, request);
  if (!response.ok()) return response.status();
  if (response->photos() == 0 && !flags.and_later) {
    return absl::NotFoundError("the named galleries hold no photos");
  }
  std::string done = response->changed() == response->photos()
                         ? Concat("changed ", CountText(response->changed(), "photo", "photos"))
                         : Concat("changed ", response->changed(), " of ", response->photos(),
                                  " photos; the others had the values already");
  if (flags.and_later) done += "; photos that come later get the same";
  program.output.Done(*response, done);
  return absl::OkStatus();
}

}  // namespace

void AddStudioMetadataVerbs(CLI::App& group, Program& program, const Target& target) {
  auto flags = std::make_shared<SetFlags>();
  CLI::App* set =
      AddVerb(group, program, "set",
              "Set metadata of photos, or of all photos of galleries; empty text clears a value",
              "proofline studio set summer --event \"Summer fair\" --and-later",
              [&program, target, flags] { return Set(program, *target, *flags); });
  set->add_option("what", flags->what,
                  "Photos (GALLERY/PHOTO, identifier, name or path of the original) and galleries "
                  "(identifier, name or title)")
      ->required();
  set->add_option("--title", flags->title, "Title");
  set->add_option("--caption", flags->caption, "Caption or description");
  set->add_option("--subject", flags->subject, "Who or what is in the picture");
  set->add_option("--event", flags->event, "The shoot or occasion");
  set->add_option("--customer,--customer-reference", flags->customer_reference,
                  "Your own reference to the customer");
  set->add_option("--rating", flags->rating, "Stars, 0 to 5; -1 rejects");
  set->add_option("--label", flags->label, "Colour label");
  set->add_option("--creator", flags->creator, "Who made the picture");
  set->add_option("--copyright", flags->copyright, "Whose it is");
  set->add_option("--location", flags->location, "Where it was made, in words");
  set->add_option("--keywords", flags->keyword_list,
                  "All keywords with commas between them; they replace all there were");
  set->add_option("--keyword", flags->keywords,
                  "A keyword; once for each, together they replace all there were")
      ->allow_extra_args(false);
  set->add_option("--add-keyword", flags->add_keywords,
                  "A keyword besides those there are; once for each")
      ->allow_extra_args(false);
  set->add_option("--remove-keyword", flags->remove_keywords, "A keyword that goes; once for each")
      ->allow_extra_args(false);
  set->add_flag("--no-keywords", flags->no_keywords, "Remove all keywords");
  set->add_option("--field", flags->fields,
                  "KEY=VALUE of your own, once for each; the others stay; KEY= removes one")
      ->allow_extra_args(false);
  set->add_option("--clear", flags->clear,
                  "A field that loses its value, e.g. caption or fields.class; once for each")
      ->allow_extra_args(false);
  set->add_flag("--and-later", flags->and_later,
                "Photos that come into the galleries later get the same values");
  AddStudioRosterVerb(group, program, target);
}

}  // namespace proofline::cli
