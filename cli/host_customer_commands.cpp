// proofline host customer ….
#include "cli/arguments.h"
#include "cli/exit_code.h"
#include "cli/host_verbs.h"
#include "cli/share_view.h"
#include "cli/text.h"
#include "lib/base/text.h"

namespace proofline::cli {
namespace {

using Stub = v1::AdminService::Stub;
using base::Concat;
using Target = std::shared_ptr<HostTarget>;

constexpr char kCustomerHelp[] =
    "STUDIO/CUSTOMER, the full name, or CUSTOMER where there is one studio";

struct CustomerFlags {
  std::string which;  // the studio, or the customer
  std::string id;
  std::optional<std::string> name;
  std::vector<std::string> galleries;
  std::vector<std::string> photos;
  std::vector<std::string> matches;
  std::string identifier;
  std::string expires;
  bool never_expires = false;

  bool has_share() const { return !galleries.empty() || !photos.empty() || !matches.empty(); }
};

void PrintCustomer(Output& output, const v1::Customer& customer) {
  if (output.json()) {
    output.Json(customer);
    return;
  }
  output.Print(Facts{
      {"customer", customer.name()},
      {"name", customer.display_name()},
      {"identifier", customer.identifier()},
      {"sees", ShareText(customer.share())},
      {"expires", customer.has_expire_time() ? LocalTime(customer.expire_time()) : "never"},
      {"revoked", customer.revoked() ? "yes" : "no"},
      {"created", LocalTime(customer.create_time())},
      {"last sign-in",
       customer.has_last_sign_in_time() ? LocalTime(customer.last_sign_in_time()) : "never"}});
}

// The gallery of a studio that `text` means: by name, identifier or title. What has the form of an
// identifier need not be there yet.
absl::StatusOr<std::string> FindGallery(const HostClient& client, const std::string& studio,
                                        const std::string& text) {
  std::vector<std::string> titled;
  v1::ListStudioGalleriesRequest request;
  request.set_parent(Concat("studios/", studio));
  request.set_page_size(kHostPageSize);
  const absl::Status listed = client.ForEachPage(
      &Stub::ListStudioGalleries, request, [&](const v1::ListStudioGalleriesResponse& page) {
        for (const v1::Gallery& gallery : page.galleries()) {
          if (gallery.title() == text) titled.push_back(gallery.name());
        }
      });
  if (!listed.ok()) return listed;
  if (titled.size() == 1) return titled.front();
  if (titled.size() > 1) {
    return UsageError(Concat("more than one gallery has the title \"", text, "\"; write one of ",
                             LastId(titled[0]), ", ", LastId(titled[1])));
  }
  return absl::NotFoundError(Concat("the studio ", studio, " has sent no gallery with the title \"",
                                    text, "\"; see: proofline host galleries ", studio));
}

// What the flags share, of the studio with this identifier.
absl::Status ReadShare(const HostClient& client, const CustomerFlags& flags,
                       const std::string& studio, v1::Share& share) {
  for (const std::string& text : flags.galleries) {
    const auto name = ExpandName(kGalleryPattern, text, {studio});
    if (name) {
      share.add_galleries(*name);
      continue;
    }
    const absl::StatusOr<std::string> found = FindGallery(client, studio, text);
    if (!found.ok()) return found.status();
    share.add_galleries(*found);
  }
  for (const std::string& text : flags.photos) {
    const auto name = RequireName(kPhotoPattern, text, "a photo", {studio});
    if (!name.ok()) return name.status();
    share.add_photos(*name);
  }
  for (const std::string& text : flags.matches) {
    const auto match = ParseMatch(text);
    if (!match.ok()) return match.status();
    *share.add_matches() = *match;
  }
  return absl::OkStatus();
}

absl::Status Create(Program& program, const HostTarget& target, const CustomerFlags& flags) {
  const auto parent = RequireName(kStudioPattern, flags.which, "a studio");
  if (!parent.ok()) return parent.status();
  v1::CreateCustomerRequest request;
  request.set_parent(*parent);
  request.set_customer_id(flags.id);
  v1::Customer& customer = *request.mutable_customer();
  if (flags.name) customer.set_display_name(*flags.name);
  customer.set_identifier(flags.identifier);
  const auto client = DialHost(program, target);
  if (!client.ok()) return client.status();
  absl::Status status = ReadShare(*client, flags, LastId(*parent), *customer.mutable_share());
  if (!status.ok()) return status;
  if (!flags.expires.empty()) {
    const auto time = ParseTime(flags.expires);
    if (!time.ok()) return time.status();
    *customer.mutable_expire_time() = *time;
  }
  const auto created = client->Call(&Stub::CreateCustomer, request);
  if (!created.ok()) return created.status();
  if (program.output.json()) {
    program.output.Json(*created);
    return absl::OkStatus();
  }
  if (!flags.has_share()) program.output.Note("this customer sees no photos yet");
  program.output.Note(Concat("created ", created->name(), "; its identifier, shown this once:"));
  program.output.Line(Printable(created->identifier()));
  return absl::OkStatus();
}

absl::Status List(Program& program, const HostTarget& target, const std::string& studio) {
  return PrintListOfStudio(
      program, target, &Stub::ListCustomers, studio, &v1::ListCustomersResponse::customers,
      Table({"CUSTOMER", "NAME", "SEES", "EXPIRES", "LAST SIGN-IN", "REVOKED"}),
      [](const v1::Customer& customer) {
        return std::vector<std::string>{ShortName(customer.name(), 0),
                                        customer.display_name(),
                                        ShareText(customer.share()),
                                        LocalTime(customer.expire_time()),
                                        LocalTime(customer.last_sign_in_time()),
                                        customer.revoked() ? "revoked" : ""};
      },
      "this studio has no customers yet");
}

absl::Status Show(Program& program, const HostTarget& target, const std::string& text) {
  return CallNamed(program, target, &Stub::GetCustomer, kCustomerPattern, text, "a customer",
                   [&](const v1::Customer& customer) { PrintCustomer(program.output, customer); });
}

absl::Status Revoke(Program& program, const HostTarget& target, const std::string& text) {
  return CallNamed(program, target, &Stub::RevokeCustomer, kCustomerPattern, text, "a customer",
                   [&](const v1::Customer& customer) {
                     program.output.Done(customer, Concat(customer.name(), " is revoked"));
                   });
}

absl::Status Update(Program& program, const HostTarget& target, const CustomerFlags& flags) {
  const auto client = DialHost(program, target);
  if (!client.ok()) return client.status();
  const auto name = HostName(*client, kCustomerPattern, flags.which, "a customer");
  if (!name.ok()) return name.status();
  v1::UpdateCustomerRequest request;
  v1::Customer& customer = *request.mutable_customer();
  customer.set_name(*name);
  if (flags.name) {
    customer.set_display_name(*flags.name);
    request.mutable_update_mask()->add_paths("display_name");
  }
  if (flags.has_share()) {
    absl::Status status = ReadShare(*client, flags, StudioOf(*name), *customer.mutable_share());
    if (!status.ok()) return status;
    request.mutable_update_mask()->add_paths("share");
  }
  if (!flags.expires.empty()) {
    const auto time = ParseTime(flags.expires);
    if (!time.ok()) return time.status();
    *customer.mutable_expire_time() = *time;
  }
  if (flags.never_expires || !flags.expires.empty()) {
    request.mutable_update_mask()->add_paths("expire_time");
  }
  if (request.update_mask().paths().empty()) {
    return UsageError(
        "nothing to update; give --name, --gallery, --photo, --match, --expires or "
        "--never-expires");
  }
  const auto updated = client->Call(&Stub::UpdateCustomer, request);
  if (!updated.ok()) return updated.status();
  PrintCustomer(program.output, *updated);
  return absl::OkStatus();
}

void AddCustomerFlags(CLI::App& verb, CustomerFlags& flags) {
  verb.add_option("--name", flags.name, "What the studio calls the customer");
  verb.add_option("--gallery", flags.galleries,
                  "Share this gallery (title, identifier or full name), once for each")
      ->allow_extra_args(false);
  verb.add_option("--photo", flags.photos,
                  "Share this photo (GALLERY/PHOTO or full name), once for each")
      ->allow_extra_args(false);
  verb.add_option("--match", flags.matches,
                  "Share the photos whose metadata has FIELD=VALUE, once for each")
      ->allow_extra_args(false);
  verb.add_option("--expires", flags.expires, "When the identifier stops: 2027-01-01 or RFC 3339");
}

}  // namespace

void AddHostCustomerVerbs(CLI::App& group, Program& program, const Target& target) {
  CLI::App* customers = AddGroup(group, "customer", "Customers of a studio");
  auto flags = std::make_shared<CustomerFlags>();
  CLI::App* create =
      AddVerb(*customers, program, "create", "Create a customer and print its identifier",
              "proofline host customer create demo --name \"Ada\" --gallery summer-1f2e3d4c",
              [&program, target, flags] { return Create(program, *target, *flags); });
  create->add_option("studio", flags->which, "The studio's identifier")->required();
  AddCustomerFlags(*create, *flags);
  create->add_option("--id", flags->id, "The last part of its name; without it the host chooses");
  create->add_option("--identifier", flags->identifier,
                     "What the customer types, 8 letters and digits at least; without it random");

  auto studio = std::make_shared<std::string>();
  AddVerb(*customers, program, "list", "List a studio's customers",
          "proofline host customer list demo",
          [&program, target, studio] { return List(program, *target, *studio); })
      ->add_option("studio", *studio, "The studio's identifier")
      ->required();
  auto text = std::make_shared<std::string>();
  AddVerb(*customers, program, "show", "Show one customer", "proofline host customer show demo/ada",
          [&program, target, text] { return Show(program, *target, *text); })
      ->add_option("customer", *text, kCustomerHelp)
      ->required();
  auto changes = std::make_shared<CustomerFlags>();
  CLI::App* update = AddVerb(
      *customers, program, "update",
      "Change a customer; --gallery, --photo and --match together replace what it sees",
      "proofline host customer update demo/ada --gallery summer-1f2e3d4c --expires 2027-01-01",
      [&program, target, changes] { return Update(program, *target, *changes); });
  update->add_option("customer", changes->which, kCustomerHelp)->required();
  AddCustomerFlags(*update, *changes);
  update->add_flag("--never-expires", changes->never_expires, "Let the identifier work for ever")
      ->excludes("--expires");
  AddVerb(*customers, program, "revoke", "Refuse an identifier and end its sessions",
          "proofline host customer revoke demo/ada",
          [&program, target, text] { return Revoke(program, *target, *text); })
      ->add_option("customer", *text, kCustomerHelp)
      ->required();
}

}  // namespace proofline::cli
