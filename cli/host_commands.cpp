// proofline host …: the verbs of the people who run a host.
#include "cli/host_verbs.h"
#include "cli/order_view.h"
#include "cli/text.h"
#include "lib/base/text.h"

namespace proofline::cli {
namespace {

using Stub = v1::AdminService::Stub;
using base::Concat;
using Target = std::shared_ptr<HostTarget>;

absl::Status ListGalleries(Program& program, const HostTarget& target, const std::string& studio) {
  return PrintListOfStudio(
      program, target, &Stub::ListStudioGalleries, studio,
      &v1::ListStudioGalleriesResponse::galleries,
      Table({"GALLERY", "TITLE", ">PHOTOS", "CHANGED"}),
      [](const v1::Gallery& gallery) {
        return std::vector<std::string>{LastId(gallery.name()), gallery.title(),
                                        std::to_string(gallery.photo_count()),
                                        LocalTime(gallery.update_time())};
      },
      "no device of this studio has sent a photo yet");
}

absl::Status ListStudioLabs(Program& program, const HostTarget& target, const std::string& studio) {
  const auto client = DialHost(program, target);
  if (!client.ok()) return client.status();
  const auto parent = HostName(*client, kStudioPattern, studio, "a studio");
  if (!parent.ok()) return parent.status();
  Table table({"LAB", "NAME", "PRODUCT", "PRODUCT NAME", ">WIDTH", ">HEIGHT", "PRICE"});
  bool any = false;
  v1::ListLabsRequest request;
  request.set_parent(*parent);
  request.set_page_size(kHostPageSize);
  const absl::Status status =
      client->ForEachPage(&Stub::ListLabs, request, [&](const v1::ListLabsResponse& page) {
        for (const v1::Lab& lab : page.labs()) {
          any = true;
          if (program.output.json()) program.output.Json(lab);
          for (const v1::Product& product : lab.products()) {
            table.Add({LastId(lab.name()), lab.display_name(), LastId(product.name()),
                       product.display_name(), std::to_string(product.width_px()),
                       std::to_string(product.height_px()), product.price_text()});
          }
          if (lab.products().empty()) table.Add({LastId(lab.name()), lab.display_name()});
        }
      });
  if (!status.ok()) return status;
  if (!any) {
    program.output.Note("no device of this studio has reported a lab yet");
  } else if (!program.output.json()) {
    program.output.Print(table);
  }
  return absl::OkStatus();
}

void SayState(Output& output, const v1::Order& order) {
  output.Done(order, Concat(order.name(), " is ", Word(order.state())));
}

absl::Status ListOrders(Program& program, const HostTarget& target, const std::string& studio) {
  return PrintListOfStudio(
      program, target, &Stub::ListStudioOrders, studio, &v1::ListStudioOrdersResponse::orders,
      OrderTable(), [](const v1::Order& order) { return OrderRow(order, 0); }, "no orders yet");
}

absl::Status ShowOrder(Program& program, const HostTarget& target, const std::string& text) {
  return CallNamed(program, target, &Stub::GetStudioOrder, kOrderPattern, text, "an order",
                   [&](const v1::Order& order) { PrintOrder(program.output, order); });
}

absl::Status CancelOrder(Program& program, const HostTarget& target, const std::string& text,
                         const std::string& message) {
  v1::CancelStudioOrderRequest request;
  request.set_message(message);
  return CallNamed(
      program, target, &Stub::CancelStudioOrder, kOrderPattern, text, "an order",
      [&](const v1::Order& order) { SayState(program.output, order); }, request);
}

void PrintUsage(Output& output, const v1::Usage& usage) {
  if (output.json()) {
    output.Json(usage);
    return;
  }
  output.Print(Facts{{"photos", std::to_string(usage.photos())},
                     {"renditions", SizeText(usage.rendition_bytes())},
                     {"galleries", std::to_string(usage.galleries())},
                     {"customers", std::to_string(usage.customers())},
                     {"orders", std::to_string(usage.orders())}});
}

absl::Status ShowUsage(Program& program, const HostTarget& target, const std::string& studio) {
  const auto client = DialHost(program, target);
  if (!client.ok()) return client.status();
  const auto parent = HostName(*client, kStudioPattern, studio, "a studio");
  if (!parent.ok()) return parent.status();
  v1::GetUsageRequest request;
  request.set_name(*parent + "/usage");
  const auto usage = client->Call(&Stub::GetUsage, request);
  if (!usage.ok()) return usage.status();
  PrintUsage(program.output, *usage);
  return absl::OkStatus();
}

void AddOrderVerbs(CLI::App& group, Program& program, const Target& target) {
  auto studio = std::make_shared<std::string>();
  AddVerb(group, program, "galleries", "List the galleries that a studio has sent",
          "proofline host galleries demo",
          [&program, target, studio] { return ListGalleries(program, *target, *studio); })
      ->add_option("studio", *studio, "The studio's identifier")
      ->required();
  AddVerb(group, program, "labs", "List the labs that a studio works with, and what they make",
          "proofline host labs demo",
          [&program, target, studio] { return ListStudioLabs(program, *target, *studio); })
      ->add_option("studio", *studio, "The studio's identifier")
      ->required();
  AddVerb(group, program, "orders", "List a studio's orders, newest first",
          "proofline host orders demo",
          [&program, target, studio] { return ListOrders(program, *target, *studio); })
      ->add_option("studio", *studio, "The studio's identifier")
      ->required();
  AddVerb(group, program, "usage", "Count what a studio has stored", "proofline host usage demo",
          [&program, target, studio] { return ShowUsage(program, *target, *studio); })
      ->add_option("studio", *studio, "The studio's identifier")
      ->required();

  auto order = std::make_shared<std::string>();
  auto message = std::make_shared<std::string>();
  constexpr char kOrderHelp[] = "STUDIO/ORDER, the full name, or ORDER where there is one studio";
  AddVerb(group, program, "order", "Show one order", "proofline host order demo/01hx5z",
          [&program, target, order] { return ShowOrder(program, *target, *order); })
      ->add_option("order", *order, kOrderHelp)
      ->required();
  CLI::App* cancel = AddVerb(group, program, "cancel", "Cancel an order that no lab has begun",
                             "proofline host cancel demo/01hx5z --message \"sold out\"",
                             [&program, target, order, message] {
                               return CancelOrder(program, *target, *order, *message);
                             });
  cancel->add_option("order", *order, kOrderHelp)->required();
  cancel->add_option("--message", *message, "Why; the customer reads it");
}

}  // namespace

absl::StatusOr<HostClient> DialHost(const Program& program, const HostTarget& target) {
  absl::StatusOr<Connection> connection =
      DialControl(kHostDaemon, target.state, program.call_timeout());
  if (!connection.ok()) return connection.status();
  return HostClient(*std::move(connection));
}

absl::StatusOr<std::string> HostName(const HostClient& client, std::string_view pattern,
                                     const std::string& text, std::string_view what) {
  if (auto name = ExpandName(pattern, text)) return *name;
  // Something is left out: it can only be the studio, and only where there is no choice.
  if (pattern != kStudioPattern && ExpandName(pattern, text, {"any"})) {
    v1::ListStudiosRequest request;
    request.set_page_size(2);
    const auto studios = client.Call(&Stub::ListStudios, request);
    if (!studios.ok()) return studios.status();
    if (studios->studios_size() == 1) {
      return RequireName(pattern, text, what, {LastId(studios->studios(0).name())});
    }
  }
  return RequireName(pattern, text, what);
}

void AddHostCommands(CLI::App& root, Program& program) {
  CLI::App* group = AddGroup(root, "host", "Look after the host on this machine");
  auto target = std::make_shared<HostTarget>();
  AddStateOption(*group, kHostDaemon, target->state);
  AddHostStudioVerbs(*group, program, target);
  AddHostDeviceVerbs(*group, program, target);
  AddHostCustomerVerbs(*group, program, target);
  AddOrderVerbs(*group, program, target);
}

}  // namespace proofline::cli
