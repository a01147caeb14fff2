// Orders as people read them; shared by the studio's, the host's and the customer's verbs.
#pragma once

#include <string>
#include <vector>

#include "cli/output.h"
#include "proofline/v1/order.pb.h"

namespace proofline::cli {

// `name_from` says which identifiers of names are shown (see ShortName): 0 begins at the studio.
Table OrderTable();
std::vector<std::string> OrderRow(const v1::Order& order, std::size_t name_from);

// One order with its lines, shares and history; the message itself with --json.
void PrintOrder(Output& output, const v1::Order& order);

// "2025-03-01T13:00:00+01:00  at-lab  MESSAGE"
std::string StateChangeText(const v1::OrderStateChange& change);

}  // namespace proofline::cli
