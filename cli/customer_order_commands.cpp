// proofline customer order, orders, show, watch and cancel.
#include "cli/arguments.h"
#include "cli/customer_verbs.h"
#include "cli/exit_code.h"
#include "cli/list.h"
#include "cli/names.h"
#include "cli/order_view.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "lib/base/id.h"
#include "lib/base/text.h"
#include "lib/rpc/retry.h"

namespace proofline::cli {
namespace {

using Service = v1::StorefrontService;
using Stub = Service::Stub;
using base::Concat;
using Target = std::shared_ptr<CustomerTarget>;

constexpr int kPageSize = 1000;

struct OrderFlags {
  std::vector<std::string> lines;
  std::string note;
  std::string request_id;
  bool validate_only = false;
};

struct WatchFlags {
  std::string order;
  std::string until = "completed";
};

absl::Status AddLine(const std::string& text, StoreNames& names, v1::Order& order) {
  const auto line = ParseLine(text);
  if (!line.ok()) return line.status();
  const auto photo = names.Photo(line->photo);
  if (!photo.ok()) return photo.status();
  const auto product = names.Product(line->product);
  if (!product.ok()) return product.status();
  v1::OrderLine& added = *order.add_lines();
  added.set_photo(*photo);
  added.set_product(*product);
  added.set_quantity(line->quantity);
  if (line->print_crop) *added.mutable_print_crop() = *line->print_crop;
  return absl::OkStatus();
}

// The request id makes every further attempt the same order.
absl::StatusOr<v1::Order> Send(const Connection& connection, const StoreClient& client,
                               const v1::CreateOrderRequest& request) {
  const auto timeout = std::chrono::ceil<std::chrono::milliseconds>(connection.timeout);
  base::Backoff backoff(std::chrono::milliseconds(200), std::chrono::seconds(2));
  rpc::RetryOptions options;
  options.attempt_timeout = timeout;
  // A validation changes nothing and can wait for nobody; an order is worth a few attempts.
  options.give_up_after = request.validate_only() ? std::chrono::milliseconds(0)
                                                  : std::min<std::chrono::milliseconds>(
                                                        timeout, std::chrono::seconds(5));
  v1::Order order;
  grpc::Status last;
  const absl::Status status =
      rpc::CallWithRetry({}, backoff, options, [&](grpc::ClientContext* context) {
        last = client.stub().CreateOrder(context, request, &order);
        return last;
      });
  if (status.ok()) return order;
  return connection.Explain(last);
}

absl::Status TakeOrder(Program& program, const CustomerTarget& target, const OrderFlags& flags) {
  // What is wrong in the lines themselves is said before anybody is asked.
  for (const std::string& text : flags.lines) {
    if (const auto line = ParseLine(text); !line.ok()) return line.status();
  }
  const auto signed_in = OpenSession(program, target);
  if (!signed_in.ok()) return signed_in.status();
  const StoreClient client(signed_in->connection);
  StoreNames names(client, signed_in->studio);
  v1::CreateOrderRequest request;
  request.set_request_id(flags.request_id.empty() ? base::NewId() : flags.request_id);
  request.set_validate_only(flags.validate_only);
  request.mutable_order()->set_note(flags.note);
  for (const std::string& text : flags.lines) {
    absl::Status status = AddLine(text, names, *request.mutable_order());
    if (!status.ok()) return status;
  }
  const auto order = Send(signed_in->connection, client, request);
  if (absl::IsUnavailable(order.status()) || absl::IsDeadlineExceeded(order.status())) {
    program.output.Note(
        Concat("it is not known whether the order was taken; the same command with ",
               "--request-id ", request.request_id(), " orders at most once"));
  }
  if (!order.ok()) return order.status();
  if (program.output.json()) {
    program.output.Json(*order);
    return absl::OkStatus();
  }
  for (const v1::OrderLine& line : order->lines()) {
    if (!line.warning().empty()) {
      program.output.Note(Concat("warning, line ", line.line_number(), ": ", line.warning()));
    }
  }
  if (flags.validate_only) {
    program.output.Done(*order, "this order would be taken");
    return absl::OkStatus();
  }
  program.output.Note("ordered:");
  program.output.Line(LastId(order->name()));
  return absl::OkStatus();
}

absl::Status ListOrders(Program& program, const CustomerTarget& target) {
  const auto signed_in = OpenSession(program, target);
  if (!signed_in.ok()) return signed_in.status();
  v1::ListOrdersRequest request;
  request.set_page_size(kPageSize);
  return PrintList(
      program.output, StoreClient(signed_in->connection), &Stub::ListOrders, request,
      &v1::ListOrdersResponse::orders, OrderTable(),
      [](const v1::Order& order) { return OrderRow(order, 1); }, "no orders yet");
}

absl::Status ShowOrder(Program& program, const CustomerTarget& target, const std::string& text) {
  const auto signed_in = OpenSession(program, target);
  if (!signed_in.ok()) return signed_in.status();
  const auto name = RequireName(kOrderPattern, text, "an order", {signed_in->studio});
  if (!name.ok()) return name.status();
  v1::GetOrderRequest request;
  request.set_name(*name);
  const auto order = StoreClient(signed_in->connection).Call(&Stub::GetOrder, request);
  if (!order.ok()) return order.status();
  PrintOrder(program.output, *order);
  return absl::OkStatus();
}

absl::Status CancelOrder(Program& program, const CustomerTarget& target, const std::string& text,
                         const std::string& message) {
  const auto signed_in = OpenSession(program, target);
  if (!signed_in.ok()) return signed_in.status();
  const auto name = RequireName(kOrderPattern, text, "an order", {signed_in->studio});
  if (!name.ok()) return name.status();
  v1::CancelOrderRequest request;
  request.set_name(*name);
  request.set_message(message);
  const auto order = StoreClient(signed_in->connection).Call(&Stub::CancelOrder, request);
  if (!order.ok()) return order.status();
  program.output.Done(*order, Concat(LastId(order->name()), " is ", Word(order->state())));
  return absl::OkStatus();
}

// Shows the states of one order as they come, each once.
class OrderWatch {
 public:
  OrderWatch(Program& program, const CustomerTarget& target, std::string name, bool until_printed)
      : program_(program),
        target_(target),
        name_(std::move(name)),
        until_printed_(until_printed),
        limit_(program.wait_limit()),
        progress_(program.output) {}

  absl::Status Run() {
    while (true) {
      const auto done = Look();
      if (!done.ok() || *done) return done.status();
      const absl::Status status = FollowFeed();
      // The host has forgotten that far back: look at the order as it is, and follow from there.
      if (absl::IsOutOfRange(status) && (!limit_ || *TimeLeft(limit_) > base::Duration::zero())) {
        continue;
      }
      if (!absl::IsDeadlineExceeded(status)) return status;
      return absl::DeadlineExceededError(Concat("gave up waiting: ", name_, " is ", state_));
    }
  }

 private:
  absl::StatusOr<bool> Look() {
    const auto signed_in = OpenSession(program_, target_);
    if (!signed_in.ok()) return signed_in.status();
    v1::GetOrderRequest request;
    request.set_name(name_);
    const auto order = StoreClient(signed_in->connection).Call(&Stub::GetOrder, request);
    if (!order.ok()) return order.status();
    return Show(*order);
  }

  absl::Status FollowFeed() {
    return Follow<Service, v1::OrderEvent>(
        [&]() -> absl::StatusOr<Connection> {
          const auto signed_in = OpenSession(program_, target_);
          if (!signed_in.ok()) return signed_in.status();
          return signed_in->connection;
        },
        [&](Stub& stub, grpc::ClientContext* context) {
          v1::FollowOrdersRequest request;
          request.set_after_revision(revision_);
          return stub.FollowOrders(context, request);
        },
        limit_,
        [&](const v1::OrderEvent& event) -> absl::StatusOr<bool> {
          revision_ = std::max(revision_, event.revision());
          if (event.order().name() != name_) return false;
          return Show(event.order());
        });
  }

  // Whether it has come to where we wait for; an error if it never will.
  absl::StatusOr<bool> Show(const v1::Order& order) {
    revision_ = std::max(revision_, order.revision());
    progress_.Clear();
    if (program_.output.json()) {
      if (order.SerializeAsString() != last_) program_.output.Json(order);
      last_ = order.SerializeAsString();
    }
    for (; shown_ < order.history_size(); ++shown_) {
      if (program_.output.json()) continue;
      program_.output.Line(Printable(StateChangeText(order.history(shown_))));
    }
    state_ = Word(order.state());
    progress_.Show(Concat("waiting: ", state_));
    switch (order.state()) {
      case v1::ORDER_STATE_COMPLETED:
        return true;
      case v1::ORDER_STATE_PRINTED:
        return until_printed_;
      case v1::ORDER_STATE_CANCELLED:
      case v1::ORDER_STATE_FAILED:
        progress_.Clear();
        return absl::FailedPreconditionError(Concat(name_, " is ", state_,
                                                    order.state_message().empty() ? "" : ": ",
                                                    order.state_message()));
      default:
        return false;
    }
  }

  Program& program_;
  const CustomerTarget& target_;
  const std::string name_;
  const bool until_printed_;
  const WaitLimit limit_;
  Progress progress_;
  std::int64_t revision_ = 0;
  int shown_ = 0;
  std::string state_;
  std::string last_;
};

absl::Status WatchOrder(Program& program, const CustomerTarget& target, const WatchFlags& flags) {
  if (flags.until != "printed" && flags.until != "completed") {
    return UsageError(Concat("--until is printed or completed, not \"", flags.until, "\""));
  }
  const auto session = ReadSession(target.session_file);
  if (!session.ok()) return session.status();
  const auto name =
      RequireName(kOrderPattern, flags.order, "an order", {StudioOf(session->customer)});
  if (!name.ok()) return name.status();
  return OrderWatch(program, target, *name, flags.until == "printed").Run();
}

void AddTakeOrderVerb(CLI::App& group, Program& program, const Target& target) {
  auto flags = std::make_shared<OrderFlags>();
  CLI::App* order =
      AddVerb(group, program, "order", "Order prints; prints the order's identifier",
              "proofline customer order --line summer/01hx5z,10x15,2 --line summer/01hx60,20x30",
              [&program, target, flags] { return TakeOrder(program, *target, *flags); });
  order
      ->add_option("--line", flags->lines,
                   "PHOTO,PRODUCT[,QUANTITY[,left:top:width:height]], once for each line; the crop "
                   "is in fractions of the picture")
      ->required()
      ->allow_extra_args(false);
  order->add_option("--note", flags->note, "A word to the studio");
  order->add_option("--request-id", flags->request_id,
                    "Names this request: the same one again orders nothing twice");
  order->add_flag("--validate-only", flags->validate_only, "Check everything, order nothing");
}

}  // namespace

void AddCustomerOrderVerbs(CLI::App& group, Program& program, const Target& target) {
  AddTakeOrderVerb(group, program, target);
  AddVerb(group, program, "orders", "List your orders, newest first", "proofline customer orders",
          [&program, target] { return ListOrders(program, *target); });
  auto text = std::make_shared<std::string>();
  AddVerb(group, program, "show", "Show one order", "proofline customer show 01hx5z",
          [&program, target, text] { return ShowOrder(program, *target, *text); })
      ->add_option("order", *text, "The order's identifier")
      ->required();
  auto watch_flags = std::make_shared<WatchFlags>();
  CLI::App* watch = AddVerb(
      group, program, "watch",
      "Print each state of an order as it comes; without --timeout for ever",
      "proofline customer watch 01hx5z --until printed --timeout 10m",
      [&program, target, watch_flags] { return WatchOrder(program, *target, *watch_flags); });
  watch->add_option("order", watch_flags->order, "The order's identifier")->required();
  watch->add_option("--until", watch_flags->until, "Wait until it is printed or completed")
      ->capture_default_str();
  auto message = std::make_shared<std::string>();
  CLI::App* cancel = AddVerb(
      group, program, "cancel", "Cancel an order that is not being printed yet",
      "proofline customer cancel 01hx5z",
      [&program, target, text, message] { return CancelOrder(program, *target, *text, *message); });
  cancel->add_option("order", *text, "The order's identifier")->required();
  cancel->add_option("--message", *message, "Why; the studio reads it");
}

}  // namespace proofline::cli
