// proofline studio share: identifiers for galleries, photos, and subjects.
#include <algorithm>
#include <map>
#include <utility>

#include "cli/arguments.h"
#include "cli/exit_code.h"
#include "cli/studio_customers.h"
#include "cli/text.h"
#include "lib/base/id.h"
#include "lib/base/text.h"

namespace proofline::cli {
namespace {

using Stub = v1::StudioControlService::Stub;
using base::Concat;
using Target = std::shared_ptr<StudioTarget>;

struct ShareFlags {
  std::vector<std::string> what;
  std::vector<std::string> subjects;
  bool each_subject = false;
  std::string roster, encoding, subject_column, name_column, name_field;
  std::string name, identifier, expires, request_id, csv;

  bool by_subject() const { return each_subject || !roster.empty(); }
};

bool IsPhoto(const std::string& name) { return name.find("/photos/") != std::string::npos; }

absl::Status CheckFlags(const ShareFlags& flags, bool json) {
  if (flags.csv == "-" && json) {
    return UsageError("--csv - and --json both want standard output; give --csv a file");
  }
  if (flags.by_subject()) {
    if (!flags.name.empty() || !flags.identifier.empty() || !flags.subjects.empty()) {
      return UsageError(
          "--name, --identifier and --subject are for one customer; leave them out with "
          "--each-subject and --roster");
    }
    return absl::OkStatus();
  }
  if (!flags.subject_column.empty() || !flags.name_column.empty()) {
    return UsageError("--subject-column and --name-column are columns of a roster; give --roster");
  }
  if (!flags.encoding.empty()) return UsageError("--encoding is for a roster; give --roster");
  if (!flags.name_field.empty()) return UsageError("--name-field goes with --each-subject");
  if (flags.what.empty() && flags.subjects.empty()) {
    return UsageError(
        "nothing to share; name galleries or photos, or give --subject or --each-subject");
  }
  return absl::OkStatus();
}

absl::StatusOr<google::protobuf::Timestamp> ReadExpiry(Program& program, const std::string& text) {
  absl::StatusOr<google::protobuf::Timestamp> time = ParseTime(text);
  if (time.ok()) NotePast(program.output, *time);
  return time;
}

// The customers with these names, in their order.
absl::Status PrintMade(Program& program, const StudioClient& client,
                       const std::vector<std::string>& names, const std::string& csv) {
  const auto all = AllCustomers(client);
  if (!all.ok()) return all.status();
  std::map<std::string, const LocalCustomer*> by_name;
  for (const LocalCustomer& one : *all) by_name[one.customer.name()] = &one;
  std::vector<LocalCustomer> made;
  for (const std::string& name : names) {
    if (const auto found = by_name.find(name); found != by_name.end()) {
      made.push_back(*found->second);
    }
  }
  const bool waiting = std::any_of(made.begin(), made.end(), [](const LocalCustomer& one) {
    return one.status.state() == v1::LOCAL_CUSTOMER_STATE_WAITING;
  });
  const absl::Status printed = PrintCustomers(program.output, made, csv);
  if (printed.ok() && waiting) {
    program.output.Note(
        "identifiers that are waiting work once the host has them; see: proofline studio "
        "customers");
  }
  return printed;
}

absl::Status ShareSubjects(Program& program, const StudioClient& client, const ShareFlags& flags,
                           const std::vector<std::string>& galleries) {
  v1::ShareBySubjectRequest request;
  request.mutable_galleries()->Assign(galleries.begin(), galleries.end());
  request.set_display_field(flags.name_field);
  if (!flags.roster.empty()) {
    absl::StatusOr<std::string> roster = ReadRoster(program, flags.roster, flags.encoding);
    if (!roster.ok()) return roster.status();
    if (roster->empty()) return absl::InvalidArgumentError(flags.roster + " is empty");
    request.set_roster(*std::move(roster));
    request.set_subject_column(flags.subject_column);
    request.set_name_column(flags.name_column);
  }
  if (!flags.expires.empty()) {
    const auto time = ReadExpiry(program, flags.expires);
    if (!time.ok()) return time.status();
    *request.mutable_expire_time() = *time;
  }
  const auto made = client.Call(&Stub::ShareBySubject, request);
  if (!made.ok()) return made.status();
  program.output.Note(Concat(made->created(), " of ", made->customers_size(),
                             " customers are new; the others were shared before"));
  return PrintMade(program, client, {made->customers().begin(), made->customers().end()},
                   flags.csv);
}

absl::Status ShareOne(Program& program, const StudioClient& client, const ShareFlags& flags,
                      const std::vector<std::string>& names) {
  v1::ShareWithCustomerRequest request;
  request.set_request_id(flags.request_id.empty() ? base::NewId() : flags.request_id);
  v1::Customer& customer = *request.mutable_customer();
  customer.set_display_name(flags.name);
  customer.set_identifier(flags.identifier);
  v1::Share& share = *customer.mutable_share();
  std::vector<std::string> scope;  // galleries that subjects are looked for in
  for (const std::string& name : names) {
    if (IsPhoto(name)) {
      share.add_photos(name);
    } else if (flags.subjects.empty()) {
      share.add_galleries(name);
    } else {
      scope.push_back(name);
    }
  }
  if (scope.empty()) scope.emplace_back();
  for (const std::string& subject : flags.subjects) {
    if (subject.empty()) return UsageError("a subject must not be empty");
    for (const std::string& gallery : scope) {
      v1::MetadataMatch& match = *share.add_matches();
      match.set_field("subject");
      match.set_value(subject);
      match.set_gallery(gallery);
    }
  }
  if (!flags.expires.empty()) {
    const auto time = ReadExpiry(program, flags.expires);
    if (!time.ok()) return time.status();
    *customer.mutable_expire_time() = *time;
  }
  const auto made = client.Call(&Stub::ShareWithCustomer, request);
  if (!made.ok()) return made.status();
  return PrintMade(program, client, {made->name()}, flags.csv);
}

absl::Status Share(Program& program, const StudioTarget& target, const ShareFlags& flags) {
  if (absl::Status good = CheckFlags(flags, program.output.json()); !good.ok()) return good;
  const auto client = DialStudio(program, target);
  if (!client.ok()) return client.status();
  const auto names = StudioNames(*client).Names(flags.what);
  if (!names.ok()) return names.status();
  if (!flags.by_subject()) return ShareOne(program, *client, flags, *names);
  if (std::any_of(names->begin(), names->end(), IsPhoto)) {
    return UsageError("--each-subject and --roster share the photos of galleries; name galleries");
  }
  return ShareSubjects(program, *client, flags, *names);
}

}  // namespace

void AddStudioShareVerb(CLI::App& group, Program& program, const Target& target) {
  auto flags = std::make_shared<ShareFlags>();
  CLI::App* share = AddVerb(
      group, program, "share",
      "Make identifiers that open galleries, photos, or the photos of subjects; the host may be "
      "away",
      "proofline studio share \"Smith wedding\" --name \"Ada Smith\"\n  "
      "proofline studio share \"School / 3b\" --each-subject --name-field title --csv 3b.csv",
      [&program, target, flags] { return Share(program, *target, *flags); });
  share->add_option(
      "what", flags->what,
      "Galleries (identifier, name or title) and photos (GALLERY/PHOTO, identifier, "
      "name or path). With subjects: the galleries they are looked for in, without any "
      "all of the studio");
  share
      ->add_option("--subject", flags->subjects,
                   "One customer that sees the photos of this subject; once for each")
      ->allow_extra_args(false);
  share->add_flag("--each-subject", flags->each_subject,
                  "A customer for each subject that photos have; those there are already stay");
  share->add_option("--name-field", flags->name_field,
                    "With --each-subject: the photos' field that customers are called by, e.g. "
                    "title or fields.name");
  share
      ->add_option("--roster", flags->roster,
                   "A customer for each subject of this table (CSV with a header), with or "
                   "without photos yet; - reads standard input")
      ->excludes("--each-subject");
  share->add_option("--encoding", flags->encoding, kEncodingHelp);
  share->add_option("--subject-column", flags->subject_column, "The table's column of subjects");
  share->add_option("--name-column", flags->name_column,
                    "The table's column of what customers are called");
  share->add_option("--name", flags->name, "What you call the customer");
  share->add_option("--identifier", flags->identifier,
                    "What the customer types, 8 letters and digits at least; without it random");
  share->add_option("--expires", flags->expires,
                    "When the identifiers stop: 2027-01-01 or RFC 3339");
  share->add_option("--request-id", flags->request_id,
                    "Names this share: asking again with it makes no second customer");
  share->add_option("--csv", flags->csv, "Write the list to this file; - writes standard output");
}

}  // namespace proofline::cli
